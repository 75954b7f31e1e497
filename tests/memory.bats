#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's memory, read and written from outside by ops of a spec.
# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 1n1l2c1t >plan.json
	ktstr-boot --plan plan.json "$BATS_TEST_DIRNAME/data/memory/all.json" >all.jsonl
	ktstr-boot --plan plan.json "$BATS_TEST_DIRNAME/data/memory/all.json" >again.jsonl
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

# found FILTER [REPORT]: true for the results by their tags, as arrays, for some are found more than once
found() {
	jq -es 'map(select(.kind == "op" and .result.tag).result) | group_by(.tag) | map({key: .[0].tag, value: map(.value)}) |
		from_entries | '"$1" "${2:-all.jsonl}"
}

# one OP [MORE-MEMBERS]: a short spec in one.json with this op after its worker has started
one() {
	printf '{"name":"one","memory_mb":256,"duration_s":0.02,"steps":[{"setup":[{"name":"a","workers":1}],"ops":[%s]}]%s}\n' \
		"$1" "${2:+,$2}" >one.json
}

# refused STATUS MESSAGE OP [MORE-MEMBERS]
refused() {
	one "$3" "${4-}"
	run "-$1" --separate-stderr ktstr-boot --plan plan.json one.json
	[[ $stderr == *"$2"* ]] || { echo "$stderr"; false; }
	[[ $1 = 129 || $(tail -n 1 <<<"$output") == *'"outcome":"error"'*"$2"* ]]
}

@test "a symbol: the clock of the kernel goes on by HZ in a second, and again the same in every line" {
	# 250 ticks in a second, which the holds and the op itself may make one more.
	found '.jiffies | map(tonumber) | .[1] - .[0] | . == 250 or . == 251'
	tail -n 1 all.jsonl | grep -F '"outcome":"done"'
	diff <(grep -v '^{"kind":"host",' all.jsonl) <(grep -v '^{"kind":"host",' again.jsonl)
}

@test "a repeated op has its own result each time" {
	found '.loop | length == 5 and (. as $v | all(range(4); ($v[. + 1] | tonumber) > ($v[.] | tonumber)))'
}

@test "a task: of a worker by its cgroup, group and place, of one beside the cgroups, of the runner" {
	# static_prio is 120 and the nice value.
	found '[.prio_a, .prio_b, .prio_group, .prio_beside, .prio_runner] == [[125], [120], [117], [127], [120]]'
	# "ktstr-work", to the end of 16 bytes
	found '.comm == ["6b747374722d776f726b000000000000"]'
	jq -es 'map(select(.kind == "worker" and .cgroup == "a"))[1].tid as $tid |
		any(.[]; .kind == "op" and .result.tag == "pid" and .result.value == $tid)' all.jsonl
	# A member of a member, of 64 bits: a string.
	found '(.vruntime[0] | type) == "string" and (.vruntime[0] | tonumber) > 100e6'
}

@test "a CPU's variable: as many run there as there are workers, and one of them, or who asks, is the current task" {
	local current
	# The runner, who asks, is somewhere, and a thread of the kernel may wait for it to be done.
	found '.running | .[1] - 3 | . >= 0 and . <= 2'
	found '.running | add | . >= 4 and . <= 6'
	found '.cpu == [0, 1]'
	# A member of a union without a name.
	current=$(printf '%#x' "$(jq -r 'select(.kind == "op" and .result.tag == "current").result.value' all.jsonl)")
	jq -es --arg current "$current" 'map(select(.kind == "op" and .result.tag == "task").result.address) |
		(unique | length == 4) and any(. == $current)' all.jsonl
}

@test "what was written is there, and the scheduler goes by it" {
	found '.slice == [100000000] and .after_u64 == ["18446744073709551615"] and .after_bytes == ["0102ff"]'
	jq -es 'map(select(.kind == "op" and .result.was).result) | length == 3 and (.[0] | (.was | type) == "string" and
		.value == "18446744073709551615") and (.[1] | .was == "427572" and .value == "0102ff") and
		(.[2] | .was < 10000000 and .value == 100000000)' all.jsonl
	# With a slice of 100 ms two workers on a CPU take it from each other seldom; before, at each other tick or so.
	jq -es 'map(select(.kind == "worker")) | def rate($name): map(select(.cgroup == $name) | .timeslices / .wall_time_ns) | add;
		rate("late") < rate("before") / 8' all.jsonl
}

@test "an address: by symbol and offset, in the kernel's image and its map of all memory, across pages" {
	found '.across | .[0] == .[1] and .[0] == .[2] and (.[0] | length == 2048 and test("[1-9a-f]"))'
	found '.across[0] == .left[0] + .right[0]'
}

@test "unknown symbols, members and tasks: what and where" {
	refused 128 "\$.steps[0].ops[0]: ReadKernelHot: the kernel has no symbol 'jiffies_65'" \
		'{"ReadKernelHot":{"tag":"t","target":{"symbol":"jiffies_65"},"width":"u64"}}'
	# Before anything runs: no phase has begun.
	[[ $output != *'"kind":"phase"'* ]]
	refused 129 "\$.steps[0].ops[0].ReadKernelCold.target: the kernel's struct sched_entity has no member 'vrun'" \
		'{"ReadKernelCold":{"tag":"t","target":{"task":{"member":"se.vrun"}},"width":"u64"}}'
	refused 129 "\$.steps[0].ops[0].ReadKernelHot.target: 'comm' is an array, which has no members" \
		'{"ReadKernelHot":{"tag":"t","target":{"task":{"member":"comm.x"}},"width":"u64"}}'
	refused 129 "\$.steps[0].ops[0].ReadKernelHot.target: 'mm' is a pointer, which has no members" \
		'{"ReadKernelHot":{"tag":"t","target":{"task":{"member":"mm.x"}},"width":"u64"}}'
	refused 129 "\$.steps[0].ops[0].WriteKernelHot.target: 'static_prio' has 4 bytes, not 8" \
		'{"WriteKernelHot":{"target":{"task":{"member":"static_prio"}},"width":"u64","value":1}}'
	refused 129 "\$.steps[0].ops[0].ReadKernelHot.target: 'comm' has 16 bytes, not 17" \
		'{"ReadKernelHot":{"tag":"t","target":{"task":{"member":"comm"}},"width":{"bytes":17}}}'
	refused 129 "\$.steps[0].ops[0].ReadKernelHot.target: 'sched_reset_on_fork' is a bit field" \
		'{"ReadKernelHot":{"tag":"t","target":{"task":{"member":"sched_reset_on_fork"}},"width":"u32"}}'
	refused 129 "\$.steps[0].ops[0].ReadKernelHot.target: the kernel's BTF has no per-CPU variable 'jiffies_64'" \
		'{"ReadKernelHot":{"tag":"t","target":{"per_cpu":{"symbol":"jiffies_64","cpu":0}},"width":"u64"}}'
}

@test "an address at which nothing is mapped fails the run, and nothing is written" {
	local at
	# Of no memory; of nobody; beyond the kernel's image, where there is memory behind the same offset; no address at all.
	for at in 0xffffc8ffffffffff 0x1000 0xffffffff8f001000 0x1234567890abcdef; do
		refused 128 "\$.steps[0].ops[0]: ReadKernelHot: the guest has no memory at $at" \
			'{"ReadKernelHot":{"tag":"t","target":{"kva":"'$at'"},"width":"u64"}}'
	done
	# What begins in memory and ends in none. How much the firmware keeps at the end of its 256 MiB is QEMU's business.
	for ((at = 0x0ffe1000; at >= 0x0ffd0000; at -= 0x1000)); do
		one '{"ReadKernelHot":{"tag":"t","target":{"kva":"'"$(printf '0xffff8880%08x' $((at - 4)))"'"},"width":"u64"}}'
		run -128 --separate-stderr ktstr-boot --plan plan.json one.json
		[[ $stderr != *"the guest has no memory at $(printf '0xffff8880%08x' $at)"* ]] || break
	done
	[ "$at" -ge $((0x0ffd0000)) ]
	refused 128 "\$.steps[0].ops[0]: WriteKernelCold: the guest has no memory at 0xffffffff8f001000" \
		'{"WriteKernelCold":{"target":{"kva":"0xffffffff8f001000"},"width":"u32","value":1}}'
}

@test "page tables of four and of five levels; what is neither is refused" {
	local levels
	for levels in 4 5; do
		run -0 "$TREE/tests/helper/guestmem" $levels
		diff -u - <(echo "$output") <<-'END'
			the kernel's image, without tables: 1234
			the map of all memory, without tables: 5678
			the kernel's image: 1234
			a page of 4 KiB: 5678
			a page of 1 GiB: 5678
			where nothing is mapped: the guest has no memory at the address
			of the other number of levels: the guest has no memory at the address
		END
	done
	run -1 --separate-stderr "$TREE/tests/helper/guestmem" 3
	[ "$stderr" = "guestmem: the guest's page tables have neither four nor five levels" ]
}

@test "a worker that has ended has no task" {
	one '{"ReadKernelHot":{"tag":"t","target":{"task":{"cgroup":"a"}},"width":"u64"}}'
	jq '.steps[0].setup[0].work = {"Exec": {"program": "/bin/true"}} | .steps = [.steps[0] + {ops: []}] + [{ops: .steps[0].ops}] |
		.backdrop = {cgroups: .steps[0].setup} | del(.steps[0].setup)' one.json >ended.json
	run -128 --separate-stderr ktstr-boot --plan plan.json ended.json
	[[ $output == *'$.steps[1].ops[0]: ReadKernelHot: worker 0 is not there any more'* ]]
}

@test "on the real clock the guest waits as well" {
	one '{"ReadKernelHot":{"tag":"a","target":{"symbol":"jiffies_64"},"width":"u64"}},
		{"ReadKernelCold":{"tag":"b","target":{"symbol":"jiffies_64"},"width":"u64"}},
		{"WriteKernelCold":{"tag":"w","target":{"symbol":"sysctl_sched_base_slice"},"width":"u32","value":7000000}},
		{"Snapshot":"s"},{"ReadKernelHot":{"tag":"c","target":{"symbol":"sysctl_sched_base_slice"},"width":"u32"}}'
	ktstr-boot --clock real --cold --plan plan.json one.json >real.jsonl
	found '(.b[0] | tonumber) > (.a[0] | tonumber) and .c == [7000000]' real.jsonl
	# All of it stands for a snapshot; its registers and its time are not known.
	jq -es 'map(select(.kind == "snapshot")) | length == 1 and all(.[]; .name == "s" and (has("at_ns") | not) and any(.tasks[]; .comm == "ktstr-work") and
		all(.cpus[]; (.runnable | length) == .nr_running and (has("registers") | not)))' real.jsonl
	tail -n 1 real.jsonl | grep -F '"outcome":"done"'
}

@test "not on a bare host" {
	one '{"ReadKernelHot":{"tag":"t","target":{"symbol":"jiffies_64"},"width":"u64"}}'
	run -125 --separate-stderr ktstr-work --plan plan.json one.json
	[[ $output == *'$.steps[0].ops[0]: ReadKernelHot: the kernel'"'s memory is read and written from outside a guest"* ]]
	one '{"Snapshot":"s"}'
	run -125 --separate-stderr ktstr-work --plan plan.json one.json
	[[ $output == *'$.steps[0].ops[0]: Snapshot: the kernel'"'s memory is read and written from outside a guest"* ]]
}
