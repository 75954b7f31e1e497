#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Work types that fight for locks, wake each other by signals, keep real-time tasks, change what they are, and move memory:
# is the work done, and is the latency what it says? This machine may be busy: timing is checked by inequalities.
bats_require_minimum_version 1.5.0
load helper
load workers

# cgroup NAME WORKERS WORK [CPUS]: a cgroup of a spec
cgroup() {
	local cpuset=
	[ -z "${4:-}" ] || cpuset=", \"cpuset\": {\"exact\": [$4]}"
	printf '{"name": "%s", "workers": %s, "work": %s%s}' "$1" "$2" "$3" "$cpuset"
}

# CPUs $cpu and $other, or skip
two_cpus() {
	other=$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | awk -F- '{ for (i = $1; i <= $NF; i++) print i }' | sed -n 2p)
	[ -n "$other" ] || skip "one CPU"
}

# begun TID: wait until that thread has worked for some ms.
begun() {
	until [ "$(cut -d' ' -f1 "/proc/$1/schedstat")" -gt 5000000 ]; do :; done
}

# A plan of another machine than this one: what the spec is checked against, and what is found later.
another_machine() {
	ktstr-topo --no-qemu "$1" >plan
}

# refused: the last run ended with this reason.
refused() {
	[ "$status" = 128 ]
	[ "$(tail -n 1 <<<"$output" | jq -r .outcome)" = error ]
	[[ $(tail -n 1 <<<"$output" | jq -r .reason) == *"$1"* ]] || { echo "$output"; false; }
}

@test "each does its work, and measures what it says it measures" {
	two_cpus
	spec 0.6 "$(cgroup mutex 4 '"MutexContention"')" "$(cgroup inversion 3 '"PriorityInversion"' "$cpu")" \
		"$(cgroup queue 3 '"ProducerConsumerImbalance"')" "$(cgroup signal 2 '"SignalStorm"')" \
		"$(cgroup preempt 3 '"PreemptStorm"')" "$(cgroup fork 1 '"ForkExit"')" "$(cgroup nice 1 '"NiceSweep"')" \
		"$(cgroup affinity 1 '"AffinityChurn"')" "$(cgroup cross 2 '"CrossAffinityChurn"')" \
		"$(cgroup policy 1 '"PolicyChurn"')" "$(cgroup fault 1 '"PageFaultChurn"')" \
		"$(cgroup bench 1 '{"Schbench": {"operations": 1}}')"
	work >out
	jq -es 'map(select(.kind == "worker")) | length == 23 and all(.completed and .work_units > 0 and .iterations > 0 and
		(.wake_latency == null or .wake_latency.max <= .wall_time_ns))' out
	[ "$(jq -r 'select(.kind == "worker" and .wake_latency.count > 0) | .cgroup' out | uniq | paste -sd' ')" = \
		"mutex inversion queue signal preempt fork affinity cross fault bench" ]
	[ "$(jq -r 'select(.kind == "worker" and .wake_latency == null) | .cgroup' out | uniq | paste -sd' ')" = "nice policy" ]
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"done","reason":"the scenario ran"}' ]
}

@test "MutexContention waits for as long as the mutex is held" {
	spec 0.8 "$(cgroup a 2 '{"MutexContention": {"contenders": 2, "hold": 2000000, "work": 200000}}')"
	work >out
	jq -es 'map(select(.kind == "worker")) | ((map(.cpu_time_ns) | add) / (map(.work_units) | add)) as $hold |
		$hold > 1000000 and any(.wake_latency.count > 0) and
		all(.wall_time_ns as $wall | .wake_latency | .count == 0 or ((.sum | tonumber) / .count >= $hold / 2 and .max <= $wall))' out
}

# The delay that is put in is what medium does.
@test "PriorityInversion: high waits for medium, and with PI it does not" {
	local params='"medium": 1, "hold": 2000, "work": 2000000' burst
	spec 0.5 "$(cgroup a 3 "{\"PriorityInversion\": {$params, \"pi_mode\": \"Plain\"}}" "$cpu")"
	work >out
	burst=$(jq -es 'map(select(.kind == "worker"))[1] | .cpu_time_ns / .work_units | floor' out)
	[ "$burst" -gt 1000000 ]
	figure a ".wake_latency | .count > 5 and (.sum | tonumber) / .count >= $burst / 2"
	spec 0.5 "$(cgroup a 3 "{\"PriorityInversion\": {$params, \"pi_mode\": \"Pi\"}}" "$cpu")"
	work >out
	figure a ".wake_latency | .count > 5 and (.sum | tonumber) / .count < $burst / 2"
}

@test "PriorityInversion needs one CPU for all" {
	two_cpus
	spec 0.1 "$(cgroup a 3 '"PriorityInversion"')"
	another_machine 1n1l1c1t
	run --separate-stderr work
	refused "cannot prepare PriorityInversion: all of them must be on one CPU, but CPUs"
}

@test "ProducerConsumerImbalance: the rate, and the wait in a queue that is full" {
	spec 0.5 "$(cgroup quick 2 '{"ProducerConsumerImbalance": {"producers": 1, "rate_hz": 100, "consume_iters": 1}}')" \
		"$(cgroup slow 3 '{"ProducerConsumerImbalance": {"depth": 4, "consume_iters": 1000000}}')"
	work >out
	figure quick '.work_units > 1 and .work_units <= 51'
	jq -es 'map(select(.cgroup == "quick")) | .[0].work_units - .[1].work_units | . >= 0 and . <= 1' out
	# Producers do no more than they find room for; an item waits until those before it are worked on.
	jq -es 'map(select(.cgroup == "slow")) | .[0].work_units + .[1].work_units - .[2].work_units <= 4 and
		(.[2] | .wake_latency.max >= 2 * .cpu_time_ns / .work_units and .wake_latency.max <= .wall_time_ns)' out
}

@test "SignalStorm: a signal waits for as long as who gets it does not run" {
	spec 1.5 "$(cgroup a 2 '"SignalStorm"')"
	start --no-cgroups
	hold
	begun "${pids[1]}"
	kill -STOP "${pids[1]}"
	sleep 0.3 # the delay that is put in
	kill -CONT "${pids[1]}"
	release
	jq -es 'map(select(.kind == "worker")) | all(.completed) and .[1].wake_latency.max >= 290000000' out
}

@test "PreemptStorm: spinners stand still while the real-time task runs; it is late when it is kept" {
	spec 1.5 "$(cgroup a 2 '{"PreemptStorm": {"cfs_workers": 1, "rt_burst": 2000000, "rt_sleep_us": 20000}}' "$cpu")"
	start --no-cgroups
	hold
	begun "${pids[0]}"
	kill -STOP "${pids[0]}"
	sleep 0.3 # the delay that is put in
	kill -CONT "${pids[0]}"
	release
	jq -es 'map(select(.kind == "worker")) | (.[0].cpu_time_ns / .[0].work_units) as $burst | all(.completed) and
		.[0].work_units < .[0].wall_time_ns / 20000000 and .[1].max_gap_ns >= $burst * 0.8 and .[0].wake_latency.max >= 270000000' out
}

@test "RtStarvation starves who shares its CPU" {
	spec 0.5 "$(cgroup a 2 '{"RtStarvation": {"burst": 1000000}}' "$cpu")"
	work >out
	figure a '.cpu_time_ns / .work_units > 500000'
	# What the kernel leaves to others: 5 %, and not every 10 ms.
	jq -es 'map(select(.kind == "worker")) | map(.role) == ["rt", "cfs"] and .[1].cpu_time_ns < .[0].cpu_time_ns / 3 and .[1].max_gap_ns > 100000000' out
}

# On every CPU a real-time task runs for several ms at a time: who has something else to do there is late by as much. The bursts are
# more than twice what a fork takes: that can be a millisecond in a virtual machine.
@test "a delay put in comes out: latencies beside real-time bursts" {
	two_cpus
	local storm='{"PreemptStorm": {"cfs_workers": 1, "rt_burst": 4000000, "rt_sleep_us": 5000}}'
	spec 2 "$(cgroup rt 2 "$storm" "$cpu")" "$(cgroup rt2 2 "$storm" "$other")" \
		"$(cgroup fork 1 '"ForkExit"')" "$(cgroup affinity 1 '{"AffinityChurn": {"spin": 0}}' "$cpu, $other")" \
		"$(cgroup cross 2 '{"CrossAffinityChurn": {"spin": 0}}' "$cpu, $other")" \
		"$(cgroup fault 1 '{"PageFaultChurn": {"spin": 0}}')" \
		"$(cgroup bench 1 '{"Schbench": {"operations": 0, "sleep_us": 0}}')"
	work >out
	jq -es 'map(select(.kind == "worker")) | (.[0] | .cpu_time_ns / .work_units) as $burst | $burst > 1000000 and
		(map(select(.cgroup | startswith("rt") | not) | .wake_latency) | all(.min < $burst / 2 and .max >= $burst / 2))' out
	jq -es 'map(select(.kind == "worker")) | all(.wake_latency.max <= .wall_time_ns)' out
}

@test "ForkExit: as many processes as it says" {
	local before after
	spec 1 "$(cgroup a 1 '"ForkExit"')"
	before=$(awk '/^processes/ { print $2 }' /proc/stat)
	work >out
	after=$(awk '/^processes/ { print $2 }' /proc/stat)
	figure a ".work_units > 0 and .work_units <= $((after - before))"
}

@test "NiceSweep and PolicyChurn are seen to change" {
	spec 60 "$(cgroup a 1 '"NiceSweep"')"
	start --no-cgroups
	touch nices
	until [ "$(sort -u nices | wc -l)" -ge 5 ]; do
		cut -d' ' -f19 "/proc/${pids[0]}/stat" >>nices # its name has no spaces
	done
	end_early
	# A task of SCHED_IDLE gets little of a busy machine.
	spec 300 "$(cgroup a 1 '{"PolicyChurn": {"spin": 50000}}')"
	start --no-cgroups
	# Until each has been seen: SCHED_OTHER, FIFO, RR, BATCH, IDLE.
	touch policies
	until [ "$(sort -u policies | paste -sd' ')" = "0 1 2 3 5" ]; do
		cut -d' ' -f41 "/proc/${pids[0]}/stat" >>policies
	done
	end_early
	spec 0.3 "$(cgroup a 1 '{"PolicyChurn": {"spin": 200000}}')"
	work >out
	figure a '.completed and .work_units >= 5 and .cpu_time_ns / .work_units > 100000'
}

@test "what takes CAP_SYS_NICE is refused without it" {
	local type
	for type in NiceSweep PolicyChurn PriorityInversion PreemptStorm RtStarvation; do
		spec 0.1 "$(cgroup a 6 "\"$type\"" "$cpu")"
		run --separate-stderr setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice ktstr-work --plan plan --no-cgroups spec.json
		refused "cannot prepare $type: "
		refused "(it takes CAP_SYS_NICE)"
	done
}

@test "AffinityChurn moves every time, and only where it may" {
	two_cpus
	spec 0.2 "$(cgroup a 1 '"AffinityChurn"' "$cpu, $other")"
	work >out
	figure a '.migrations == .work_units and .work_units > 10 and .cpus_used == .cpuset'
	spec 0.1 "$(cgroup a 1 '"AffinityChurn"')"
	run --separate-stderr taskset -c "$cpu" ktstr-work --plan plan --no-cgroups spec.json
	refused "cannot prepare AffinityChurn: it needs two CPUs or more, but may only use CPU $cpu"
}

@test "CrossAffinityChurn changes the other's CPUs, and nobody else's" {
	two_cpus
	spec 0.8 "$(cgroup a 2 '{"CrossAffinityChurn": {"spin": 0}}' "$cpu, $other")" "$(cgroup b 1 '"SpinWait"' "$cpu, $other")"
	start --no-cgroups
	hold
	touch seen0
	until [ "$(sort -u seen0 | wc -l)" = 3 ]; do
		for i in 0 2; do
			sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${pids[i]}/status" >>"seen$i"
		done
	done
	release
	[ "$(sort -u seen2 | wc -l)" = 1 ]
	figure a '(.wake_latency.sum | tonumber) > .cpu_time_ns / 10' # it does little else
	# All work groups of a cgroup are together.
	spec 0.2 '{"name": "a", "workers": 1, "work": "CrossAffinityChurn", "groups": [{"workers": 1, "work": "SpinWait"}]}'
	work >out
	figure a '.completed and .work_units > 10'
}

@test "PageFaultChurn: every touch is a fault, also in a small region" {
	spec 2 "$(cgroup a 1 '{"PageFaultChurn": {"region_kib": 16, "touches": 64, "spin": 0}}')"
	start --no-cgroups
	local faults=0 now
	while now=$(cut -d' ' -f10 "/proc/${pids[0]}/stat" 2>/dev/null) && [ -n "$now" ]; do
		faults=$now
	done
	wait_done
	wait "$work"
	figure a ".work_units > 100 and $faults > .work_units / 2"
	figure a '(.wake_latency.sum | tonumber) > .cpu_time_ns / 10' # it does little else
}

@test "NumaWorkingSetSweep works on its memory, and moves it every period" {
	spec 0.5 "$(cgroup a 1 '{"NumaWorkingSetSweep": {"target_nodes": [0], "period_ms": 20}}')"
	work >out
	figure a '.iterations > 1 and .iterations <= 26 and .work_units > 1024 and .wake_latency.count == .iterations'
}

@test "nodes that are not there" {
	[ ! -e /sys/devices/system/node/node1 ] || skip "this machine has several NUMA nodes"
	another_machine 2n2l1c1t
	spec 0.1 "$(cgroup a 1 '"NumaMigrationChurn"')"
	run --separate-stderr work
	refused "cannot prepare NumaMigrationChurn: it needs CPUs of two NUMA nodes or more"
	spec 0.1 "$(cgroup a 1 '"NumaWorkingSetSweep"')"
	run --separate-stderr work
	refused "cannot prepare NumaWorkingSetSweep: it needs two NUMA nodes that have memory, and there is 1"
	spec 0.1 "$(cgroup a 1 '{"NumaWorkingSetSweep": {"target_nodes": [0, 1]}}')"
	run --separate-stderr work
	refused "cannot prepare NumaWorkingSetSweep: cannot move its memory to node 1: Invalid argument"
}

@test "cgroups that are not there" {
	spec 0.1 "$(cgroup a 1 '"CgroupChurn"')"
	run --separate-stderr work
	refused "cannot set up CgroupChurn: it needs cgroups"
	spec 0.1 "$(cgroup a 1 '{"CgroupAttachStorm": {"dest": "b"}}')" "$(cgroup b 1 '"SpinWait"')"
	run --separate-stderr work
	refused "cannot prepare CgroupAttachStorm: it needs cgroups"
}

@test "CgroupAttachStorm: nothing is left of a storm, or of one that was killed" {
	own_cgroup
	spec 1 "$(cgroup a 1 '{"CgroupAttachStorm": {"dest": "b"}}')" "$(cgroup b 1 '"SpinWait"')" \
		"$(cgroup c 1 '{"CgroupAttachStorm": {"dest": "b", "reap": "Waitpid"}}')"
	ktstr-work --plan plan --cgroup-root "$root" spec.json >out
	figure a '.work_units > 0 and .wake_latency.count == .work_units and .completed'
	figure c '.work_units > 0 and .wake_latency.count == .work_units and .completed'
	spec 60 "$(cgroup a 1 '{"CgroupAttachStorm": {"dest": "b"}}')" "$(cgroup b 1 '"SpinWait"')"
	start --cgroup-root "$root"
	begun "${pids[0]}"
	kill -KILL "${pids[0]}"
	kill -TERM "$work"
	wait_done
	local status=0
	wait "$work" || status=$?
	[ "$status" = 128 ]
	[ "$(find "$root" -mindepth 1 -type d)" = "" ]
}

# guest OPTION...: spec.json in a guest with two CPUs, two spinners and real-time bursts of several ms on each; the report is
# in out, and all of its other workers have done what they are for, as late as the bursts were long. Those of the CPUs come in
# different steps: who waits for one is not always in time for the other.
guest() {
	local storm='{"PreemptStorm": {"cfs_workers": 1, "rt_burst": 1500000, "rt_sleep_us": 3000}}'
	jq --argjson rt "[$(cgroup rt 2 "$storm" 0), $(cgroup rt2 2 "${storm/3000/8000}" 1)]" '.memory_mb = 256 | .cgroups = $rt + .cgroups' \
		spec.json >guest.json
	ktstr-boot "$@" guest.json >out
	tail -n 1 out | grep -qF '"outcome":"done"'
	jq -es 'map(select(.kind == "worker")) | (.[0] | .cpu_time_ns / .work_units) as $burst | $burst > 1000000 and
		(.[4:] | all(.completed and .work_units > 0 and (.iterations - .wake_latency.count | . == 0 or . == 1) and
			.iterations >= 2 and .wake_latency.max >= $burst / 2))' out
}

@test "in a guest with a CPU controller: moves between cgroups, and their latencies" {
	spec 0.4 "$(cgroup churn 2 '{"CgroupChurn": {"cycle_ms": 10}}')" "$(cgroup storm 1 '{"CgroupAttachStorm": {"dest": "churn"}}')" \
		"$(cgroup waiting 1 '{"CgroupAttachStorm": {"dest": "churn", "reap": "Waitpid"}}')"
	ktstr-topo 1n1l2c1t >plan
	guest --clock virtual --plan plan
	figure churn '.iterations <= 41'
}

@test "in a guest: AffinityChurn stays in a cpuset that shrinks, and uses what comes back" {
	spec 0.3 "$(cgroup a 1 '"AffinityChurn"')" "$(cgroup b 1 '"AffinityChurn"')"
	jq -c '.memory_mb = 256 | .backdrop.cgroups = .cgroups | del(.cgroups) | .steps = [{"hold": {"fixed_s": 0.01}},
		{"hold": {"fixed_s": 0.05}, "ops": [{"SetCpuset": {"cgroup": "a", "cpuset": {"exact": [0]}}},
			{"SetCpuset": {"cgroup": "b", "cpuset": {"exact": [0]}}}]},
		{"hold": {"fixed_s": 0.2}, "ops": [{"ClearCpuset": "a"}]}]' spec.json >guest.json
	ktstr-topo 1n1l2c1t | ktstr-boot --clock virtual guest.json >out
	jq -es 'map(select(.kind == "worker")) | length == 2 and all(.completed and .migrations > 10 and .migrations < .work_units / 2) and
		.[0].migrations > 2 * .[1].migrations' out
}

@test "in a guest with two nodes: moves between them, and their latencies" {
	spec 1 "$(cgroup numa 1 '{"NumaMigrationChurn": {"period_ms": 10}}')" \
		"$(cgroup sweep 1 '{"NumaWorkingSetSweep": {"period_ms": 10, "region_kib": 256}}')"
	ktstr-topo 2n2l1c1t >plan
	guest --clock virtual --plan plan
	figure numa '.cpus_used == "0-1" and .migrations + 1 >= .iterations and .iterations <= 101'
	figure sweep '.iterations <= 101'
}

@test "Schbench: threads, requests, and a think time that comes out" {
	local group='{"Schbench": {"message_threads": 2, "worker_threads": 3, "operations": 1, "sleep_us": 20000}}'
	spec 60 "$(cgroup a 1 "$group")"
	start --no-cgroups
	until [ "$(sed -n 's/^Threads:\t//p' "/proc/${pids[0]}/status")" = 9 ]; do :; done # those, and the first one
	end_early
	spec 1.3 "$(cgroup a 1 "$group")"
	work >out
	figure a '.schbench.loop_count == .work_units and .schbench.request_latency.count == .work_units and
		.schbench.request_min_latency_us >= 20000 and .schbench.request_p50_latency_us >= 20000 and
		.schbench.rps_max <= 6 / 0.02 + 6 and .schbench.rps_max > 0 and .schbench.rps.count == 1 and .schbench.rps.unit == "1/s" and
		.schbench.wakeup_max_latency_us == .wake_latency.max / 1000 and
		.schbench.sched_delay.msg.threads == 2 and .schbench.sched_delay.worker.threads == 6 and
		.schbench.sched_delay.worker.slices >= .work_units and .schbench.sched_delay_worker_us > 0 and
		.max_gap_ns < 1000000000 and .completed'
}

@test "Schbench: a worker thread that is kept from running shows it" {
	spec 1.3 "$(cgroup a 1 '{"Schbench": {"worker_threads": 1, "sleep_us": 1000, "operations": 1}}')"
	start --no-cgroups
	hold
	until [ "$(sed -n 's/^Threads:\t//p' "/proc/${pids[0]}/status")" = 3 ]; do :; done
	begun "$(find "/proc/${pids[0]}/task" -mindepth 1 -printf '%f\n' | sort -n | tail -n 1)"
	# Three times: one may come where neither a wake-up nor a request is under way.
	for _ in 1 2 3; do
		kill -STOP "${pids[0]}"
		sleep 0.3 # the delay that is put in
		kill -CONT "${pids[0]}"
		sleep 0.05
	done
	release
	figure a '[.schbench.wakeup_max_latency_us, .schbench.request_max_latency_us] | max >= 290000'
	figure a '.max_gap_ns >= 290000000'
}

@test "Schbench: a rate of requests, split matrices, no locks, and the pipe" {
	spec 1.3 "$(cgroup rate 1 '{"Schbench": {"requests_per_sec": 50, "worker_threads": 4, "operations": 0, "sleep_us": 1}}')" \
		"$(cgroup split 1 '{"Schbench": {"split_percent": 40, "skip_locking": true}}')" \
		"$(cgroup pipe 1 '{"Schbench": {"pipe_transfer_bytes": 4096}}')" \
		"$(cgroup auto 1 '{"Schbench": {"auto_rps": 1, "operations": 0}}')"
	work >out
	figure rate '.work_units > 50 and .work_units <= 100'
	figure split '.work_units > 0 and .schbench.request_latency.count == .work_units'
	figure pipe '.work_units > 0 and .schbench.pipe_bytes_per_s > 4096 and (.schbench.request_latency | not)'
	figure auto '.schbench.rps_goal == 3' # a machine that is busier than 1 %: the biggest step down from 10
}
