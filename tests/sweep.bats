#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Seeds and ktstr sweep, with real guests: a seed is another schedule and repeats, and a sweep finds, keeps and replays.

load helper

# A small oversubscribed spec; more members of its "assert" as $2.
small() {
	spec "$1" '[{"name":"spin","workers":3},{"name":"pair","workers":2,"work":"FutexPingPong"}]' \
		'"topology":"1n1l2c1t","assert":{"max_spread_pct":100'"${2:+,$2}}"
	sed -i 's/"duration_s":1/"duration_s":0.2/' "$1.json"
}

setup_file() {
	export KTSTR_RUNS=$BATS_FILE_TMPDIR/runs
	own_cache "$BATS_FILE_TMPDIR/cache"
	cd "$BATS_FILE_TMPDIR" || exit
	small small
	ktstr sweep small.json --seeds 1..6 -j2 --dir six --json >six.out 2>six.err
}

# What a sweep says without what depends on the host and on where it is kept.
results() {
	jq -c 'select(.kind != "host") | del(.worst)' "$@"
}

# The reports of all seeds of a sweep, without their host records.
reports() {
	cat "$1"/seeds/*/report.jsonl | grep -v '^{"kind":"host"'
}

# report SPEC SEED: run it; all of its report but the host record.
report() {
	ktstr-topo --spec "$1" | ktstr-boot --seed "$2" "$1" 2>stderr | grep -v '^{"kind":"host"'
}

@test "a seed: the same again, and not what another seed gives" {
	small small
	local seed
	for seed in 0 1 2; do
		report small.json $seed >report.$seed
		report small.json $seed >again
		cmp report.$seed again
		jq -c 'select(.kind == "worker") | del(.tid)' again >workers.$seed
	done
	run -1 cmp workers.0 workers.1
	run -1 cmp workers.0 workers.2
	run -1 cmp workers.1 workers.2
}

@test "a seed moves the start by up to 10 ms, of partners together, and is in no figure" {
	small small
	jq '.cgroups |= .[1:]' small.json >pair.json
	local seed
	for seed in 0 1 2 3; do
		report pair.json $seed >report.$seed
		# Alone on two CPUs, they wait for each other far less than a millisecond.
		jq -se 'map(select(.kind == "worker")) | length == 2 and all(.[]; .max_gap_ns < 1e6 and .wall_time_ns > 189e6)' report.$seed
	done
	jq -se 'map(select(.kind == "worker").wall_time_ns) | max < 201e6 and min >= 200e6' report.0
	jq -se 'map(select(.kind == "worker" and .index == 0).wall_time_ns) | sort | max < 200e6 and max - min > 1e6' report.[123]
}

@test "six seeds: a line each, the figures, and everything kept" {
	local out=$BATS_FILE_TMPDIR/six.out
	[ "$(jq -r .kind "$out" | uniq -c | awk '{print $2 $1}' | paste -sd' ')" = "seed6 host1 sweep1" ]
	[ "$(jq -r 'select(.kind == "seed") | "\(.seed) \(.outcome)"' "$out" | paste -sd,)" = \
		"1 passed,2 passed,3 passed,4 passed,5 passed,6 passed" ]
	jq -se 'map(select(.kind == "seed")) as $s | last | .passed == 6 and .failed + .lost + .cannot_tell == 0 and .exit == 0 and
		.worst == null and (.figures | map("\(.figure) \(.cgroup)") | contains(["spread spin", "gap spin", "gap pair"])) and
		all(.figures[]; . as $f | [$s[] | {seed, value: (.figures[] | select(.figure == $f.figure and
			.cgroup == $f.cgroup) | .value)}] as $v | $f.n == 6 and $f.min == ($v | min_by(.value).value) and
			$f.max == ($v | max_by(.value).value) and $f.median == ($v | sort_by(.value)[2].value) and $f.p99 == $f.max and
			any($v[]; .seed == $f.min_seed and .value == $f.min) and any($v[]; .seed == $f.max_seed and .value == $f.max))' "$out"
	cmp "$out" "$BATS_FILE_TMPDIR/six/results.jsonl"
	for seed in 1 2 3 4 5 6; do
		ktstr-eval --format json "$BATS_FILE_TMPDIR/six/seeds/$seed/report.jsonl" |
			cmp - "$BATS_FILE_TMPDIR/six/seeds/$seed/verdict.json"
	done
	# Six schedules, not one six times.
	[ "$(jq -c 'select(.kind == "seed") | .figures' "$out" | sort -u | wc -l)" -eq 6 ]
}

@test "a sweep that is done: said again at once, as text too" {
	cd "$BATS_FILE_TMPDIR"
	run -0 --separate-stderr ktstr sweep small.json --seeds 2..4 --dir six
	[[ $stderr == *"3 of 3 seeds are done already"* ]]
	[[ ${lines[0]} == "    PASS seed 2  spread "*"%  gap "*" ms  imbalance "*"  local_dsq 0 tasks" ]]
	[[ $output == *"ktstr_sweep 'small' [topo=1n1l2c1t] seeds 2..4: 3 passed, 0 failed, 0 cannot tell, 0 lost"* ]]
	run -0 --separate-stderr bash -c 'set -o pipefail; ktstr sweep small.json --seeds 1..6 --dir six --json | head -n 1'
	[ "$output" = "$(head -n 1 six.out)" ]
}

@test "a cgroup with two groups of workers has one figure of a kind" {
	printf '{"name":"two","topology":"1n1l2c1t","duration_s":0.1,"assert":{"max_spread_pct":100},"backdrop":{"cgroups":[{"name":"a","workers":1}]},
		"steps":[{"ops":[{"Spawn":{"cgroup":"a","workers":2}}],"hold":0.1}]}' >two.json
	run -0 --separate-stderr ktstr sweep two.json --seeds 1..2 --dir two --json
	for seed in 1 2; do
		jq -se --argjson all "$(jq -s 'map(select(.kind == "worker").iterations) | add' two/seeds/$seed/report.jsonl)" \
			".[$seed - 1] | .seed == $seed and (.figures | map(select(.figure == \"iterations\").value)) == [\$all]" <<<"$output"
	done
	jq -se 'last.figures | map(select(.figure == "iterations").n) == [2]' <<<"$output"
}

@test "figures of the whole run and of floors: they are kept, and the worst seed is the worst by them too" {
	small small '"max_weight_error_pct":1000000,"min_work_rate":1'
	jq -c '.cgroups[0].nice = 5' small.json >weighed.json
	run -0 --separate-stderr ktstr sweep weighed.json --seeds 1..3 --dir kept
	[[ ${lines[0]} == "    PASS seed 1  "*"  weights "*"%"* ]]
	[[ $output == *$'\n'"weights       -      %"* ]]
	# Of two workers the slower one is the worse.
	slow=$(jq '[.checks[] | select(.check == "min_work_rate").value] | min' kept/seeds/1/verdict.json)
	run -0 --separate-stderr ktstr sweep weighed.json --seeds 1..3 --dir kept --json
	jq -se --argjson slow "$slow" '(last.figures | map(select(.figure == "weights"))) as $weights |
		($weights | length == 1 and .[0].n == 3 and .[0].worse == "more" and (.[0] | has("cgroup") | not)) and
		(.[0].figures | map(select(.figure == "min_work_rate"))) as $rates |
		($rates | map(.value) | min == $slow) and ($rates | map(.worse) | unique == ["less"])' <<<"$output"
	# What three bad schedules would give: twice, four times and three times beyond a threshold.
	fail() { # SEED CHECK VALUE
		jq -c --arg check "$2" --argjson value "$3" '.verdict = "fail" | .reason = "made up" | .checks |= map(
			if .check == $check then .verdict = "fail" | .value = $value else . end)' "kept/seeds/$1/verdict.json" >changed
		mv changed "kept/seeds/$1/verdict.json"
	}
	fail 1 weights 2000000
	fail 2 min_work_rate 0.25
	fail 3 weights 3000000
	run -1 --separate-stderr ktstr sweep weighed.json --seeds 1..3 --dir kept --json
	jq -se 'last.worst.seed == 2' <<<"$output"
	fail 2 min_work_rate 0.4
	run -1 --separate-stderr ktstr sweep weighed.json --seeds 1..3 --dir kept --json
	jq -se 'last.worst.seed == 3' <<<"$output"
}

@test "one at a time or two: the same results" {
	small small
	run -0 --separate-stderr ktstr sweep small.json --seeds 1..6 -j1 --dir one --json
	diff <(results <<<"$output") <(results "$BATS_FILE_TMPDIR/six.out")
	diff <(reports one) <(reports "$BATS_FILE_TMPDIR/six")
}

@test "a rare failure is found, and the printed command shows it again" {
	# Of the six seeds one has the longest gap: it alone is beyond the second longest.
	local gap='map(select(.kind == "seed") | {seed, gap: (.figures | map(select(.figure == "gap").value) | max)}) | sort_by(.gap)'
	limit=$(jq -s "$gap | .[-2].gap" "$BATS_FILE_TMPDIR/six.out")
	seed=$(jq -s "$gap | .[-1].seed" "$BATS_FILE_TMPDIR/six.out")
	mkdir "it's here" && cd "it's here"
	small small "\"max_gap_ms\":$limit"
	run -1 --separate-stderr ktstr sweep small.json --seeds 1..6 -j2 --dir kept
	[ "$(grep -c '^    PASS seed' <<<"$output")" -eq 5 ]
	[ "$(grep -c "^    FAIL seed $seed  tid .* stuck .*ms on cpu" <<<"$output")" -eq 1 ]
	[[ $output == *"1 failed, 0 cannot tell, 0 lost"*$'\n'"failed: $seed"$'\n'"worst: seed $seed: tid "* ]]
	command=${lines[-1]}
	[[ $command == *" --kernel "[0-9]*" --clock virtual --accel tcg --compute model --ns-per-insn 1 --seed $seed "* ]]
	cd /
	for try in 1 2 3; do
		KTSTR_RUNS=$BATS_TEST_TMPDIR/again/$try run -1 --separate-stderr sh -c "$command"
		cmp "$BATS_TEST_TMPDIR/it's here/kept/seeds/$seed/verdict.json" "$BATS_TEST_TMPDIR/again/$try"/*/verdict.json
	done
}

# start_sweep [SPEC]: start one of six seeds, one at a time, and come back when the first is done; the sweep is $sweep.
start_sweep() {
	mkfifo lines
	ktstr sweep "${1:-small.json}" --seeds 1..6 -j1 --dir kept --json >lines 2>said 3>&- &
	sweep=$!
	exec 7<lines
	read -r -u 7 line
	[[ $line == '{"kind":"seed","seed":1,'* ]]
}

@test "kill -9: no process stays, and a second sweep runs only what is not done" {
	small small
	start_sweep
	local boot
	until boot=$(pgrep -P "$sweep" -x ktstr-boot); do
		kill -0 "$sweep"
	done
	kill -KILL "$sweep"
	gone "$boot"
	cat <&7 >rest
	until [ "$(qemus)" = 0 ]; do :; done
	# It did not run to its end.
	run -1 grep -r '"kind":"end"' kept/seeds/.[2-6]
	seeds=$(find kept/seeds -mindepth 1 -maxdepth 1 -name '[0-9]' | wc -l)
	[ "$seeds" -ge 1 ]
	[ "$seeds" -lt 6 ]
	stat -c '%i %n' kept/seeds/*/report.jsonl >before
	run -0 --separate-stderr ktstr sweep small.json --seeds 1..6 --dir kept --json
	[[ $stderr == *"$seeds of 6 seeds are done already"* ]]
	diff <(results <<<"$output") <(results "$BATS_FILE_TMPDIR/six.out")
	jq -se --argjson kept "$seeds" 'map(select(.kind == "host"))[0].ran == 6 - $kept' <<<"$output"
	[ "$(stat -c '%i %n' kept/seeds/*/report.jsonl | grep -cFxf before)" -eq "$seeds" ]
}

@test "an interrupt: 128, nobody is left, and the command that goes on" {
	small small
	start_sweep
	kill -TERM "$sweep"
	local code=0
	wait "$sweep" || code=$?
	[ $code = 128 ]
	[ "$(qemus)" = 0 ]
	run -0 find kept/seeds -name '.*'
	[ -z "$output" ]
	grep 'interrupted by SIGTERM: [1-5] of 6 seeds are done and kept; go on with$' said
	run -0 --separate-stderr sh -c "$(tail -n 1 said)"
	diff <(results <<<"$output") <(results "$BATS_FILE_TMPDIR/six.out")
}

@test "children that the sweep did not start: no seed's end" {
	small small
	# They are the sweep's own from its start, and end while the first seed runs.
	# shellcheck disable=SC2016
	run -0 --separate-stderr timeout 100 bash -c '
		for _ in 1 2; do
			(until [ -e kept/seeds/.1 ] || [ -e kept/seeds/1 ]; do :; done) 3>&- &
		done
		exec ktstr-sweep small.json --seeds 1..2 -j2 --dir kept --json'
	diff <(results <<<"$output" | head -n 2) <(results "$BATS_FILE_TMPDIR/six.out" | head -n 2)
}

@test "a directory that holds something else: 129, and what differs" {
	cd "$BATS_FILE_TMPDIR"
	small other '"max_gap_ms":5'
	sed -i 's/"name":"other"/"name":"small"/' other.json
	run -129 --separate-stderr ktstr sweep other.json --seeds 1..6 --dir six
	[[ $stderr == *'$.run.spec.assert.max_gap_ms is absent there and 5 now'* ]]
	[[ $stderr == *"'six' holds a sweep of other inputs: use another --dir"* ]]
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..6 --dir six --ns-per-insn 2
	[[ $stderr == *'$.run.ns_per_insn is 1 there and 2 now'* ]]
	mkdir -p foreign && touch foreign/file
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..6 --dir foreign
	[[ $stderr == *"'foreign' has files in it and is no sweep's directory: use another --dir"* ]]
	exec 7<six/.lock
	flock 7
	run -128 --separate-stderr ktstr sweep small.json --seeds 1..6 --dir six
	[[ $stderr == *"another sweep is running in 'six'"* ]]
}

@test "under a scheduler: its file and profile are the sweep's, and the printed command's" {
	mkdir here && cd here
	small small '"max_gap_ms":5000'
	cp "$TREE/guest/bpf/erring.bpf.o" mine.bpf.o
	echo '{"bpf":"./mine.bpf.o","flags":[{"name":"early","options":{"events":7}}]}' >flags.json
	run -1 --separate-stderr ktstr sweep small.json --seeds 1..2 --scheduler flags.json --profile early --dir kept
	[ "$(grep -c '^    FAIL seed .*giving up after 7 events' <<<"$output")" = 2 ]
	command=${lines[-1]}
	[[ $command == *" --scheduler $PWD/flags.json --profile early --seed 1 "* ]]
	KTSTR_RUNS=$BATS_TEST_TMPDIR/again run -1 --separate-stderr sh -c "cd / && $command"
	cmp kept/seeds/1/verdict.json "$BATS_TEST_TMPDIR"/again/*/verdict.json
	# What is required makes a profile as well.
	run -1 --separate-stderr ktstr sweep small.json --seeds 1..2 --scheduler flags.json --required-flags early --dir kept --json
	[[ $stderr == *"2 of 2 seeds are done already"* ]]
	# Neither another profile nor another scheduler nor other bytes get among these.
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 --scheduler flags.json --dir kept
	[[ $stderr == *'$.run.profile is "early" there and "default" now'* ]]
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 --scheduler fifo.bpf.o --dir kept
	[[ $stderr == *'$.run.spec.scheduler.bpf is "./mine.bpf.o" there and "fifo.bpf.o" now'* ]]
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 --dir kept
	[[ $stderr == *'$.run.spec.scheduler is '*" there and absent now"* ]]
	cp "$TREE/guest/bpf/stall.bpf.o" mine.bpf.o
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 --scheduler flags.json --profile early --dir kept
	[[ $stderr == *'$.run.programs[0].sha256 is '* ]]
}

@test "files that the spec names are found from where it is; one that is built anew under way ends the sweep" {
	mkdir here
	cp "$TREE/guest/bpf/fifo.bpf.o" here/mine.bpf.o
	small small
	jq '.scheduler = {bpf: "./mine.bpf.o"} | .staged_schedulers = {other: {bpf: "./mine.bpf.o"}}' small.json >here/small.json
	run -0 --separate-stderr ktstr sweep here/small.json --seeds 1..2 --dir two
	[ "$(jq -r 'select(.kind == "scheduler" and .event == "enabled").ops' two/seeds/[12]/report.jsonl | paste -sd' ')" = "fifo fifo" ]
	# Those that are staged are the spec's, whoever named the scheduler.
	run -0 --separate-stderr ktstr sweep here/small.json --seeds 1..1 --scheduler vtime.bpf.o
	start_sweep here/small.json
	cp "$TREE/guest/bpf/llc.bpf.o" here/mine.bpf.o
	local code=0
	wait "$sweep" || code=$?
	[ $code = 129 ]
	grep 'seed [23] ran with a scheduler or program that has changed since the sweep began$' said
	[ "$(cat kept/seeds/*/report.jsonl | jq -r 'select(.kind == "run").programs[].sha256' | sort -u | wc -l)" = 1 ]
}

@test "a lost machine is counted apart, and its seed is run when the sweep goes on" {
	# A QEMU that fails in the second run: before the first the guest is set up.
	cat >qemu <<-'END'
		#!/bin/sh
		case " $* " in *" -incoming "*)
			echo run >>"$0.runs"
			[ "$(wc -l <"$0.runs")" != 3 ] || { echo "qemu: out of luck" >&2 && exit 1; }
		esac
		exec qemu-system-x86_64 "$@"
	END
	chmod +x qemu
	small small
	# It is new here, and its canary's runs would count.
	export KTSTR_TRUST_QEMU=yes
	KTSTR_QEMU=$PWD/qemu run -128 --separate-stderr ktstr sweep --accel tcg small.json --seeds 1..3 -j1 --dir kept
	[[ $output == *"    LOST seed 2  "* ]]
	[[ $output == *"seeds 1..3: 2 passed, 0 failed, 0 cannot tell, 1 lost"* ]]
	[[ $output == *"lost: 2"* ]]
	KTSTR_QEMU=$PWD/qemu run -0 --separate-stderr ktstr sweep --accel tcg small.json --seeds 1..3 -j1 --dir kept --json
	[[ $stderr == *"2 of 3 seeds are done already"* ]]
	# The same as a sweep that lost nothing, though this QEMU has a checkpoint of its own.
	diff <(grep '^{"kind":"seed"' <<<"$output") <(head -n 3 "$BATS_FILE_TMPDIR/six.out")
}

@test "bad ranges, bad options, a bad spec: 129, and nothing is made" {
	small small
	for range in 5..1 a..b 1..b 7 .. 1..1000000 1..9007199254740992 -1..3 1..2..3 ' 1..2'; do
		run -129 --separate-stderr ktstr sweep small.json --seeds "$range" --dir kept
		[[ $stderr == *"--seeds: "* ]]
	done
	run -129 --separate-stderr ktstr sweep small.json --dir kept
	[[ $stderr == *"no seeds given"* ]]
	run -129 --separate-stderr ktstr sweep --seeds 1..2 --dir kept
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 -j0 --dir kept
	run -129 --separate-stderr ktstr sweep small.json --seeds 1..2 --cold --dir kept
	spec bad '[{"name":"a","wrok":1}]'
	run -129 --separate-stderr ktstr sweep bad.json --seeds 1..2 --dir kept
	[[ $stderr == *'bad.json: $.cgroups[0].wrok: unknown key'* ]]
	run -128 --separate-stderr ktstr sweep none.json --seeds 1..2 --dir kept
	[ ! -e kept ]
	run -0 --separate-stderr ktstr sweep --help
	[[ $output == "usage: ktstr sweep "* ]]
}

@test "without --dir the results are where ktstr run keeps its" {
	small small
	KTSTR_RUNS=$PWD/runs run -0 --separate-stderr ktstr sweep small.json --seeds 0..0 --json
	dir=$(jq -r 'select(.kind == "host").dir' <<<"$output")
	[[ $dir == "$PWD"/runs/*-small-sweep && -s $dir/seeds/0/verdict.json ]]
}
