#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Workers, run for real on this machine. It may be busy: timing is checked by inequalities that hold on any machine.
bats_require_minimum_version 1.5.0
load helper
load workers

@test "every work type does its work and sends its figures" {
	spec 0.4 '{"name": "spin", "workers": 1, "work": "SpinWait"}' '{"name": "yield", "workers": 1, "work": "YieldHeavy"}' \
		'{"name": "mixed", "workers": 1, "work": "Mixed"}' \
		'{"name": "bursty", "workers": 1, "work": {"Bursty": {"burst_ms": 1, "sleep_ms": 1}}}' \
		'{"name": "seq", "work": {"Sequence": {"first": {"spin_ms": 2},
			"rest": [{"sleep_ms": 2}, {"yield_ms": 2}, {"io_ms": 2}]}}}' \
		'{"name": "pipe", "workers": 2, "work": "PipeIo"}' '{"name": "futex", "workers": 2, "work": "FutexPingPong"}'
	run -0 --separate-stderr work
	[ -z "$stderr" ]
	printf '%s\n' "$output" >out
	[ "$(jq -r .kind out | uniq -c | awk '{print $2 $1}' | paste -sd' ')" = "phase2 worker10 end1" ]
	[ "$(jq -r 'select(.kind == "worker") | "\(.cgroup)\(.cgroup_index).\(.index)"' out | paste -sd' ')" = \
		"spin0.0 yield1.0 mixed2.0 bursty3.0 seq4.0 seq4.1 pipe5.0 pipe5.1 futex6.0 futex6.1" ]
	jq -es 'map(select(.kind == "worker")) | all(
		.completed and .exit == {"exited": 0} and .work_units > 0 and .iterations > 0 and .tid > 0 and
		.iterations <= .work_units and .cpu_time_ns > 0 and .wall_time_ns >= 400000000 and
		.off_cpu_ns == ([.wall_time_ns - .cpu_time_ns, 0] | max) and .cpus_used != "" and
		.max_gap_ns > 0 and .max_gap_at_ns + .max_gap_ns <= .wall_time_ns and .run_delay_ns >= 0 and .timeslices > 0)' out
	[ "$(jq -r 'select(.kind == "worker" and .wake_latency) | .cgroup' out | uniq | paste -sd' ')" = "pipe futex" ]
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"done","reason":"the scenario ran"}' ]
	jq -es '.[0] | .index == 0 and .name == "BASELINE" and .start_ns < 0 and .end_ns == 0' out
	jq -es '.[1] | .index == 1 and .name == "Step[0]" and .start_ns == 0 and .end_ns >= 400000000' out
}

# Three cycles a spin, at the least, on no CPU of more than 6 GHz.
@test "a unit is as much CPU time as its spins take" {
	spec 0.3 '{"name": "spin", "workers": 1, "work": "SpinWait"}' '{"name": "mixed", "workers": 1, "work": "Mixed"}' \
		'{"name": "bursty", "workers": 1, "work": {"Bursty": {"burst_ms": 2, "sleep_ms": 20}}}' \
		'{"name": "seq", "workers": 1, "work": {"Sequence": {"first": {"spin_ms": 50}}}}'
	work >out
	jq -es 'map(select(.kind == "worker")) | length == 4 and all(.cpu_time_ns / .work_units > 500)' out
	figure bursty '.iterations <= 300 / 22 + 2' # it does sleep
	spec 1 '{"name": "pipe", "workers": 2, "work": {"PipeIo": {"burst": 1000000}}}' \
		'{"name": "futex", "workers": 2, "work": {"FutexPingPong": {"spin": 1000000}}}' \
		'{"name": "fan", "workers": 2, "work": {"FutexFanOut": {"fan_out": 1, "spin": 1000000}}}' \
		'{"name": "waker", "workers": 2, "work": {"AsymmetricWaker": {"burst": 1000000}}}' \
		'{"name": "mutex", "workers": 2, "work": {"MutexContention": {"contenders": 2, "work": 1000000, "hold": 1}}}' \
		'{"name": "signal", "workers": 2, "work": {"SignalStorm": {"work": 1000000}}}' \
		'{"name": "queue", "workers": 2, "work": {"ProducerConsumerImbalance": {"producers": 1, "consume_iters": 1000000}}}' \
		'{"name": "fault", "workers": 1, "work": {"PageFaultChurn": {"spin": 1000000}}}' \
		'{"name": "cross", "workers": 2, "work": {"CrossAffinityChurn": {"spin": 1000000}}}' \
		'{"name": "churn", "workers": 1, "work": {"AffinityChurn": {"spin": 1000000}}}'
	work >out
	# Of the second of a pair only where it has the same to do; of a queue's, only the consumer.
	jq -es 'map(select(.kind == "worker" and (.cgroup == "queue" and .index == 0 or .cgroup == "waker" and .index == 1 | not))) |
		length == 16 and all(.work_units > 0 and .cpu_time_ns / .work_units > 500000)' out
}

@test "partners wake each other, and the latencies are counted" {
	spec 0.3 '{"name": "pipe", "workers": 4, "work": {"PipeIo": {"burst": 0}}}' \
		'{"name": "futex", "workers": 4, "work": {"FutexPingPong": {"spin": 0}}}'
	run -0 --separate-stderr work
	printf '%s\n' "$output" | jq -es 'map(select(.kind == "worker")) | length == 8 and all(
		.wake_latency as $l | .work_units > 0 and $l.count <= .work_units and $l.min <= $l.max and ($l.sum | tonumber) >= $l.count * $l.min and
		([$l.buckets[][1]] | add) == $l.count and $l.max <= .max_gap_ns + .wall_time_ns)'
	# One of a pair may never sleep, when the other preempts it; not both.
	printf '%s\n' "$output" | jq -es 'map(select(.kind == "worker") | .wake_latency.count) |
		all(range(0; 8; 2) as $i | .[$i] + .[$i + 1]; . > 0)'
	# Turns are taken in turn.
	printf '%s\n' "$output" | jq -es 'map(select(.kind == "worker") | .work_units) |
		all(range(0; 8; 2) as $i | .[$i] - .[$i + 1]; . == 0 or . == 1)'
}

@test "a delay put in comes out: latency of a partner that was stopped" {
	# The stopped one holds the turn or is woken late; either way one of the two gaps shows it, and nothing hides it.
	spec 2 '{"name": "a", "workers": 2, "work": "FutexPingPong"}'
	start --no-cgroups
	kill -STOP "${pids[1]}"
	sleep 0.3 # the delay that is put in
	kill -CONT "${pids[1]}"
	wait_done
	wait "$work"
	jq -es 'map(select(.kind == "worker")) | all(.max_gap_ns >= 300000000 and .completed)' out
}

@test "a gap is as long as the time a spinner was kept from running" {
	spec 2 '{"name": "a", "workers": 1}'
	start --no-cgroups
	kill -STOP "${pids[0]}"
	sleep 0.3 # the delay that is put in
	kill -CONT "${pids[0]}"
	wait_done
	wait "$work"
	figure a '.max_gap_ns >= 300000000 and .off_cpu_ns >= 300000000 and .max_gap_at_ns < 1700000000 and .completed'
}

@test "sleep on purpose is not a gap" {
	spec 2 '{"name": "b", "workers": 1, "work": {"Bursty": {"burst_ms": 1, "sleep_ms": 3600000}}}' \
		'{"name": "s", "workers": 1, "work": {"Sequence": {"first": {"sleep_ms": 1600}}}}'
	work >out
	figure b '.max_gap_ns < 1000000000 and .off_cpu_ns > 1000000000 and .work_units > 0'
	figure s '.max_gap_ns < 1000000000 and .off_cpu_ns > 1000000000 and .work_units > 0'
}

@test "two spinners on one CPU share it, wait for it, and stay on it" {
	spec 0.5 "{\"name\": \"a\", \"workers\": 2, \"cpuset\": {\"exact\": [$cpu]}}"
	work >out
	jq -es --arg cpu "$cpu" 'map(select(.kind == "worker")) | all(.cpuset == $cpu and .cpus_used == $cpu and
		.migrations == 0 and .run_delay_ns > 0) and
		(map(.cpu_time_ns) | add) <= (map(.wall_time_ns) | max) + 50000000' out
}

@test "a worker that is killed is recorded with its signal and what it had done" {
	spec 1 '{"name": "a"}' '{"name": "b", "work": "PipeIo"}'
	start --no-cgroups
	kill -KILL "${pids[0]}"
	kill -TERM "${pids[2]}"
	wait_done
	wait "$work"
	figure a '.exit == {"signaled": "SIGKILL"} and (.completed | not)'
	figure a '.wall_time_ns > 0 and .wall_time_ns < 1000000000 + .max_gap_ns + .off_cpu_ns and .work_units >= 0'
	figure b '.exit == {"signaled": "SIGTERM"} and (.completed | not)'
	# Its partner waits for it to the end, and that is a gap.
	jq -es 'map(select(.kind == "worker")) | .[1].completed and .[3].completed and .[3].max_gap_ns > 0' out
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"done","reason":"the scenario ran"}' ]
}

@test "the children that a killed worker leaves are killed, too" {
	local child=
	spec 60 '{"name": "a", "workers": 1, "work": "ForkExit"}'
	start --no-cgroups
	# One that is stopped before it ends.
	until [ -n "$child" ] && kill -STOP "$child" 2>/dev/null && grep -q '^State:.T' "/proc/$child/status" 2>/dev/null; do
		read -r child _ <"/proc/${pids[0]}/task/${pids[0]}/children" || true
	done
	kill -KILL "${pids[0]}"
	timeout 20 tail --pid="$child" -f /dev/null || { kill -KILL "$child"; false; }
	kill -0 "$work" # it is not the end of the run that has done it
	kill -INT "$work"
	wait_done
	local status=0
	wait "$work" || status=$?
	[ "$status" = 128 ]
}

@test "a worker that does not stop is killed after five seconds, and says so" {
	spec 0.2 '{"name": "a", "workers": 1}' '{"name": "b", "workers": 1}'
	start --no-cgroups
	kill -STOP "${pids[0]}"
	wait_done
	wait "$work"
	figure a '.exit == "timed_out" and (.completed | not) and .wall_time_ns >= 5000000000 and .max_gap_ns > 0'
	figure a '.max_gap_at_ns + .max_gap_ns <= 5000000000' # nothing after the stop is a gap
	figure b '.completed'
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"done","reason":"the scenario ran"}' ]
}

@test "a stray signal does not stop a worker that blocks" {
	spec 0.5 '{"name": "a", "workers": 2, "work": "PipeIo"}' '{"name": "b", "workers": 2, "work": "FutexPingPong"}'
	start --no-cgroups
	kill -USR1 "${pids[@]}"
	for _ in {1..50}; do
		kill -USR1 "${pids[@]}" 2>/dev/null || break # a busy machine has less than 50 in the time
	done
	wait_done
	wait "$work"
	jq -es 'map(select(.kind == "worker")) | length == 4 and all(.completed)' out
}

@test "kill -9 of the parent takes every worker with it" {
	spec 60 '{"name": "a", "workers": 3}' '{"name": "b", "workers": 2, "work": "PipeIo"}' \
		'{"name": "c", "workers": 1, "work": {"Bursty": {"sleep_ms": 60000}}}' \
		"{\"name\": \"d\", \"workers\": 1 $([ "$(id -u)" != 0 ] || echo ', "uid": 65534')}"
	start --no-cgroups
	[ "${#pids[@]}" -eq 7 ]
	kill -KILL "$work"
	wait_done
	run -137 wait "$work"
	[ "$(jq -r .name out)" = BASELINE ]
}

@test "SIGTERM ends the run with a record that says so, and no worker is left" {
	spec 60 '{"name": "a"}'
	start --no-cgroups
	kill -TERM "$work"
	wait_done
	local status=0
	wait "$work" || status=$?
	[ "$status" = 128 ]
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"error","reason":"interrupted by SIGTERM"}' ]
	[ "$(cat rest)" = "ktstr-work: interrupted by SIGTERM" ]
}

@test "steps: the backdrop's workers stay, a step's go with it" {
	cat >spec.json <<-'END'
		{"name": "x", "duration_s": 0.4, "backdrop": {"cgroups": [{"name": "bg", "workers": 1}]}, "steps": [
			{"setup": [{"name": "a", "workers": 2, "work": "PipeIo"}, {"name": "b", "workers": 1}],
			 "ops": [{"Spawn": {"workers": 1}}, {"StopCgroup": "b"}], "hold": 0.5},
			{"name": "two", "setup": [{"name": "a", "workers": 1}], "ops": [{"MoveAllTasks": {"from": "a", "to": "bg"}}],
			 "hold": {"fixed_s": 0.1}},
			{"ops": [{"StopCgroup": "bg"}], "hold": {"frac": 0.25}}]}
	END
	work >out
	[ "$(jq -r .kind out | uniq -c | awk '{print $2 $1}' | paste -sd' ')" = "phase4 op4 worker6 end1" ]
	jq -es 'map(select(.kind == "phase")) | map([.name, .step]) == [["BASELINE", null], ["Step[0]", null],
			["Step[1]", "two"], ["Step[2]", null]] and
		(map(.end_ns - .start_ns)[1:] | .[0] >= 200e6 and .[1] >= 100e6 and .[2] >= 100e6)' out
	jq -es 'map(select(.kind == "op") | [.path, .op, .phase]) == [["$.steps[0].ops[0]", "Spawn", 1],
		["$.steps[0].ops[1]", "StopCgroup", 1], ["$.steps[1].ops[0]", "MoveAllTasks", 2], ["$.steps[2].ops[0]", "StopCgroup", 3]]' out
	jq -es 'map(select(.kind == "worker")) | all(.completed) and map([.cgroup_index, .cgroup, .index, .phases]) == [
		[0, "bg", 0, [1, 3]], [1, "a", 0, [1, 1]], [1, "a", 1, [1, 1]], [2, "b", 0, [1, 1]], [3, "(runner)", 0, [1, 1]],
		[4, "a", 0, [2, 3]]] and
		(map(.wall_time_ns / 1e6) | .[0] >= 300 and .[1] >= 200 and .[3] < .[1] and .[4] >= 200 and .[5] >= 100)' out
}

@test "a step without workers, and a step after it" {
	printf '{"name": "x", "duration_s": 0.05, "steps": [{}, {"setup": [{"name": "a", "workers": 0}], "ops": [{"AddCgroup": "b"}]},
		{"setup": [{"name": "a", "workers": 1}]}]}' >spec.json
	work >out
	jq -es 'map(select(.kind == "phase")) | length == 4 and .[0].end_ns == 0 and (.[1:] | all(.end_ns - .start_ns >= 50e6))' out
	jq -es 'map(select(.kind == "worker")) | length == 1 and .[0].phases == [3, 3] and .[0].completed' out
}

@test "a loop that cannot keep up fails the run" {
	printf '{"name": "x", "steps": [{"ops": [{"Spawn": {"workers": 500}}],
		"hold": {"loop": {"interval_ms": 5, "fixed_s": 0.01}}}]}' >spec.json
	run -128 --separate-stderr work
	[ "$stderr" = 'ktstr-work: $.steps[0].hold: the time is over, and the ops were done 1 times of 2: the interval is too short for them' ]
	[ "$(tail -n 1 <<<"$output" | jq -r .outcome)" = error ]
}

@test "what needs cgroups cannot be done without" {
	local op
	for op in '{"FreezeCgroup": "a"}' '{"UnfreezeCgroup": "a"}' '{"SetLimits": {"cgroup": "a", "cpu_weight": 1}}' \
		'{"SetCpusetMems": {"cgroup": "a", "mems": [0]}}' '{"CaptureCgroupProcs": {"cgroup": "a", "tag": "t"}}'; do
		printf '{"name": "x", "steps": [{"setup": [{"name": "a"}], "ops": [%s]}]}' "$op" >spec.json
		run -125 --separate-stderr work
		[ "$stderr" = "ktstr-work: \$.steps[0].ops[0]: $(jq -r 'keys[0]' <<<"$op"): it needs cgroups, and there are none" ]
	done
	spec 1 '{"name": "a", "limits": {"pids_max": 5}}'
	run -125 --separate-stderr work
	[ "$stderr" = "ktstr-work: limits needs cgroups, and there are none" ]
	spec 1 '{"name": "a", "cpuset_mems": [0]}'
	run -125 --separate-stderr work
	[ "$stderr" = "ktstr-work: cpuset_mems needs cgroups, and there are none" ]
}

@test "CPUs that this machine does not have" {
	ktstr-topo --no-qemu 1n1l1000c1t >plan
	spec 1 '{"name": "a", "workers": 1, "cpuset": {"exact": [999]}}'
	[ ! -e /sys/devices/system/cpu/cpu999 ] || skip "this machine has a CPU 999"
	run -128 --separate-stderr work
	[ "$output" = '{"kind":"end","outcome":"error","reason":"cgroup '"'a'"' worker 0: cannot run on CPUs 999: Invalid argument"}' ]
	[ "$stderr" = "ktstr-work: cgroup 'a' worker 0: cannot run on CPUs 999: Invalid argument" ]
}

@test "in a step, the error says which" {
	ktstr-topo --no-qemu 1n1l1000c1t >plan
	[ ! -e /sys/devices/system/cpu/cpu999 ] || skip "this machine has a CPU 999"
	printf '{"name": "x", "duration_s": 0.01, "steps": [{}, {"setup": [{"name": "a", "workers": 1, "cpuset": {"exact": [999]}}]}]}' >spec.json
	run -128 --separate-stderr work
	[ "$stderr" = "ktstr-work: \$.steps[1]: cgroup 'a' worker 0: cannot run on CPUs 999: Invalid argument" ]
}

@test "a full disk is no success" {
	spec 0.05 '{"name": "a"}'
	run -128 --separate-stderr bash -c 'ktstr-work --plan plan --no-cgroups spec.json >/dev/full'
	[[ $stderr == *"No space left on device"* ]]
}

@test "no cgroup2: cannot tell" {
	spec 1 '{"name": "a"}'
	run -125 --separate-stderr ktstr-work --plan plan --cgroup-root /proc spec.json
	[ "$output" = '{"kind":"end","outcome":"unsupported","reason":"no cgroup2 file system is mounted at '"'/proc'"'"}' ]
}

@test "workers run in their cgroups, which are gone afterwards" {
	own_cgroup
	local groups=('{"name": "a", "workers": 1}' '{"name": "b", "workers": 2, "work": "PipeIo"}')
	spec 60 "${groups[@]}"
	start --cgroup-root "$root"
	for i in 0 1 2; do
		grep -q "^0::.*/ktstr-test-$$/$([ $i = 0 ] && echo a || echo b)\$" "/proc/${pids[i]}/cgroup"
	done
	end_early
	[ "$(find "$root" -mindepth 1 -type d)" = "" ]
	spec 0.2 "${groups[@]}"
	ktstr-work --plan plan --cgroup-root "$root" spec.json >out
	[ "$(find "$root" -mindepth 1 -type d)" = "" ]
	jq -es 'map(select(.kind == "worker")) | length == 3 and all(.completed)' out
}

@test "a cgroup confines its workers to its cpuset" {
	own_cgroup
	grep -qw cpuset "$root/cgroup.controllers" || skip "cgroup2 has no cpuset controller here"
	spec 0.3 "{\"name\": \"a\", \"cpuset\": {\"exact\": [$cpu]}}"
	ktstr-work --plan plan --cgroup-root "$root" spec.json >out
	jq -es --arg cpu "$cpu" 'map(select(.kind == "worker")) | length == 2 and all(.cpus_used == $cpu)' out
}

@test "a cpuset without a cpuset controller: cannot tell" {
	own_cgroup
	! grep -qw cpuset "$root/cgroup.controllers" || skip "cgroup2 has a cpuset controller here"
	spec 0.3 "{\"name\": \"a\", \"cpuset\": {\"exact\": [$cpu]}}"
	run -125 --separate-stderr ktstr-work --plan plan --cgroup-root "$root" spec.json
	[[ $stderr == *"the cpuset controller is not available"* ]]
}

@test "a cgroup that exists is somebody else's" {
	own_cgroup
	mkdir "$root/b"
	spec 1 '{"name": "a"}' '{"name": "b"}'
	run -128 --separate-stderr ktstr-work --plan plan --cgroup-root "$root" spec.json
	[ "$(jq -r .outcome <<<"$output")" = error ]
	[[ $stderr == *"cannot make cgroup '$root/b': File exists" ]]
	[ ! -e "$root/a" ]
	rmdir "$root/b"
}

@test "killed workers and an interrupted run leave no cgroup" {
	own_cgroup
	spec 60 '{"name": "a"}'
	start --cgroup-root "$root"
	kill -KILL "${pids[0]}"
	kill -INT "$work"
	wait_done
	local status=0
	wait "$work" || status=$?
	[ "$status" = 128 ]
	[ ! -e "$root/a" ]
}

@test "options" {
	run -0 --separate-stderr ktstr-work --help
	[[ $output == "usage: ktstr-work "* && -z $stderr ]]
	run -129 --separate-stderr ktstr-work --nonsense
	[[ $stderr == *"Try 'ktstr-work --help'." ]]
	run -129 --separate-stderr ktstr-work
	run -129 --separate-stderr ktstr-work --seed -1 x
	[[ $stderr == *"--seed: -1 is not in 0..9007199254740991"* ]]
	run -129 --separate-stderr ktstr-work --seed 1x x
	spec 0.05 '{"name": "a"}'
	run -0 --separate-stderr ktstr-work --plan plan --no-cgroups --seed 7 spec.json
}

@test "--list has every work type and every parameter with its default" {
	run -0 --separate-stderr ktstr-work --list
	[ "$(grep -c '^[A-Z]' <<<"$output")" -eq "$(grep -c '^	X(' "$BATS_TEST_DIRNAME/../guest/work/list.h")" ]
	[[ $output == *"burst_ms: number (ms), default 50, "* ]]
	[[ $output == *"sleep_ms: number (ms), default 100, "* ]]
	[[ $output == *"burst: integer, default 1024, "* ]]
	[[ $output == *"spin: integer, default 1024, "* ]]
}
