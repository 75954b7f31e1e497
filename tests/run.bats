#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr run: what it prints, what it keeps and where, and what it exits with. Most of it with guests that are made up
# (tests/helper/fake-qemu); those of tests/data/eval ran on 1n2l2c1t.
# shellcheck disable=SC2154,SC2030,SC2031 # run sets stderr; an environment is one test's own

load helper

setup() {
	fake_qemu
	export KTSTR_RUNS=$PWD/runs FAKE_SAYS=$PWD/says
	# What is known of KVM is no business of these.
	run=(ktstr run --accel tcg)
}

# guest CASE: the spec of a case of ktstr-eval's, and what its guest said
guest() {
	local report=$TREE/tests/data/eval/$1/in.jsonl
	jq -c 'select(.kind == "run").spec' "$report" >mixed_workloads.json
	jq -c 'select(.kind | IN("run", "host") | not)' "$report" >says
}

# What took a time says "T"; and a directory, "DIR".
told() {
	# A second run in the same second has a number behind the name.
	sed -E "s/\[ *[0-9]+\.[0-9]{2}s\]/[T]/; s,[^ ]*/[0-9]{8}T[0-9]{6}Z-(.*[^0-9-])(-[0-9]+)?$,DIR/\1," <<<"$output"
}

@test "PASS: one line, as in the tutorial, with the wall time" {
	guest pass
	mkdir my_crate
	cp mixed_workloads.json my_crate/
	run -0 --separate-stderr "${run[@]}" my_crate/mixed_workloads.json
	[[ $output =~ ^\ \ \ \ PASS\ \[\ \ \ [0-9]\.[0-9]{2}s\]\ my_crate::mixed_workloads\ ktstr/mixed_workloads$ ]]
	[ -z "$(sed '/^ktstr-boot: kernel 7.3.0: /d' <<<"$stderr")" ]
	# Of how long it took, the start included.
	[ "$(grep -o '[0-9]*\.[0-9]*s' <<<"$output" | tr -d .s)" -ge \
		"$(jq 'select(.kind == "host").wall_ms.total / 10 | floor' runs/*/report.jsonl)" ]
}

@test "--defaults: thresholds before the specs' own, by files whose names may have anything in them" {
	guest pass-defaults
	echo '{"max_gap_ms": 179}' >"it's \$one.json"
	echo '{"max_gap_ms": null}' >two.json
	run -1 --separate-stderr "${run[@]}" -q --defaults "it's \$one.json" mixed_workloads.json
	[[ $output == *": tid "*"stuck 180ms"*"(threshold 179ms)"* ]]
	run -0 --separate-stderr "${run[@]}" -q --defaults "it's \$one.json" --defaults=two.json mixed_workloads.json
}

@test "FAIL: the tutorial's own text, and where everything is" {
	guest spread-fail
	mkdir my_crate
	cp mixed_workloads.json my_crate/
	run -1 --separate-stderr "${run[@]}" my_crate/mixed_workloads.json
	diff - <(told) <<-'END'
		    FAIL [T] my_crate::mixed_workloads ktstr/mixed_workloads

		--- STDERR ---
		ktstr_test 'mixed_workloads' [topo=1n2l2c1t] failed:
		  unfair cgroup: spread=22% (10-32%) 2 workers on 2 cpus (threshold 15%)

		--- stats ---
		4 workers, 4 cpus, 12 migrations, worst_spread=22.4%, worst_gap=180ms
		  cg0: workers=2 cpus=2 spread=22.4% gap=180ms migrations=8 iter=15230
		  cg1: workers=2 cpus=2 spread=4.1% gap=120ms migrations=4 iter=14870

		kept in DIR/mixed_workloads
	END
	[ -d "$(sed -n 's/^kept in //p' <<<"$output")" ]
	run -1 --separate-stderr "${run[@]}" -q my_crate/mixed_workloads.json
	[[ $(told) == $'    FAIL [T] my_crate::mixed_workloads ktstr/mixed_workloads: unfair cgroup: spread='*$'\nkept in DIR/mixed_workloads' ]]
}

@test "a run directory: the spec, the plan, the report, the verdict, the console, QEMU's command line" {
	guest spread-fail
	FAKE_CONSOLE=$'a line\nanother\n' run -1 --separate-stderr "${run[@]}" --seed 7 mixed_workloads.json
	local dir=$PWD/runs
	cd runs/* # fails if there are two
	[[ $(basename "$PWD") == [0-9]*T[0-9]*Z-mixed_workloads ]]
	[ "$(printf '%s ' *)" = "console.log payload.cpio plan.json qemu.cmd report.jsonl spec.json verdict.json verdict.txt " ]
	cmp spec.json "$dir/../mixed_workloads.json"
	ktstr-topo 1n2l2c1t | cmp - plan.json
	printf 'a line\nanother\n%.0s' boot run | cmp - console.log
	jq -se '.[0].seed == 7 and (map(select(.kind == "worker")) | length == 4) and last.outcome == "done"' report.jsonl
	run -1 ktstr-eval report.jsonl
	cmp verdict.txt - <<<"$output"
	run -1 ktstr-eval --format json report.jsonl
	cmp verdict.json - <<<"$output"
	[[ $(<qemu.cmd) == "LD_PRELOAD=/proc/self/fd/8 KTSTR_TURN_NS="*" $KTSTR_QEMU -nodefaults "*" -incoming defer" ]]
	[ "$(cpio -t --quiet <payload.cpio | paste -sd' ')" = "run/ktstr/plan.json run/ktstr/spec.json run/ktstr/args" ]
}

@test "a report is judged once, and what a line says is from the document, not from its text" {
	guest pass
	mkdir own
	cat >own/ktstr-eval <<-'END'
		#!/bin/sh
		echo call >>calls
		"$TREE/bin/ktstr-eval" "$@" >/dev/null
		echo "ktstr_test 'else' [sched=else] failed:"
	END
	chmod +x own/ktstr-eval
	PATH=$PWD/own:$PATH run -0 --separate-stderr "$TREE/libexec/ktstr-run" --accel tcg mixed_workloads.json
	[[ $output == "    PASS ["*"s] .::mixed_workloads ktstr/mixed_workloads" ]]
	[ "$(cat calls)" = call ]
	[ "$(cat runs/*/verdict.txt)" = "ktstr_test 'else' [sched=else] failed:" ]
	ktstr-eval -f json runs/*/report.jsonl | cmp - runs/*/verdict.json
}

@test "the same second, one after the other and eight at once: a directory each, and nothing overwritten" {
	guest pass
	mkdir clock
	# A clock that stands still for run directories.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\n[ "$2" != +%%Y%%m%%dT%%H%%M%%SZ ] || set -- -ud 2026-01-02T03:04:05Z "$2"\nexec /usr/bin/date "$@"\n' >clock/date
	chmod +x clock/date
	PATH=$PWD/clock:$PATH
	"${run[@]}" mixed_workloads.json
	cp -a runs before
	local pids=() pid n
	for n in 1 2 3 4 5 6 7 8; do
		"${run[@]}" --seed "$n" mixed_workloads.json 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(cd runs && printf '%s ' *)" = "$(printf '20260102T030405Z-mixed_workloads%s ' '' -2 -3 -4 -5 -6 -7 -8 -9)" ]
	diff -r before/20260102T030405Z-mixed_workloads runs/20260102T030405Z-mixed_workloads
	[ "$(jq -s 'map(select(.kind == "run").seed) | sort | tostring' runs/*/report.jsonl)" = '"[0,1,2,3,4,5,6,7,8]"' ]
	for n in runs/*; do
		jq -se 'last.outcome == "done"' "$n/report.jsonl"
		[[ $(<"$n/verdict.txt") == *" passed"* ]]
	done
}

@test "LOST: the last lines of the console, the reason, the run directory" {
	guest pass
	head -n 2 says >short && mv short says
	# shellcheck disable=SC2016 # what QEMU does when the guest is gone
	printf '#!/bin/sh\ncase " $* " in *" -incoming "*) exec cat %s >&5 ;; esac\nexec "%s" "$@"\n' "$PWD/panic" "$KTSTR_QEMU" >qemu
	printf 'line %d\n' {0..59} >panic
	printf '\e[31mKernel panic - not syncing: oh\r\n' >>panic
	chmod +x qemu
	KTSTR_QEMU=$PWD/qemu run -128 --separate-stderr "${run[@]}" mixed_workloads.json
	[[ ${lines[0]} == "    LOST ["*"] .::mixed_workloads ktstr/mixed_workloads" ]]
	[ "${lines[1]}" = "--- STDERR ---" ]
	[[ ${lines[2]} == "ktstr_test 'mixed_workloads' [topo=1n2l2c1t] lost: "* ]]
	[[ $output == *$'--- log ---\n'*$'\n  console: line 59\n  console: \\x1b[31mKernel panic - not syncing: oh\n\nkept in '*-mixed_workloads ]]
	[[ $output != *"console: line 0"$'\n'* ]]
	[[ $stderr == *"ktstr-boot: lost: "* ]]
	grep -q '^line 0$' runs/*/console.log
	jq -e '.verdict == "lost"' runs/*/verdict.json
}

@test "SKIP: what cannot be had here; BAD: what cannot be right; and why" {
	guest pass
	jq -c '{kind: "end", outcome: "unsupported", reason: "no such thing here"}' <<<null >says
	run -125 --separate-stderr "${run[@]}" mixed_workloads.json
	[[ $(told) == "    SKIP [T] .::mixed_workloads ktstr/mixed_workloads"*"unsupported: no such thing here"*$'\nkept in DIR/mixed_workloads' ]]
	jq '.cgroups[0].wrok = 1' mixed_workloads.json >bad.json
	run -129 --separate-stderr "${run[@]}" bad.json
	[ "$(told)" = $'     BAD [T] .::bad ktstr/bad\nkept in DIR/bad' ]
	[[ $stderr == *'ktstr-boot: bad.json: $.cgroups[0].wrok: unknown key'* ]]
	jq '.topology = "2n3l4c1t"' mixed_workloads.json >odd.json
	run -129 --separate-stderr "${run[@]}" odd.json
	[[ $stderr == *"3 LLCs do not divide evenly over 2 nodes"* ]]
	run -129 --separate-stderr "${run[@]}" -T 1n2l mixed_workloads.json
	run -128 --separate-stderr "${run[@]}" none.json
	[[ $stderr == *none.json*"No such file"* ]]
	[ "$(grep -c '^save\|^set-up' starts)" = 2 ]
}

@test "several specs: all are run, and the worst decides" {
	# worst STATUS SPEC...
	worst() {
		local want=$1
		shift
		run "-$want" --separate-stderr "${run[@]}" -q "$@"
		[ "$(grep -cE '^ +(PASS|FAIL|SKIP|LOST|BAD) ' <<<"$output")" = $# ]
	}
	# A QEMU that does what the name of the spec in its payload says.
	# shellcheck disable=SC2016
	printf '#!/bin/bash\nname=$(cat /proc/self/fd/6 2>/dev/null | grep -aoE "\\"name\\":\\"(pass|fail|skip|lost)" | head -n 1 | cut -d\\" -f4)\n%s\n' \
		'export FAKE_SAYS="'"$PWD"'/${name:-pass}.says"
		exec "'"$KTSTR_QEMU"'" "$@"' >qemu
	chmod +x qemu
	export KTSTR_QEMU=$PWD/qemu
	guest spread-fail && cp says fail.says
	guest pass && cp says pass.says
	jq -c '{kind: "end", outcome: "unsupported", reason: "no"}' <<<null >skip.says
	jq -c '{kind: "end", outcome: "lost", reason: "gone"}' <<<null >lost.says
	local name
	for name in pass fail skip lost; do
		jq --arg name $name '.name = $name' mixed_workloads.json >$name.json
	done
	echo '{' >bad.json
	worst 0 pass.json pass.json
	worst 125 skip.json pass.json
	worst 1 pass.json fail.json skip.json
	worst 128 lost.json fail.json
	worst 129 bad.json lost.json
	worst 129 pass.json fail.json skip.json lost.json bad.json
	[ "$(awk '{print $1}' <<<"$output" | grep -v kept | paste -sd' ')" = "PASS FAIL SKIP LOST BAD" ]
}

@test "-q: the reason is in the line" {
	guest spread-fail
	run -1 --separate-stderr "${run[@]}" -q mixed_workloads.json
	[ "$(told)" = "    FAIL [T] .::mixed_workloads ktstr/mixed_workloads: unfair cgroup: spread=22% (10-32%) 2 workers on 2 cpus (threshold 15%)
kept in DIR/mixed_workloads" ]
	jq -c '{kind: "end", outcome: "unsupported", reason: "no such thing here"}' <<<null >says
	run -125 --separate-stderr "${run[@]}" -q mixed_workloads.json
	[ "$(told)" = "    SKIP [T] .::mixed_workloads ktstr/mixed_workloads: unsupported: no such thing here
kept in DIR/mixed_workloads" ]
	guest pass
	run -0 --separate-stderr "${run[@]}" -q mixed_workloads.json
	[ "$(told)" = "    PASS [T] .::mixed_workloads ktstr/mixed_workloads" ]
}

@test "options behind specs are options, and what is behind -- is a spec" {
	guest pass
	mv mixed_workloads.json "it's.json"
	run -0 --separate-stderr "${run[@]}" "it's.json" --seed 5 -q -- "it's.json"
	[ "$(told | grep -c PASS)" = 2 ]
	jq -se 'map(select(.kind == "run").seed) == [5, 5]' runs/*/report.jsonl
	run -129 --separate-stderr "${run[@]}" "it's.json" --fast
	[[ $stderr == "ktstr run: unknown option '--fast'"* ]]
	run -129 --separate-stderr ktstr verify one.bpf.o --fast
	[[ $stderr == "ktstr verify: unknown option '--fast'"* ]]
}

@test "options: topology, run directory, those of ktstr-boot, bad ones" {
	guest pass
	jq 'del(.topology)' mixed_workloads.json >plain.json
	run -0 --separate-stderr "${run[@]}" --topology=1n2l2c1t --runs "it's here" --seed=4 --kernel="$PWD/kernel" plain.json
	jq -se '.[0] | .seed == 4 and .plan.name == "1n2l2c1t"' "it's here"/*-plain/report.jsonl
	[ ! -e runs ]
	local bad
	for bad in --fast '-d' '--seed' ''; do
		# shellcheck disable=SC2086
		run -129 --separate-stderr ktstr run $bad
		[[ $stderr == "ktstr run: "*$'\n'"Try 'ktstr run --help'." ]]
	done
	run -129 --separate-stderr "${run[@]}" --seed x mixed_workloads.json
	[[ $stderr == *"--seed"* ]]
	touch file
	KTSTR_RUNS=$PWD/file run -128 --separate-stderr "${run[@]}" mixed_workloads.json
	KTSTR_RUNS='' XDG_STATE_HOME=$PWD/state run -0 --separate-stderr "${run[@]}" mixed_workloads.json
	cmp state/ktstr/runs/*-mixed_workloads/spec.json mixed_workloads.json
}

@test "no room for the run directory: 128, and no verdict that says otherwise" {
	guest pass
	unshare -rm true || skip "no user namespaces for a file system of our own"
	mkdir runs
	# Room for the directory, not for the report in it.
	# shellcheck disable=SC2016
	unshare -rm bash -uc '
		mount -t tmpfs -o size=24k none runs
		ktstr run --accel tcg mixed_workloads.json >out 2>err
		echo $? >code
		cp -r runs kept'
	[ "$(<code)" = 128 ]
	[[ $(<out) == "    LOST ["* ]]
	[[ $(<err) == *"No space left on device"* ]]
}

# Start two runs, one after the other, of which the first stands still in its guest's boot: pids in $pid and $boot.
start_still() {
	guest pass
	mkfifo gate
	FAKE_GATE=$PWD/gate env --default-signal=INT,HUP "${run[@]}" mixed_workloads.json mixed_workloads.json >out 2>err 3>&- &
	pid=$!
	until grep -q save starts; do
		kill -0 $pid
	done
	boot=$(pgrep -P $pid -x ktstr-boot)
}

@test "SIGINT, SIGTERM, SIGHUP: the guest ends, the report is closed, the second spec is not run" {
	local sig code
	for sig in INT TERM HUP; do
		start_still
		kill -$sig "$pid"
		code=0
		wait "$pid" || code=$?
		[ $code = 128 ]
		run -1 kill -0 "$boot"
		[ "$(qemus)" = 0 ]
		[[ $(<err) == *"ktstr run: interrupted; kept in $PWD/runs/"*"-mixed_workloads" ]]
		jq -se 'last | .outcome == "lost" and .reason == "interrupted by SIGTERM"' runs/*/report.jsonl
		[ "$(grep -c save starts)" = 1 ]
		rm -r runs gate cache
		: >starts
	done
}

@test "kill -9: the guest ends all the same, and its report is closed" {
	start_still
	kill -KILL "$pid"
	gone "$boot"
	[ "$(qemus)" = 0 ]
	jq -se 'last | .outcome == "lost" and .reason == "interrupted by SIGTERM"' runs/*/report.jsonl
}

# With a real guest.
@test "the kept command line, run by hand, is the same run" {
	unset KTSTR_QEMU KTSTR_TRUST_QEMU KTSTR_KERNEL
	export KTSTR_CACHE_DIR=$TREE/.check
	spec again
	sed -i 's/"duration_s":1/"duration_s":0.1/' again.json
	run -0 --separate-stderr "${run[@]}" --cold -T 1n1l1c1t again.json
	cd runs/*-again
	# As ktstr-run(1) says.
	truncate -s 256M ram
	eval "$(sed 's/-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control//' qemu.cmd)" \
		4>records 5>console 6<payload.cpio 8<"$TREE/libexec/ktstr-turns.so" 9<>ram
	# Samples are taken by the host, which is not there; the guest asks for the one at the end of a phase all the same.
	jq -c 'select(.kind | IN("run", "host", "sample") | not)' report.jsonl >want
	[ "$(wc -l <want)" -ge 4 ]
	diff want <(jq -c 'select(.kind != "request") | if .kind == "end" then .reason = "" else . end' records)
}
