#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The pipeline on a real kernel: the tutorial's test passes, and for each check there is a spec whose run in a guest fails
# it. What the lines must say is worked out again here, from the workers' own figures.

load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit
	ktstr-topo 1n1l2c1t >plan.json
	boot_tree meddle
	"$TREE/guest/pack" meddle/guest/ktstr.img init="$TREE/guest/init" bin/real-work="$TREE/bin/ktstr-work" \
		bin/ktstr-work="$TREE/tests/helper/meddle"
}

# boot NAME [PROGRAM [OPTION...]]: run the spec NAME.json on two CPUs; its report is NAME.jsonl
boot() {
	"${2:-ktstr-boot}" --plan "$BATS_FILE_TMPDIR/plan.json" "${@:3}" "$1.json" >"$1.jsonl"
}

# fails_with NAME FILTER: the verdict on NAME.jsonl is a failure whose lines are those that the jq filter makes of its
# workers (an array), and no others
fails_with() {
	run -1 --separate-stderr ktstr-eval "$1.jsonl"
	[ "${lines[0]}" = "ktstr_test '$1' [topo=1n1l2c1t] failed:" ]
	sed '1d; /^$/,$d' <<<"$output" >got
	jq -rs "map(select(.kind == \"worker\")) | $2 | \"  \" + ." "$1.jsonl" >want
	[ -s want ]
	diff want got
}

@test "ktstr-topo | ktstr-boot | ktstr-eval: the tutorial's test passes" {
	run -0 --separate-stderr bash -c 'set -o pipefail
		ktstr-topo 1n2l2c1t | ktstr-boot "$TREE/share/specs/mixed_workloads.json" | tee report.jsonl | ktstr-eval'
	[ "${lines[0]}" = "ktstr_test 'mixed_workloads' [topo=1n2l2c1t] passed" ]
	[[ ${lines[2]} == "4 workers, 4 cpus, "* ]]
	[ "${#lines[@]}" = 5 ]
	# It did run: for its ten seconds, on the CPUs it was given, doing what it should.
	jq -es 'map(select(.kind == "phase")) | .[1].end_ns | . >= 10e9 and . < 10.1e9' report.jsonl
	jq -es 'map(select(.kind == "worker")) | map(.cpuset) == ["0-1", "0-1", "2-3", "2-3"] and
		all(.completed and .wall_time_ns >= 10e9) and (.[:2] | all(.cpu_time_ns > 9.9e9 and .work == "SpinWait")) and
		(.[2:] | all(.iterations > 80 and .iterations < 85 * 2 and .work == "Sequence"))' report.jsonl
}

@test "changed numbers in the tutorial's spec: a failure in the tutorial's format" {
	# Three workers on two CPUs; a tenth of a second, in which nobody can make up for that.
	sed '0,/"workers": 2/s//"workers": 3/; s/"duration_s": 10/"duration_s": 0.1/' \
		"$TREE/share/specs/mixed_workloads.json" >mixed_workloads.json
	ktstr-topo 1n2l2c1t | ktstr-boot mixed_workloads.json >report.jsonl
	run -1 --separate-stderr ktstr-eval report.jsonl
	jq -rs '
		def one: (. * 10 | round) as $n | "\($n / 10 | floor).\($n % 10)";
		def gap: (map(.max_gap_ns) | max / 1e6) | if . >= 10 then round elif . >= 1 then (. * 10 | round) / 10
			elif . >= 0.1 then (. * 100 | round) / 100 else (. * 1000 | round) / 1000 end | "gap=\(.)ms";
		def sum(f): map(f) | add;
		def off: map(100 * ([.run_delay_ns, .off_cpu_ns] | min) / .wall_time_ns);
		def spread: off | max - min;
		def line: "workers=\(length) cpus=2 spread=\(spread | one)% \(gap) migrations=\(sum(.migrations)) iter=\(sum(.iterations))";
		map(select(.kind == "worker")) | .[:3] as $a | .[3:] as $b |
		"ktstr_test '\''mixed_workloads'\'' [topo=1n2l2c1t] failed:",
		"  unfair cgroup: spread=\($a | spread | round)% (\($a | off | min | round)-\($a | off | max | round)%) 3 workers on 2 cpus (threshold 15%)",
		"",
		"--- stats ---",
		"5 workers, 4 cpus, \(sum(.migrations)) migrations, worst_spread=\($a | spread | one)%, worst_\(gap)",
		"  cg0: \($a | line)",
		"  cg1: \($b | line)"' report.jsonl >want
	diff want - <<<"${output%%$'\n\n--- timeline ---\n'*}"
	# As the samples saw it.
	[[ $output == *$'\n\n--- timeline ---\nPhase 1: Step[0] ('*$'\n\n--- monitor ---\nsamples=2 max_imbalance=3.00 '*$'\nverdict: monitor OK' ]]
}

@test "starvation: more workers on one CPU than ever get a turn" {
	spec starved '[{"name":"a","workers":100,"cpuset":{"exact":[0]}}]' '"assert":{"max_spread_pct":100}'
	sed -i 's/"duration_s":1/"duration_s":0.02/' starved.json
	boot starved
	fails_with starved '.[] | select(.work_units == 0) | "tid \(.tid) starved (0 work units)"'
	jq -es 'map(select(.kind == "worker")) | length == 100 and all(.completed) and any(.work_units > 0)' starved.jsonl
}

@test "spread: three spinners on two CPUs" {
	spec unfair '[{"name":"a","workers":3}]'
	sed -i 's/"duration_s":1/"duration_s":0.1/' unfair.json
	boot unfair
	fails_with unfair 'map(100 * .off_cpu_ns / .wall_time_ns) |
		"unfair cgroup: spread=\(max - min | round)% (\(min | round)-\(max | round)%) 3 workers on 2 cpus (threshold 15%)"'
}

@test "gap: six spinners on one CPU, and little patience" {
	spec stuck '[{"name":"a","workers":6,"cpuset":{"exact":[1]}}]' '"assert":{"max_gap_ms":5}'
	sed -i 's/"duration_s":1/"duration_s":0.2/' stuck.json
	boot stuck
	fails_with stuck '.[] | select(.max_gap_ns > 5e6) |
		"tid \(.tid) stuck \(.max_gap_ns / 1e6 | round)ms on cpu1 at +\(.max_gap_at_ns / 1e6 | floor)ms (threshold 5ms)"'
}

@test "throughput CV: who yields to nobody does more in a CPU second than who yields to another" {
	spec uneven '[{"name":"a","workers":3,"work":"YieldHeavy"}]' '"assert":{"max_throughput_cv":0.1,"max_spread_pct":100}'
	sed -i 's/"duration_s":1/"duration_s":0.1/' uneven.json
	boot uneven
	fails_with uneven 'map(.work_units * 1e9 / .cpu_time_ns) | (add / length) as $mean |
		((map(. - $mean | . * .) | add / length | sqrt) / $mean * 1000 | round) as $cv |
		"throughput CV \($cv / 1000 | floor).\($cv % 1000 + 1000 | tostring[1:]) exceeds limit 0.100 (mean=\($mean | round) work/cpu_s)"'
}

@test "minimum work rate: a floor that no CPU reaches" {
	spec slow '[{"name":"a","workers":2}]' '"assert":{"min_work_rate":1e9}'
	sed -i 's/"duration_s":1/"duration_s":0.1/' slow.json
	boot slow
	fails_with slow '.[] |
		"worker \(.tid) throughput \(.work_units * 1e9 / (.cpu_time_ns + .run_delay_ns) | round) work/runnable_s below floor 1000000000"'
	# Executed, it is of CPU time.
	boot slow "" --compute execute
	fails_with slow '.[] |
		"worker \(.tid) throughput \(.work_units * 1e9 / .cpu_time_ns | round) work/cpu_s below floor 1000000000"'
}

@test "the tutorial's test can fail: one waits for most of the time, and does as much in a CPU second as the others" {
	jq '.duration_s = 1.6 | .topology = "1n1l2c1t" | .memory_mb = 256 | .cgroups[].cpuset = {exact: [0]} | .cgroups[1].cpuset = {exact: [1]} |
		.assert += {max_spread_pct: 100, max_gap_ms: 10000}' "$TREE/share/specs/mixed_workloads.json" >waits.json
	# It puts one of the four aside for 1.5 s.
	boot waits "" --scheduler starve.bpf.o
	run -1 ktstr-eval waits.jsonl
	[[ ${lines[1]} =~ ^"  throughput CV 0."[5-9][0-9]*" exceeds limit 0.500 (mean="[0-9]+" work/runnable_s)"$ ]]
	jq -es 'map(select(.kind == "worker" and .work == "SpinWait") | .work_units / .cpu_time_ns) | length == 2 and max < 1.02 * min' waits.jsonl
}

@test "isolation: workers that are moved out of their cpuset while they run" {
	spec strays '[{"name":"stray","workers":2,"cpuset":{"exact":[0]}}]' '"assert":{"isolation":true,"max_spread_pct":100}'
	boot strays "$BATS_FILE_TMPDIR/meddle/bin/ktstr-boot"
	fails_with strays '.[] | select(.cpus_used != "0") | "tid \(.tid) ran on unexpected CPUs {1}"'
	# The same without the meddling passes.
	boot strays
	run -0 --separate-stderr ktstr-eval strays.jsonl
}

@test "workers that die, or do not stop: their records say how, and the verdict counts them; a stranger in a cgroup goes with it" {
	spec dead '[{"name":"kill","workers":2},{"name":"stop","workers":1},{"name":"left","workers":1}]' \
		'"assert":{"max_gap_ms":10000}'
	sed -i 's/"duration_s":1/"duration_s":0.2/' dead.json
	boot dead "$BATS_FILE_TMPDIR/meddle/bin/ktstr-boot"
	jq -es 'map(select(.kind == "worker")) | map([.cgroup, .completed, .exit]) ==
		[["kill", false, {"signaled": "SIGKILL"}], ["kill", false, {"signaled": "SIGKILL"}],
		["stop", false, "timed_out"], ["left", true, {"exited": 0}]] and
		(.[:2] | all(.wall_time_ns > 0 and .wall_time_ns < 0.2e9)) and
		all(.work_units > 0 and .cpu_time_ns > 0 and .cpu_time_ns <= .wall_time_ns) and
		(.[:2] | all(.modelled_ns <= .cpu_time_ns and .modelled_ns > 0.95 * .cpu_time_ns)) and
		(map(.work_units / .modelled_ns) | max < 1.01 * min)' dead.jsonl
	jq -es 'last | .outcome == "done"' dead.jsonl
	fails_with dead '(.[:2][] | "tid \(.tid) died: killed by SIGKILL"), "tid \(.[2].tid) timed out: did not stop when told to"'
}
