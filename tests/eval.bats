# SPDX-License-Identifier: GPL-2.0-only
# ktstr-eval: the golden cases of data/eval, what the shell sees, and damaged reports by the thousand.
# shellcheck disable=SC2016,SC2154  # "$1" of bash -c; stderr_lines is run's
load helper

DATA="$BATS_TEST_DIRNAME/data/eval"
ROOT="$BATS_TEST_DIRNAME/.."

# All but the main programs, once, with sanitizers; strict enough to be the lint of what only tests build. An object is called
# after its source's whole path: two folders have files of the same name. Work types and the like, which a spec is read with,
# come from the tree's library.
setup_file() {
	cd "$TREE" || return
	# shellcheck disable=SC2046
	printf '%s\n' libexec/{lib,spec,report,check}/*.c bin/ktstr-eval.c tests/helper/{histogram-check,eval-fuzz}.c |
		xargs -P 2 -I {} sh -c 'exec gcc -std=gnu11 -O1 -g -Wall -Wextra -Wno-missing-field-initializers -Werror \
			-fsanitize=address,undefined -fno-sanitize-recover=all \
			-I. $(pkg-config --cflags jansson) -c -o "$1/$(echo "$2" | tr / _).o" "$2"' - "$BATS_FILE_TMPDIR" {}
	ar qcs "$BATS_FILE_TMPDIR/lib.a" "$BATS_FILE_TMPDIR"/libexec_{lib,spec,report,check}_*.o
}

# sanitized SOURCE OBJECT...: link one of the programs, as the file of its name without path and .c, with the library.
sanitized() {
	(
		cd "$BATS_FILE_TMPDIR" || exit
		name=${1##*/}
		# shellcheck disable=SC2046
		gcc -fsanitize=address,undefined -o "$BATS_TEST_TMPDIR/${name%.c}" "$(echo "$1" | tr / _).o" "${@:2}" \
			lib.a "$TREE/libexec/libktstr.a" $(pkg-config --libs jansson libelf libmd libxxhash) -lm
	)
}

@test "eval: every golden case, in its exact words" {
	local failed=0 n=0
	for dir in "$DATA"/*/; do
		local name=${dir%/} status=0
		name=${name##*/}
		local trace=()
		[ ! -e "$dir/trace" ] || trace=(--trace "$dir/trace")
		ktstr-eval "${trace[@]}" "$dir/in.jsonl" >out 2>err || status=$?
		diff "$dir/want.txt" out || { echo "^ $name: stdout"; failed=1; }
		if [ -e "$dir/want.err" ]; then
			diff "$dir/want.err" err || { echo "^ $name: stderr"; failed=1; }
		elif [ -s err ]; then
			cat err
			echo "^ $name: unexpected stderr"
			failed=1
		fi
		[ "$status" -eq "$(<"$dir/want.status")" ] || { echo "$name: status $status"; failed=1; }
		n=$((n + 1))
	done
	echo "$n cases"
	[ "$n" -ge 60 ]
	[ "$failed" -eq 0 ]
}

# The reports of the golden cases in $reports, and in $wants the exit status of each as a list of JSON. Not those that need a trace.
golden() {
	local dir statuses=()
	reports=()
	for dir in "$DATA"/*/; do
		[ ! -e "$dir/trace" ] || continue
		reports+=("$dir/in.jsonl")
		statuses+=("$dir/want.status")
	done
	wants=$(jq -s -c . "${statuses[@]}")
}

@test "eval: the JSON verdict is one line that agrees with the text and the exit status" {
	golden
	ktstr-eval --format json "${reports[@]}" >verdicts 2>err || true
	[ "$(wc -l <verdicts)" = ${#reports[@]} ]
	[ ${#reports[@]} -ge 60 ]
	jq -s -r --argjson wants "$wants" '[., $wants] | transpose[] | .[1] as $code | .[0] |
		select((
			{pass: 0, fail: 1, inconclusive: 125, skip: 125, unsupported: 125, lost: 128, error: 128}
				[.verdict] == $code
			and keys_unsorted[0] == "kind" and .kind == "verdict" and .ktstr == 1
			and (.verdict == "pass") == (.reason == null)
			and (.checks | all(.check and .verdict and .reason and
				.worse == if .unit == null then null elif .check == "min_work_rate" then "less" else "more" end))
			and (.verdict != "fail" or (.checks | any(.verdict == "fail")))
			and (.verdict != "pass" or (.checks | all(.verdict == "pass" or .verdict == "skip")))
		) | not)' verdicts >wrong
	cat wrong
	[ ! -s wrong ]
}

# verdict_by OBJECT...: of pass-defaults, whose worst gap is 180 ms and whose spread is 0, with files of defaults.
verdict_by() {
	local i=0 options=()
	for object; do
		i=$((i + 1))
		echo "$object" >"defaults$i.json"
		options+=(-d "defaults$i.json")
	done
	ktstr-eval "${options[@]}" -f json "${report:-$DATA/pass-defaults/in.jsonl}" | jq -r '[.verdict] + [.checks[] | select(.verdict == "fail") | .check] | join(" ")'
}

@test "thresholds: a file of defaults decides, then another, then the spec; null switches off" {
	[ "$(verdict_by '{}')" = pass ]
	[ "$(verdict_by '{"max_gap_ms": 179}')" = "fail gap" ]
	[ "$(verdict_by '{"max_gap_ms": 180}')" = pass ]
	[ "$(verdict_by '{"max_gap_ms": 179}' '{"max_gap_ms": 300}')" = pass ]
	[ "$(verdict_by '{"max_gap_ms": 300}' '{"max_gap_ms": 179}')" = "fail gap" ]
	[ "$(verdict_by '{"max_gap_ms": 179}' '{"max_gap_ms": null}')" = pass ]
	[ "$(verdict_by '{"max_gap_ms": 179}' '{"not_starved": false}')" = skip ]
	[ "$(verdict_by '{"not_starved": false}' '{"not_starved": true, "max_gap_ms": 179}')" = "fail gap" ]
	# The spec's own goes before, whatever a file says: a number, and null.
	jq -c 'if .kind == "run" then .spec.assert = {max_gap_ms: 200} else . end' "$DATA/pass-defaults/in.jsonl" >number.jsonl
	report=number.jsonl
	[ "$(verdict_by '{"max_gap_ms": 179}')" = pass ]
	jq -c 'if .kind == "run" then .spec.assert = {max_gap_ms: null} else . end' "$DATA/pass-defaults/in.jsonl" >null.jsonl
	report=null.jsonl
	[ "$(verdict_by '{"max_gap_ms": 179}')" = pass ]
	run -0 ktstr-eval -f json null.jsonl
	[ "$(jq '[.checks[] | select(.check == "gap")] | length' <<<"$output")" = 0 ]
	jq -c 'if .kind == "run" then .spec.assert = {max_gap_ms: null} else . end' "$DATA/gap-fail/in.jsonl" >null.jsonl
	[ "$(verdict_by)" = pass ]
}

@test "thresholds: what a file switches on and nothing has to be judged by is skipped, and not asked for" {
	[ "$(report=$DATA/spread-skip-single-workers/in.jsonl verdict_by '{"max_spread_pct": 10}')" = pass ]
	[ "$(report=$DATA/spread-asked-single-workers/in.jsonl verdict_by '{}')" = inconclusive ]
	# After the scheduler's death as well.
	[ "$(report=$DATA/scheduler-died/in.jsonl verdict_by '{"max_gap_ms": 0, "min_work_rate": 1e9}')" = "fail scheduler" ]
}

@test "thresholds: --show-thresholds says the value and where it is from" {
	echo '{"max_gap_ms": 50, "min_work_rate": 3, "max_quota_excess_pct": null}' >"a file.json"
	run -0 --separate-stderr ktstr-eval -d "a file.json" --show-thresholds "$DATA/pass/in.jsonl"
	row() { awk -v check="$1" '$1 == check' <<<"$output" | tr -s ' '; }
	[ "$(row gap)" = "gap max_gap_ms 50 ms a file.json" ]
	[ "$(row min_work_rate)" = "min_work_rate min_work_rate 1 work/s spec" ]
	[ "$(row isolation)" = "isolation isolation on - spec" ]
	[ "$(row weights)" = "weights max_weight_error_pct off % default (virtual clock)" ]
	[ "$(row quota)" = "quota max_quota_excess_pct 10 % a file.json" ]
	run -0 --separate-stderr ktstr-eval --show-thresholds "$DATA/pass-real-clock/in.jsonl"
	[ "$(row gap)" = "gap max_gap_ms 3000 ms default (real clock)" ]
	run -128 --separate-stderr ktstr-eval --show-thresholds "$DATA/empty/in.jsonl"
	[[ $stderr == *"no run record says which spec and clock it is judged by" ]]
}

@test "thresholds: a file of defaults that is none is 129 with the place, or 128" {
	echo '{"max_gap_ms": "x", "bogus": null}' >bad.json
	run -129 --separate-stderr ktstr-eval -d bad.json "$DATA/pass/in.jsonl"
	[[ ${stderr_lines[0]} == "ktstr-eval: bad.json: \$.bogus: unknown key (known here: "* ]]
	[ "${stderr_lines[1]}" = 'ktstr-eval: bad.json: $.max_gap_ms: must be a number, not a string' ]
	echo '[]' >bad.json
	run -129 --separate-stderr ktstr-eval -d bad.json "$DATA/pass/in.jsonl"
	echo '{' >bad.json
	run -129 --separate-stderr ktstr-eval -d bad.json "$DATA/pass/in.jsonl"
	run -128 --separate-stderr ktstr-eval -d nowhere.json "$DATA/pass/in.jsonl"
	[ -z "$output" ]
}

@test "eval: every check has a golden case that passes it and one that fails it" {
	golden
	{
		ktstr-eval -f json "${reports[@]}" 2>err || true
		for dir in "$DATA"/*/trace; do
			ktstr-eval -f json --trace "$dir" "${dir%/trace}/in.jsonl" 2>>err || true
		done
	} | jq -r '.checks[] | "\(.check) \(.verdict)"' | sort -u >seen
	for check in $(ktstr-eval --list-checks | awk 'NR > 1 { print $1 }'); do
		echo "$check"
		grep -qx "$check pass" seen
		grep -qx "$check fail" seen
	done
}

@test "eval: --list-checks prints each check of list.h with default, unit and formula" {
	run -0 --separate-stderr ktstr-eval --list-checks
	[ "${#lines[@]}" -eq "$(($(grep -c '^CHECK(' "$ROOT/libexec/check/list.h") + 1))" ]
	[[ "$output" == *"spread "*" max_spread_pct "*" 15 (real: 35) "*" % "*"run_delay_ns (off_cpu_ns without it) / wall_time_ns"* ]]
	[[ "$output" == *"gap "*" max_gap_ms "*" 2000 (real: 3000) "*" ms "*"max_gap_ns"* ]]
}

@test "a new check is its file, a line in list.h and one in the Makefile" {
	mkdir -p with/libexec/check
	sed '$aCHECK(migrations)' "$TREE/libexec/check/list.h" >with/libexec/check/list.h
	cat >migrations.c <<-'END'
		#include "libexec/check/check.h"

		static void eval(const struct report_cgroup *cg, double threshold, struct results *out)
		{
			for (unsigned i = 0; i < cg->nr_workers; i++) {
				double n = (double)cg->workers[i].migrations;

				result_worker(out, n > threshold ? VERDICT_FAIL : VERDICT_PASS, &cg->workers[i], n, "%.0f migrations", n);
			}
		}

		const struct check check_migrations = {
			.name = "migrations",
			.summary = "workers stay where they are",
			.formula = "any worker with more migrations than threshold",
			.on = CHECK_ASKED,
			.row = CHECK_THRESHOLD("max_migrations", 1e6, "migrations of a worker"),
			.unit = "",
			.eval = eval,
		};
	END
	for source in "$TREE/libexec/check/check.c" migrations.c; do
		# shellcheck disable=SC2046
		gcc -std=gnu11 -O1 -g -Wall -Wextra -Wno-missing-field-initializers -Werror -fsanitize=address,undefined -Iwith -I"$TREE" \
			$(pkg-config --cflags jansson) -c "$source"
	done
	sanitized bin/ktstr-eval.c "$PWD"/{check,migrations}.o
	# What the spec's reader, the list and the verdict know of the check, they have from its descriptor.
	sed '1s/"assert":{/&"max_migrations":4,/' "$DATA/pass/in.jsonl" >strict.jsonl
	run -1 --separate-stderr ./ktstr-eval strict.jsonl
	[ "${lines[1]}" = "  5 migrations" ]
	run -1 --separate-stderr ./ktstr-eval -f json strict.jsonl
	jq -e '.checks | map(select(.check == "migrations" and .verdict == "fail" and .threshold == 4 and .value == 5)) | length == 1' <<<"$output"
	sed '1s/"max_migrations":4/"max_migrations":-4/' strict.jsonl >bad.jsonl
	run -128 --separate-stderr ./ktstr-eval bad.jsonl
	[ "$stderr" = "ktstr-eval: report: line 1: spec: \$.assert.max_migrations: -4 is not in 0..1000000" ]
	run -0 --separate-stderr ./ktstr-eval --list-checks
	[[ ${lines[-1]} == "migrations "*" max_migrations "*" off "* ]]
	run -128 --separate-stderr ktstr-eval strict.jsonl
	[[ $stderr == *'$.assert.max_migrations: unknown key'* ]]
}

@test "what judges a run is no part of the guest image" {
	nm "$TREE/bin/ktstr-work" >host
	nm "$TREE/guest/ktstr-work" >guest
	while IFS='()' read -r _ check _; do
		grep -q " check_$check\$" host
		run -1 grep " check_$check\$" guest
	done < <(grep '^CHECK(' "$TREE/libexec/check/list.h")
	run -1 grep -E ' (checks_run|verdict_build|report_read)$' guest
}

@test "eval: stdin, '-' and a file give the same" {
	run -1 --separate-stderr ktstr-eval "$DATA/spread-fail/in.jsonl"
	local want="$output"
	run -1 --separate-stderr ktstr-eval - <"$DATA/spread-fail/in.jsonl"
	[ "$output" = "$want" ]
	run -1 --separate-stderr bash -c 'cat "$1" | ktstr-eval' - "$DATA/spread-fail/in.jsonl"
	[ "$output" = "$want" ]
}

@test "eval: --json FILE: the document beside the text, or 128" {
	run -1 --separate-stderr ktstr-eval --json verdict.json "$DATA/spread-fail/in.jsonl"
	[ "$output" = "$(<"$DATA/spread-fail/want.txt")" ]
	run -1 --separate-stderr ktstr-eval -f json "$DATA/spread-fail/in.jsonl"
	[ "$output" = "$(<verdict.json)" ]
	run -128 --separate-stderr ktstr-eval --json none/verdict.json "$DATA/pass/in.jsonl"
	[ -z "$output" ]
	[[ $stderr == "ktstr-eval: "*"none/verdict.json"*"No such file or directory"* ]]
}

@test "eval: bad options are 129 and point to --help, which is short" {
	for bad in --nonsense -x --format=xml '--format'; do
		# shellcheck disable=SC2086
		run -129 --separate-stderr ktstr-eval $bad
		[ -z "$output" ]
		[[ "$stderr" == *"ktstr-eval --help"* ]]
	done
	run -0 --separate-stderr ktstr-eval --help
	[ "${#lines[@]}" -lt 20 ]
	[ -z "$stderr" ]
}

@test "eval: a report that cannot be opened or read is 128 and named" {
	run -128 --separate-stderr ktstr-eval nowhere.jsonl
	[ "$stderr" = "ktstr-eval: cannot open 'nowhere.jsonl': No such file or directory" ]
	run -128 --separate-stderr ktstr-eval .
	[ "$stderr" = "ktstr-eval: '.': cannot read: Is a directory" ]
}

@test "eval: a full disk is 128, never the verdict" {
	run -128 --separate-stderr bash -c 'ktstr-eval "$1" >/dev/full' - "$DATA/pass/in.jsonl"
	[[ "$stderr" == *"cannot write to stdout: No space left on device"* ]]
}

@test "eval: a reader that has seen enough does not change the exit status" {
	# Output beyond a pipe's capacity, to a reader that is gone before the first byte.
	jq -c 'select(.kind == "run") | .spec.cgroups = [{name: "c", workers: 4096}] | .spec.assert = {} |
		.batches = [{cgroup: "c", workers: 4096, path: "$.cgroups[0]"}]' \
		"$DATA/pass/in.jsonl" >many.jsonl
	jq -c 'select(.tid == 5) | .cgroup = "c" | .work_units = 0 | .index = range(4096)' \
		"$DATA/pass/in.jsonl" >>many.jsonl
	tail -n 1 "$DATA/pass/in.jsonl" >>many.jsonl
	run -0 --separate-stderr bash -c '{ ktstr-eval many.jsonl; echo $? >status; } | true; cat status'
	[ "$output" = 1 ]
	[ -z "$stderr" ]
	run -0 --separate-stderr bash -c '{ ktstr-eval many.jsonl; echo $? >status; } | head -n 1; cat status'
	[ "${lines[0]}" = "ktstr_test 'mixed_workloads' [topo=1n2l2c1t] failed:" ]
	[ "${lines[1]}" = 1 ]
	[ -z "$stderr" ]
}

@test "eval: a line without end is cut off and named, in bounded memory" {
	[ -z "${ASAN_OPTIONS+set}" ] || skip "a sanitizer takes more address space than the bound"
	{
		head -n 6 "$DATA/pass/in.jsonl"
		printf '{"kind":"sample","x":"'
		head -c 200000000 /dev/zero | tr '\0' x
		printf '"}\n'
		tail -n +7 "$DATA/pass/in.jsonl"
	} >long.jsonl
	run -128 --separate-stderr bash -c 'ulimit -v 100000; ktstr-eval long.jsonl'
	[ "$stderr" = "ktstr-eval: report: line 7: longer than 16777216 bytes" ]
}

@test "eval: a record that is parsed has a lower limit; one array cannot eat the memory" {
	{
		head -n 3 "$DATA/pass/in.jsonl"
		printf '{"kind":"worker","x":['
		yes 1, | head -n 200000 | tr -d '\n'
		printf '1]}\n'
	} >array.jsonl
	run -128 --separate-stderr ktstr-eval array.jsonl
	[ "${stderr_lines[0]}" = "ktstr-eval: report: line 4: longer than 262144 bytes" ]
	# Just below it, nested as deep as it gets.
	{
		head -n 3 "$DATA/pass/in.jsonl"
		printf '{"kind":"worker","x":'
		head -c 250000 /dev/zero | tr '\0' '['
		echo
	} >deep.jsonl
	run -128 --separate-stderr ktstr-eval deep.jsonl
	[[ "${stderr_lines[0]}" == "ktstr-eval: report: line 4: column "*"maximum parsing depth reached"* ]]
}

@test "eval: a thousand bad lines are counted, not all said" {
	{ head -n 3 "$DATA/pass/in.jsonl"; yes '{"kind":"worker"}' | head -n 1000; } >bad.jsonl
	run -128 --separate-stderr ktstr-eval bad.jsonl
	[ "${#stderr_lines[@]}" -eq 21 ]
	[ "${stderr_lines[20]}" = "ktstr-eval: report: 980 more defects" ]
	[[ "$output" == *"error: report: line 4: \$: 'cgroup' is missing (and 999 more)"* ]]
}

@test "eval: thousands of damaged reports, under sanitizers, all end in a documented way" {
	sanitized tests/helper/eval-fuzz.c
	run -0 --separate-stderr ./eval-fuzz "$DATA/pass/in.jsonl"
	[[ "$output" == "ok: "* ]]
	[ -z "$stderr" ]
}

@test "eval: the golden cases under sanitizers" {
	golden
	sanitized bin/ktstr-eval.c
	for format in text json; do
		ktstr-eval -f $format "${reports[@]}" >want 2>want.err || true
		run -128 --separate-stderr ./ktstr-eval -f $format "${reports[@]}"
		diff want - <<<"$output"
		diff want.err - <<<"$stderr"
	done
}

@test "histogram: merge, quantiles within the bound, JSON there and back" {
	sanitized tests/helper/histogram-check.c
	run -0 --separate-stderr ./histogram-check
	[ "$output" = ok ]
	[ -z "$stderr" ]
}

@test "eval: the schema knows every member of a report, and the manual every member of the schema" {
	local schema="$ROOT/share/schema/report.schema.json"
	for name in pass real-run spread-fail lost scheduler-pass scheduler-died; do
		run -0 --separate-stderr jq -c --slurpfile schema "$schema" '
			.kind as $kind | ($schema[0] | .["$defs"] | .[$kind]) as $rule
			| select($rule == null or ($rule.required - keys != [])
				or (.kind != "host" and keys - ($rule.properties | keys) != []))' "$DATA/$name/in.jsonl"
		[ -z "$output" ]
	done
	# Under the heading of each kind; a histogram's are in the text of worker.
	jq -r '(.oneOf[] | .["$ref"] | ltrimstr("#/$defs/")) as $kind
		| .["$defs"] | .[$kind].properties | keys[] | select(. != "kind") | "\($kind) \(.)"' "$schema" >members
	[ "$(wc -l <members)" -ge 40 ]
	while read -r kind member; do
		echo "$kind $member"
		sed -n "/^\.Ss $kind\$/,/^\.S[sh] /p" "$ROOT/man/ktstr-report.5" | grep -Eq "^\.It Cm (.* )?$member( |\$)"
	done <members
}

@test "eval: the manual describes every check and its key" {
	while read -r name key _; do
		echo "$name $key"
		sed -n '/^\.Ss Checks/,/^\.Ss Verdict/p' "$ROOT/man/ktstr-eval.1" >checks.txt
		grep -qx "\.It Cm $name" checks.txt
		[ "$key" = - ] || grep -Eq "^\.It Cm $key\$|^\.Cm $key( |\$)" checks.txt
	done < <(ktstr-eval --list-checks | tail -n +2)
}
