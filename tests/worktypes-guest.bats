#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Work types in the guest: on the virtual clock their figures repeat too, and what a machine does not have is refused.
bats_require_minimum_version 1.5.0
load helper

@test "CPU, I/O, timer, cache and wake-up types give the same figures again" {
	spec types '[{"name":"alu","workers":1,"work":"AluHot"}, {"name":"smt","workers":2,"work":"SmtSiblingSpin"},
		{"name":"ipc","workers":1,"work":{"IpcVariance":{"hot_iters":1000}}}, {"name":"write","workers":1,"work":"IoSyncWrite"},
		{"name":"read","workers":1,"work":"IoRandRead"}, {"name":"convoy","workers":2,"work":"IoConvoy"},
		{"name":"idle","workers":1,"work":"IdleChurn"}, {"name":"timer","workers":1,"work":"TimerLatency"},
		{"name":"pressure","workers":1,"work":"CachePressure"}, {"name":"yield","workers":1,"work":"CacheYield"},
		{"name":"pipe","workers":2,"work":"CachePipe"}, {"name":"fan","workers":3,"work":{"FutexFanOut":{"fan_out":2}}},
		{"name":"compute","workers":2,"work":{"FanOutCompute":{"fan_out":1,"cache_footprint_kib":4}}},
		{"name":"classes","workers":2,"work":{"AsymmetricWaker":{"waker_class":"Rt","wakee_class":"Deadline"}}},
		{"name":"chain","workers":3,"work":{"WakeChain":{"depth":3}}},
		{"name":"futexes","workers":2,"work":{"WakeChain":{"depth":2,"wake":"Futex"}}},
		{"name":"epoll","workers":3,"work":"EpollStorm"},
		{"name":"herd","workers":3,"work":{"ThunderingHerd":{"waiters":2}}}]' '"seed":3'
	sed -i 's/"duration_s":1/"duration_s":0.2/' types.json
	ktstr-topo 1n1l2c1t >plan
	for i in 1 2; do
		ktstr-boot --plan plan types.json | grep -v '^{"kind":"host",' >report$i
	done
	cmp report1 report2
	jq -es '.[-1].outcome == "done" and
		(map(select(.kind == "worker")) | length == 32 and all(.completed and .work_units > 0))' report1
	# What this guest's CPU has, and the emulator: AVX2. And where its I/O goes.
	jq -es 'map(select(.detail) | {(.cgroup): .detail}) | add == {"alu": "width Vec256",
		"smt": "without PAUSE: the clock is virtual", "write": "a file on tmpfs, through the page cache",
		"read": "a file on tmpfs, which has no direct I/O", "convoy": "a file on tmpfs, through the page cache"}' report1
}

@test "CrossAffinityChurn leaves others the CPUs that they had" {
	# One that stops has taken a CPU every other time.
	jq -n '{name: "back", memory_mb: 256, duration_s: 0.01, backdrop: {cgroups: [{name: "a", workers: 1}]},
		steps: [range(10) | {ops: [{Spawn: {cgroup: "a", workers: 1, work: {CrossAffinityChurn: {spin: 10000}}}}]},
			{ops: [{ReadKernelHot: {tag: "cpus", target: {task: {cgroup: "a", member: "nr_cpus_allowed"}}, width: "u32"}}],
			 hold: 0}]}' >back.json
	ktstr-topo 1n1l2c1t >plan
	ktstr-boot --plan plan back.json >out
	jq -es 'map(select(.kind == "op" and .result).result.value) == [range(10) | 2]' out
	jq -es 'map(select(.kind == "worker" and .work == "CrossAffinityChurn")) | length == 10 and all(.work_units > 10)' out
}

@test "AluHot: a width that the CPU does not have is refused" {
	spec wide '[{"name":"a","work":{"AluHot":{"width":"Vec512"}}}]'
	ktstr-topo 1n1l2c1t >plan
	run -128 --separate-stderr ktstr-boot --plan plan wide.json
	[[ $(tail -n 1 <<<"$output") == *'"outcome":"error","reason":"'*'cannot set up AluHot: the width Vec512 needs AVX-512BW, which this CPU or its kernel does not have"}' ]]
}
