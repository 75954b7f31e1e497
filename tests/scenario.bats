#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a spec can say, done in a guest: a witness in the guest (tests/helper/witness.c) looks at cgroups and processes
# while two specs run, one that has everything and one that the kernel refuses in the middle.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 2n2l1c2t >plan.json
	boot_tree witness
	"$TREE/guest/pack" witness/guest/ktstr.img init="$TREE/guest/init" bin/real-work="$TREE/bin/ktstr-work" \
		bin/ktstr-work="$TREE/tests/helper/witness"
	boot everything >everything.jsonl
	boot everything >again.jsonl
	fails 128 boot refused >refused.jsonl
	fails 128 boot no_irq >no_irq.jsonl
	fails 128 boot timer_irq >timer_irq.jsonl
	boot io_weight >io_weight.jsonl || true # not every kernel has it
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

boot() {
	witness/bin/ktstr-boot --plan plan.json "$BATS_TEST_DIRNAME/data/scenario/$1.json"
}

# during STEP FILTER: true for the last look that lies in that step of everything.json; one takes up to 80 ms
during() {
	jq -es --arg step "$1" '(map(select(.kind == "phase" and .step == $step))[0]) as $p |
		(map(select(.kind == "op" and .phase == $p.index).end_ns) + [$p.start_ns] | max) as $ready |
		(map(select(.source == "witness" and .from_ns >= $ready and .to_ns <= $p.end_ns)) | last) |
		.cgroups as $cg | def procs($name): $cg[$name].procs; '"$2" everything.jsonl
}

# workers FILTER: true for the array of worker records
workers() {
	jq -es 'map(select(.kind == "worker")) | def of($name): map(select(.cgroup == $name)); '"$1" everything.jsonl
}

@test "it ran, in all of its phases, and again the same in every line" {
	tail -n 1 everything.jsonl | grep -F '{"kind":"end","outcome":"done"'
	jq -es 'map(select(.kind == "phase") | [.name, .step]) == [["BASELINE", null], ["Step[0]", "defs"],
		["Step[1]", "cpusets"], ["Step[2]", "tasks"], ["Step[3]", "frozen"], ["Step[4]", "thawed"],
		["Step[5]", "loop"], ["Step[6]", "again"]]' everything.jsonl
	jq -es 'map(select(.kind == "phase")) | [., .[1:]] | transpose[:-1] | all(.[0].end_ns == .[1].start_ns)' everything.jsonl
	diff <(grep -v '^{"kind":"host",' everything.jsonl) <(grep -v '^{"kind":"host",' again.jsonl)
}

@test "holds: a fixed time, a part of the duration, a loop" {
	# From the last op, or the go of the workers, to the end of the phase.
	jq -es 'map(select(.kind == "op")) as $ops | def held($step): map(select(.step == $step))[0] as $p |
			($p.end_ns - ($ops | map(select(.phase == $p.index).end_ns) | max)) / 1e6;
		map(select(.kind == "phase")) | [held("cpusets"), held("frozen"), held("again")] |
		(.[0] >= 200 and .[0] < 205) and (.[1] >= 100 and .[1] < 105) and (.[2] >= 20 and .[2] < 25)' everything.jsonl
	# Five times, at intervals of 20 ms, whatever an op takes.
	jq -es 'map(select(.kind == "op" and .path == "$.steps[5].ops[0]").start_ns) | length == 5 and . as $t |
		all(range(1; 5) as $i | ($t[$i] - $t[0]) / 1e6 - 20 * $i; . >= 0 and . < 5)' everything.jsonl
}

@test "policies and nice values" {
	# SCHED_NORMAL 0, FIFO 1, RR 2, BATCH 3, IDLE 5, DEADLINE 6, EXT 7
	during defs '[procs("normal", "batch", "idle", "fifo", "rr", "dl", "ext")[0] | [.policy, .nice, .rt_priority]] ==
		[[0, -5, 0], [3, 3, 0], [5, 0, 0], [1, 0, 10], [2, 0, 20], [6, 0, 0], [7, 0, 0]]'
}

@test "command names, user and group ids" {
	during defs '[procs("who", "batch")[0] | [.comm, .uid, .gid]] == [["somebody", "1000", "1001"], ["Bursty", "0", "0"]]'
}

@test "workers in % of CPUs, several groups, and beside the cgroups" {
	during defs '(procs("pct") | length == 1) and [procs("groups")[] | [.comm, .cpus, .nice]] ==
		[["Bursty", "0-3", 0], ["PipeIo", "3", 0], ["PipeIo", "3", 0], ["YieldHeavy", "0-3", 10]]'
	during defs '[.runner[] | [.comm, .nice]] == [["beside", 7]]'
	workers 'of("groups") | map([.work, .group, .index]) ==
		[["Bursty", null, 0], ["PipeIo", 1, 0], ["PipeIo", 1, 1], ["YieldHeavy", 2, 0]]'
	workers 'of("(runner)") | length == 1 and .[0].cpuset == "0-3" and .[0].completed'
}

@test "affinities" {
	during defs '[[procs("llc", "cross", "single", "smt", "batch")[].cpus] | join(" ")] ==
		["2-3 1 2 2 0-1 0-1 2-3 2-3 0-3"]'
	# Each draws its own two, as ktstr-work --resolve foretells.
	during defs '[procs("subset")[].cpus] | length == 4 and (unique | length > 1)'
	ktstr-work --resolve --plan plan.json "$BATS_TEST_DIRNAME/data/scenario/everything.json" |
		jq -c 'select(.cgroup == "subset").affinity' >draws
	workers "of(\"subset\") | map(.affinity) == $(cat draws)"
	during defs "[procs(\"subset\")[].cpus] == $(cat draws)"
	workers 'of("smt") | (.[:2] | all(.affinity == "0-1" and (.cpus_used | test("^(0|1|0-1)$")))) and
		(.[2:] | all(.affinity == "2-3" and (.cpus_used | test("^(2|3|2-3)$"))))'
	workers 'of("cross")[0] | .affinity == "0-3" and .cpus_used == "1"'
}

@test "memory policies with their flags" {
	during defs '[procs("bind", "preferred", "interleave", "local", "default", "relative", "balancing")[0].numa] ==
		["bind=static:1", "prefer:1", "interleave:0-1", "local", "default", "bind=relative:1", "bind=balancing:0"]'
	during defs '(procs("many", "weighted")[0].numa) | test("^(prefer|weighted)")'
}

@test "nested cgroups: made with those they are in, controllers on the whole way" {
	during defs '[$cg["out", "out/in", "out/in/most"] | .["cpu.weight", "cpuset.cpus.effective"]] ==
		["200", "0-2", "100", "0-2", "300", "0-1"]'
	during defs 'procs("out") == [] and procs("out/in") == [] and (procs("out/in/most") | length == 1)'
	during cpusets '$cg | has("out") and (has("out/in") | not)'
}

@test "cpusets, memory nodes and limits" {
	during defs '[$cg["bg", "pct", "cross", "batch"]["cpuset.cpus.effective"]] == ["2-3", "2-3", "1", "0-3"]'
	during defs '[$cg["out", "relative", "batch"]["cpuset.mems.effective"]] == ["0-1", "1", "0-1"]'
	during defs '[$cg["limits"]["cpu.max", "cpu.weight", "memory.max", "memory.high", "memory.low", "memory.swap.max",
		"pids.max"]] == ["50000 200000", "50", "67108864", "62914560", "1572864", "8388608", "10"]'
	during defs '[$cg["quota", "batch"]["cpu.max"]] == ["150000 100000", "max 100000"]'
}

@test "SetCpuset, SwapCpusets, ClearCpuset, SetCpusetMems, SetLimits, SetAffinity" {
	during cpusets '[$cg["set", "x", "y", "clear"]["cpuset.cpus.effective"]] == ["1", "2-3", "0", "0-3"]'
	during cpusets '$cg["mems"]["cpuset.mems.effective"] == "1"'
	during cpusets '[$cg["x"]["cpu.max", "cpu.weight", "memory.max"]] == ["max 100000", "77", "max"]'
	during cpusets '[procs("aff")[].cpus] == ["2", "2"]'
	# What a worker is held against: everything that it might have used.
	workers '[of("set", "x", "y", "clear")[0].cpuset] == ["0-1", "0,2-3", "0,2-3", "0-3"] and (of("set")[0].cpus_used | test("1"))'
}

@test "AddCgroup, Spawn, AddCgroupDef, MoveAllTasks, StopCgroup, RemoveCgroup" {
	during tasks '[procs("e/f")[] | [.comm, .policy]] == [["Bursty", 3], ["Bursty", 3], ["Bursty", 3]]'
	during tasks '[procs("late")[].nice] == [4]'
	during tasks '(procs("bg") | length == 4 and (map(.comm) | sort == ["Bursty", "Bursty", "Bursty", "beside"])) and
		procs("a") == [] and .runner == []'
	during tasks 'procs("stop") == [] and ($cg | has("gone") | not)'
	# Moved into the backdrop, they stay: to the end, with the CPUs of both cgroups.
	during thawed 'procs("bg") | length == 4'
	workers 'of("a") | map([.phases, .cpuset]) == [[[3, 7], "0-3"], [[3, 7], "0-3"]]'
	workers 'of("stop", "gone") | all(.phases == [3, 3] and .completed and .wall_time_ns < 60e6)'
	workers 'of("late")[0] | .phases == [3, 3] and .wall_time_ns > 90e6'
}

@test "isolation: a worker is held against all CPUs that it was given, by whatever op" {
	run -0 --separate-stderr ktstr-eval everything.jsonl
	[ "${lines[0]}" = "ktstr_test 'everything' [topo=2n2l1c2t] passed" ]
	# Whoever strays from these is found out.
	jq -c 'if .kind == "worker" and .cgroup == "set" then .cpus_used = "0-2" else . end' everything.jsonl >strayed.jsonl
	run -1 --separate-stderr ktstr-eval strayed.jsonl
	[[ $output == *"ran on unexpected CPUs {2}"* ]]
}

@test "io_weight: as asked for, or unsupported where the kernel has none" {
	jq -es 'map(select(.kind == "end"))[0].outcome as $o | if $o == "done" then
			any(.[]; .cgroups["a"]["io.weight"]? == "default 50")
		else map(select(.kind == "end"))[0] | .outcome == "unsupported" and .reason == "this kernel has no io.weight" end' \
		io_weight.jsonl
}

@test "what is made in a step goes with it" {
	during frozen '$cg | keys == ["bg", "fr", "out"]'
	tail -n 3 everything.jsonl | jq -es 'map(select(.source == "witness")) | length == 1 and
		.[0].cgroups == {} and .[0].runner == []'
	workers 'all(.completed) and (of("set")[0].phases == [2, 2]) and (of("fr")[0].phases == [1, 7])'
}

@test "CaptureCgroupProcs: who is there, by place in the spec" {
	jq -es 'map(select(.kind == "worker" and (.cgroup == "bg" or .cgroup == "a" or .cgroup == "(runner)")) |
			{cgroup_index, index}) as $there |
		map(select(.kind == "op" and .op == "CaptureCgroupProcs")) | length == 1 and
		.[0].result == {tag: "moved", cgroup: "bg", workers: $there, others: 0}' everything.jsonl
}

@test "FreezeCgroup and UnfreezeCgroup: nothing is done in between" {
	during frozen '$cg["fr"]["cgroup.freeze"] == "1" and (procs("fr") | length == 1)'
	during thawed '$cg["fr"]["cgroup.freeze"] == "0"'
	# It may have been asleep, on purpose, for the first 10 ms.
	jq -es '(map(select(.op == "FreezeCgroup"))[1].end_ns) as $from | (map(select(.op == "UnfreezeCgroup"))[0].start_ns) as $to |
		map(select(.kind == "worker" and .cgroup == "fr"))[0] | .max_gap_ns >= $to - $from - 10e6 and
		.max_gap_at_ns <= $from + 10e6 and .max_gap_at_ns + .max_gap_ns < .wall_time_ns - 50e6 and .completed' everything.jsonl
}

@test "CpuOffline, CpuOnline and WriteSysctl, undone at the end" {
	during frozen '.online == "0-2" and .rt_runtime == "900000" and $cg["bg"]["cpuset.cpus.effective"] == "2"'
	during thawed '.online == "0-1,3" and $cg["bg"]["cpuset.cpus.effective"] == "3"'
	jq -es 'map(select(.source == "witness")) | .[0].online == "0-3" and (.[-1] | .online == "0-3" and
		.rt_runtime == "1000000")' everything.jsonl
}

@test "SteerIrq: by name or number, undone at the end; what is not there or cannot be moved fails the run" {
	during frozen '.irq9 == "1"'
	jq -es 'map(select(.source == "witness").irq9) | .[0] == .[-1] and (.[0] | . != "1" and . != "2")' everything.jsonl
	jq -es 'map(select(.op == "SteerIrq").result) == [{irq: "acpi", numbers: [9], cpu: 2}, {irq: "9", numbers: [9], cpu: 1}]' \
		everything.jsonl
	grep '"kind":"end"' no_irq.jsonl | grep -F "\"reason\":\"\$.steps[0].ops[1]: SteerIrq: there is no interrupt 'acp' here\""
	grep '"kind":"end"' timer_irq.jsonl | grep -F "\"reason\":\"\$.steps[1].ops[0]: SteerIrq: cannot write '1' to" |
		grep -E "'/proc/irq/0/smp_affinity_list': (Operation not permitted|Input/output error)"
	# What had been done by then is taken back.
	jq -es 'map(select(.source == "witness").irq9) | any(. == "1") and .[-1] != "1"' timer_irq.jsonl
}

@test "what the kernel refuses fails the run with its place in the spec, and everything is taken back" {
	# How many of them fit beside each other, and who comes first, is the kernel's business.
	grep '"kind":"end"' refused.jsonl | jq -e '.outcome == "error" and (.reason | test("^\\$\\.steps\\[1\\]\\.ops\\[0\\]: Spawn: " +
		"cgroup \u0027bg\u0027 worker [0-4]: the kernel refuses policy deadline: Device or resource busy$"))'
	# It had come so far.
	jq -es 'map(select(.source == "witness")) | any(.cgroups["a/b"]["cgroup.freeze"] == "1" and (.runner | length == 2) and
		.online == "0-2" and .rt_runtime == "900000") and
		(.[-1] | .online == "0-3" and .rt_runtime == "1000000" and .cgroups == {} and .runner == [])' refused.jsonl
}
