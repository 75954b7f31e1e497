#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The verdicts of many reports in the formats of CI servers, as other programs read them.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup_file() {
	# One of each verdict there is. A report of which even the name is wrong is one in error, and its name means something in each format.
	local data=$BATS_TEST_DIRNAME/data/eval
	cd "$BATS_FILE_TMPDIR" || return
	cp "$data/pass/in.jsonl" passes
	cp "$data/several-fail/in.jsonl" fails
	cp "$data/lost/in.jsonl" lost
	cp "$data/garbage/in.jsonl" error
	cp "$data/cpu-time-zero/in.jsonl" inconclusive
	cp "$data/scheduler-pass/in.jsonl" under-a-scheduler
	jq -c 'if .kind == "run" then .name = "a # SKIP | <b> & \"c\" \\ *d*\n] `e`" | .spec.name = .name else . end' passes >odd-name
	all=(passes fails lost error inconclusive under-a-scheduler odd-name)
	echo "${all[@]}" >reports
	ktstr-eval -f json "${all[@]}" >verdicts 2>/dev/null || true
}

setup() {
	ln -s "$BATS_FILE_TMPDIR"/* .
	read -ra all <reports
}

# Verdicts by what CI servers make of them: passed, failed, error, skipped.
count() {
	jq -s --arg what "$1" '[.[] | {pass: "passed", fail: "failed", lost: "error", error: "error"}[.verdict] // "skipped"]
		| map(select(. == $what)) | length' verdicts
}

@test "json: a verdict a line, in the order of the reports; the worst one's exit status" {
	run -128 --separate-stderr ktstr-eval -f json "${all[@]}"
	[ "$output" = "$(<verdicts)" ]
	[ "${#lines[@]}" = ${#all[@]} ]
	[ "$(jq -r .verdict verdicts | sort -u | xargs)" = "error fail inconclusive lost pass" ]
	run -1 --separate-stderr ktstr-eval -f json passes fails inconclusive
	run -125 --separate-stderr ktstr-eval --json both passes inconclusive
	[ "$(grep -c ^ktstr_test <<<"$output")" = 2 ]
	[ "$(jq -r .verdict both | xargs)" = "pass inconclusive" ]
}

@test "a report that is not there is an error among the others, which are judged" {
	run -128 --separate-stderr ktstr-eval -f json passes nowhere fails
	[ "$(jq -r .verdict <<<"$output" | xargs)" = "pass error fail" ]
	[ "$stderr" = "ktstr-eval: cannot open 'nowhere': No such file or directory" ]
	run -128 --separate-stderr ktstr-eval -f tap13 passes nowhere
	[ "${lines[3]}" = "not ok 2 - nowhere" ]
}

@test "tap13: prove counts what there is, and fails what failed" {
	ktstr-eval -f tap13 "${all[@]}" >all.tap 2>/dev/null || true
	run -1 prove --exec cat --nocolor all.tap
	[[ $output == *"Failed $(($(count failed) + $(count error)))/7 subtests"* ]]
	[[ $output == *"(less $(count skipped) skipped subtest"* ]]
	[[ $output == *"Failed tests:  2-4, 7"* ]]
	[[ $output != *"Parse errors"* ]]
	ktstr-eval -f tap13 passes under-a-scheduler >good.tap
	run -0 prove --exec cat --nocolor good.tap
	[[ $output == *"All tests successful."* && $output == *"Tests=2,"* ]]
	# What cannot tell is skipped, and no failure.
	ktstr-eval -f tap13 inconclusive >skip.tap || true
	run -0 prove --exec cat --nocolor skip.tap
	grep -q '^ok 1 - .* # SKIP inconclusive: ' skip.tap
}

@test "tap14 and ktap: each result is a test in the report's test, with a plan" {
	for format in tap14 ktap; do
		ktstr-eval -f $format "${all[@]}" 2>/dev/null >tests || true
		[ "$(grep -cE '^ +(not )?ok ' tests)" = "$(jq -s 'map(.checks | length) | add' verdicts)" ]
		[ "$(grep -cE '^ +not ok ' tests)" = "$(jq -s '[.[].checks[] | select(.verdict == "fail")] | length' verdicts)" ]
		[ "$(grep -cE '^ +1\.\.' tests)" = "$(jq -s 'map(select(.checks | length > 0)) | length' verdicts)" ]
		[ "$(sed -nE 's/^ +1\.\.//p' tests | xargs)" = "$(jq -s 'map(.checks | length | select(. > 0)) | .[]' verdicts | xargs)" ]
		cp tests "$format"
	done
	grep -qF 'a \# SKIP | <b> & "c" \\ *d*' tap14
	grep -qF 'a _ SKIP | <b> & "c" \ *d*' ktap
	[ "$(head -n 1 ktap)" = "KTAP version 1" ]
}

@test "ktap: the kernel's own kunit.py reads it" {
	local sources
	sources=$(compgen -G '/usr/src/linux-source-*.tar.xz' | tail -n 1)
	[ -n "$sources" ] || skip "no linux-source package is installed"
	tar -xJf "$sources" --strip-components=1 --wildcards '*/tools/testing/kunit'
	ktstr-eval -f ktap "${all[@]}" 2>/dev/null >all.ktap || true
	# Without $TMPDIR/.config and such it wants a kernel tree around it; its parser does not.
	run -1 python3 tools/testing/kunit/kunit.py parse all.ktap
	local passed failed skipped
	passed=$(jq -s '[.[] | if .checks == [] then {verdict} else .checks[] end | select(.verdict == "pass")] | length' verdicts)
	failed=$(jq -s '[.[] | if .checks == [] then {verdict} else .checks[] end | select(.verdict | IN("fail", "lost", "error"))] | length' verdicts)
	skipped=$(jq -s '[.[] | if .checks == [] then {verdict} else .checks[] end | select(.verdict | IN("skip", "inconclusive"))] | length' verdicts)
	[[ $output == *"passed: $passed, failed: $failed, skipped: $skipped"* ]]
	[[ $output != *ERROR* ]]
}

@test "junit: XML whose totals are those of its cases, and of the verdicts" {
	ktstr-eval -f junit "${all[@]}" 2>/dev/null >all.xml || true
	python3 - <<-'END' >seen
		import xml.etree.ElementTree as ET
		root = ET.parse("all.xml").getroot()
		kinds = {"failure": "failures", "error": "errors", "skipped": "skipped"}
		total = {"tests": 0, "failures": 0, "errors": 0}
		for suite in root:
		    seen = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
		    for case in suite:
		        seen["tests"] += 1
		        for child in case:
		            seen[kinds[child.tag]] += 1
		            assert child.get("message"), case.attrib
		    assert all(int(suite.get(k)) == v for k, v in seen.items()), (suite.attrib, seen)
		    for k in total:
		        total[k] += seen[k]
		    print("error" if seen["errors"] else "fail" if seen["failures"] else "skip" if seen["skipped"] else "pass", suite.get("name"), sep="\t")
		assert all(int(root.get(k)) == v for k, v in total.items()), (root.attrib, total)
	END
	cut -f 1 seen >states
	diff states <(jq -r '{lost: "error", inconclusive: "skip"}[.verdict] // .verdict' verdicts)
	grep -qF 'a # SKIP | <b> & "c" \ *d*' seen
}

@test "junit: a run that cannot tell does not look as one that passed, whatever of it passed" {
	ktstr-eval -f junit inconclusive >cannot.xml || true
	grep -q '<testcase classname="[^"]*" name="verdict">' cannot.xml
	grep -q '<skipped message="inconclusive: ' cannot.xml
}

@test "markdown: totals, the worst first, and nothing of a name is markup" {
	ktstr-eval -f markdown "${all[@]}" 2>/dev/null >page || true
	[ "$(head -n 1 page)" = "### ktstr: $(count passed) passed, $(count failed) failed, $(count error) lost or in error, $(count skipped) that cannot tell" ]
	[ "$(sed -nE 's/^\| (pass|fail|lost|error|inconclusive) .*/\1/p' page | uniq | xargs)" = "lost error fail inconclusive pass" ]
	grep -qF 'a \# SKIP \| &lt;b\> &amp; "c" \\ \*d\*' page
	[ "$(wc -l <page)" = $((4 + ${#all[@]})) ]
}

@test "a format that there is not: 129, with those that there are" {
	run -129 --separate-stderr ktstr-eval -f xml passes
	[[ $stderr == "ktstr-eval: no format 'xml'; there are text, json, ktap, tap13, tap14, junit, markdown"* ]]
}
