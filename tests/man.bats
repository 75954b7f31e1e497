#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The manual against the programs: examples that run, options, exit codes; and the schemas, by a validator not ours.
# shellcheck disable=SC2154 # run sets stderr

load helper

# The programs see a directory that looks like the repository's root, so that what examples write is not left in it.
setup() {
	local file
	mkdir root
	for file in "$TREE"/*; do
		ln -s "$file" root/
	done
	cd root || return
	export KTSTR_RUNS=$BATS_TEST_TMPDIR/runs
}

commands() { # the .1 pages of programs, without ktstr itself
	local page
	for page in man/*.1; do
		page=${page##*/} page=${page%.1}
		[ "$page" = ktstr ] || echo "$page"
	done
}

# Options, one a line; -h and --help go without saying.
page_options() { # PAGE: those that have an entry
	awk '/^\.It Fl / {
		dash = ""
		for (i = 2; i <= NF && $i !~ /^(Ar|Cm)$/; i++)
			if ($i == "Fl") dash = $(i - 1) == "Fl" ? "--" : "-"
			else if ($i !~ /^[,|]$/) print dash $i
	}' "$1" | grep -vxE -- '-h|--help' | sort -u
}

help_options() { # PROGRAM: those that its --help names
	"$1" --help | grep -oE '(^|[][ |,(])--?[a-zA-Z][a-z-]*' | grep -oE -- '--?[a-zA-Z-]+' | grep -vxE -- '-h|--help' | sort -u
}

exit_codes() { # PAGE: those that it lists
	awk '/^\.S[hs] / { on = tolower($2 " " $3) == "exit status" } on && sub(/^\.It /, "") { gsub(/ , /, "\n"); print }' "$1"
}

@test "every example of the manual exits as it says" {
	local page want line code bad=0 n=0
	# Another version of ktstr may have left what this one calls damaged, and "verify" is among the examples.
	ktstr cache verify --remove >/dev/null 2>&1 || true
	for page in man/*.[157]; do
		while IFS=$'\t' read -r want line; do
			case $want in - | '') continue ;; esac
			n=$((n + 1)) code=0
			bash -o pipefail -c "$line" >out 2>err </dev/null || code=$?
			[ "$code" = "$want" ] || {
				printf '%s: exits %s, not %s: %s\n' "$page" "$code" "$want" "$line"
				tail -n 5 out err
				bad=$((bad + 1))
			}
		done <<<"$(tests/helper/man-examples "$page")"
	done
	[ "$n" -gt 20 ]
	[ "$bad" = 0 ]
}

@test "examples that need what is not here" {
	local page
	for page in man/*.[157]; do
		tests/helper/man-examples "$page" | sed -n 's/^-\t//p'
	done >left
	[ -s left ] # the notation is used
	skip "$(wc -l <left) not run: $(paste -sd';' left)"
}

@test "every program and every verb has its page, and every page of a program a program" {
	local name
	for name in $(cd bin && find . -name 'ktstr*.c' | sed 's,^\./,,; s/\.c$//') $(ktstr --help | sed -n 's/^verbs:/ /p'); do
		[ -e "man/${name#ktstr-}.1" ] || [ -e "man/ktstr-${name#ktstr-}.1" ]
	done
	for name in $(ktstr --help | sed -n 's/^verbs://p'); do
		grep -qx "\.It Cm $name" man/ktstr.1
		[[ $(ktstr "$name" --help) == usage:* ]]
	done
	for name in $(commands); do
		command -v "$name"
	done
}

@test "the options of --help are those of the page" {
	local name
	for name in ktstr-kernel ktstr-topo; do
		[ "$(page_options "man/$name.1" | wc -l)" -gt 5 ] # what is compared is not nothing
	done
	for name in ktstr $(commands); do
		diff -u --label "$name --help" --label "man/$name.1" <(help_options "$name") <(page_options "man/$name.1")
	done
}

@test "--help: 0, on stdout only; a bad option: 129, on stderr only" {
	local name
	for name in ktstr $(commands); do
		run -0 --separate-stderr "$name" --help
		[ -n "$output" ] && [ -z "$stderr" ]
		[ "$("$name" -h)" = "$output" ]
		run -129 --separate-stderr "$name" --no-such-option
		[ -z "$output" ] && [ -n "$stderr" ]
	done
}

@test "exit codes: every page has 0 and 129, and none that ktstr(7) does not have" {
	local name code
	exit_codes man/ktstr.7 | sort >all
	[ "$(paste -sd' ' all)" = "0 1 125 126 127 128 129" ]
	for name in ktstr $(commands); do
		exit_codes "man/$name.1" | sort >codes
		grep -qx 0 codes
		grep -qx 129 codes
		[ -z "$(comm -23 codes all)" ]
	done
}

# Sections of ktstr(7), by their titles.
section() { # TITLE
	awk -v title="$1" '/^\.S[hs] / { on = substr($0, 5) == title } on' man/ktstr.7
}

@test "ktstr(7): the way from a key to its code has six hops, and each file has the function" {
	local file function hops=0
	while read -r file function; do
		hops=$((hops + 1))
		grep -qE "^[a-z].*[ *]$function\\(.*[^;]$" "$file" || { echo "$file has no $function()" && false; }
	done <<<"$(section "How to follow a key to the line that runs it" | sed -n 's/^\.It [0-9]\. Pa \(.*\) , Fn /\1 /p')"
	[ "$hops" = 6 ]
}

@test "ktstr(7) has the folders of libexec and no others, and those that are in the guest image" {
	local program
	diff -u <(cd libexec && printf 'libexec/%s\n' */) <(section FILES | sed -n 's/^\.It Pa \(libexec\/.*\/\)$/\1/p' | sort)
	for program in guest/ktstr-work guest/init guest/sched/ktstr-load; do
		readelf --debug-dump=info --dwarf-depth=1 "$program"
	done | sed -n 's,.*DW_AT_name .*: \([a-z][a-z/-]*/\).*,\1,p' | grep -vx bin/ | sort -u >linked
	section "THE GUEST IMAGE" | sed -n 's/^\.It Pa //p' | sed 's/ , /\n/g' | sort | diff -u linked -
}

@test "ktstr-report(5): a sample of every kind of record, whose members all have an entry" {
	local kind event
	# A record begins with {"kind", and goes on until the next, or the end of the block.
	awk '/^\.Bd -literal/ { literal = 1; next }
		/^\.Ed/ { if (record != "") print record; record = ""; literal = 0; next }
		!literal || !/^[{ ]/ { next }
		/^{"kind"/ { if (record != "") print record; record = "" }
		{ sub(/^ +/, ""); gsub(/\\e/, "\\"); record = record $0 }' man/ktstr-report.5 | grep '^{' >samples.jsonl
	jq -r .kind samples.jsonl | sort -u >kinds
	diff -u <(jq -r '.oneOf[]."$ref" | ltrimstr("#/$defs/")' share/schema/report.schema.json | sort) kinds
	while read -r kind; do
		grep -qx "\.Ss $kind" man/ktstr-report.5
	done <kinds
	for event in enabled tasks watchdog phase ended; do
		grep -q "\"event\":\"$event\"" samples.jsonl
	done
	# The members of a record have entries in its section; those of all records of a kind do, "kind" goes without saying.
	jq -r '.kind as $kind | keys_unsorted[] | select(. != "kind") | "\($kind) \(.)"' samples.jsonl | sort -u >members
	while read -r kind member; do
		awk -v kind="$kind" '/^\.Ss / { on = $2 == kind } on' man/ktstr-report.5 |
			grep -qE "^\.It Cm (.* , |)$member( |$)" || { echo "$kind: $member has no entry" && false; }
	done <members
	python3 -c 'import jsonschema' || skip "python3-jsonschema is not installed"
	PATH=$TREE/tests/helper:$PATH validate share/schema/report.schema.json samples.jsonl
}

@test "every page is clean" {
	command -v mandoc || skip "mandoc is not installed"
	local page
	for page in man/*.[157]; do
		mandoc -Tlint -Wwarning "$page"
		head -n 1 "$page" | grep -q SPDX
	done
}

@test "the README is short, and shows what the programs print" {
	local line
	[ "$(wc -l <README.md)" -le 150 ]
	grep -q '^make check ' README.md # what .ci/run calls
	# Those whose output is always the same.
	sed -n 's/^\$ //p' README.md | grep -E '^ktstr-(topo|work|eval) .*[^|]$' >commands
	[ "$(wc -l <commands)" -ge 3 ]
	while read -r line; do
		bash -o pipefail -c "$line" >want </dev/null || [[ $line == *eval* ]]
		awk -v command="\$ $line" '$0 == command { on = 1; next } /^(\$ |```)/ { on = 0 } on' README.md | diff -u - want
	done <commands
}

@test "schemas: specs, plans and a report are valid, by python3-jsonschema" {
	python3 -c 'import jsonschema' || skip "python3-jsonschema is not installed"
	local topo i=1
	PATH=$TREE/tests/helper:$PATH
	validate share/schema/spec.schema.json share/specs/*.json tests/data/scenario/*.json
	for topo in 1n1l1c1t 2n4l2c2t '2n4l2c1t --node-llcs 1,3 --distance 0,1=40 --memory-node 512' --host; do
		# shellcheck disable=SC2086
		ktstr-topo $topo >plan$i.json
		i=$((i + 1))
	done
	validate share/schema/plan.schema.json plan?.json
	jq '.required_flags = ["a"] | .scheduler = {bpf: "fifo.bpf.o", flags: [{name: "a", options: {slice_ns: 5000000}, requires: []}]}' \
		share/specs/first.json >flags.json
	validate share/schema/spec.schema.json flags.json
	ktstr-topo 1n1l1c1t | ktstr-boot flags.json >report.jsonl
	jq -se 'map(.event // empty) | index("watchdog") and index("ended")' report.jsonl
	validate share/schema/report.schema.json report.jsonl

	# And what is wrong is not.
	refused() { # SCHEMA FILE FILTER WORD
		jq -c "$3" "$2" >"bad.${2##*.}"
		run -1 --separate-stderr validate "share/schema/$1.schema.json" "bad.${2##*.}"
		[[ $stderr == "bad."*"$4"* ]]
	}
	refused spec share/specs/first.json '.cgroups[0].wrok = 1' wrok
	refused spec share/specs/first.json '.cgroups[0].workers = -1' workers
	refused spec flags.json '.scheduler.flags[0].name = "a+b"' name
	refused report report.jsonl 'if .event == "enabled" then del(.at_ns) else . end' enabled
	refused plan plan1.json '.cpus[0].llc = "0"' llc
	refused report report.jsonl 'del(.kind)' kind
	refused report report.jsonl 'if .kind == "worker" then .migrations = -1 else . end' migrations
}
