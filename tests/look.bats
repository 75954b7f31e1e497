#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Looking inside: symbols, snapshots of a guest's kernel, and what ktstr-snap says of them.
# shellcheck disable=SC2154 # run sets stderr
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 1n1l2c1t >plan.json
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
}

# address NAME: by the ELF file symbols.elf
address() {
	readelf -sW symbols.elf | awk -v name="$1" '$8 == name { print "0x" $2 }'
}

@test "symbols: where the guest's kernel itself says they are" {
	ktstr-kernel symbols >symbols.elf
	[ "$(address _text)" = 0xffffffff81000000 ]
	ktstr-boot --plan plan.json "$BATS_TEST_DIRNAME/data/memory/all.json" >memory.jsonl
	guest=$(jq -r 'select(.kind == "op" and .result.tag == "jiffies").result.address' memory.jsonl | sort -u)
	[ -n "$guest" ]
	[ "$((guest))" = "$(($(address jiffies_64)))" ]
}

@test "symbols: gdb names functions and variables by them" {
	command -v gdb >/dev/null || skip "gdb is not installed"
	[ -s symbols.elf ] || ktstr-kernel symbols >symbols.elf
	run -0 gdb -batch -nx -ex "info symbol $(address schedule) + 1" -ex "info symbol $(address init_task)" symbols.elf
	[ "${lines[0]}" = 'schedule + 1 in section .text' ]
	[[ ${lines[1]} = 'init_task in section .data'* ]]
}

@test "symbols: kallsyms that were tampered with are refused, not followed" {
	kernel=$(ktstr-kernel path)
	[ -s symbols.elf ] || ktstr-kernel symbols >symbols.elf
	printf 'no kernel' >short
	run -128 --separate-stderr ktstr-kernel symbols ./short
	# The digits' tokens are somewhere in the tables of tokens; without a NUL the tokens do not fit their index.
	cp "$kernel" bad
	chmod u+w bad
	while read -r at; do
		printf 'xx' | dd of=bad bs=1 seek="$at" conv=notrunc status=none
	done < <(grep -obUaP '0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00' bad | cut -d: -f1)
	run -125 --separate-stderr ktstr-kernel symbols ./bad
	[[ $stderr == *"has no kallsyms that ktstr understands"* ]]
}

# run_with OPTIONS...: a report in report.jsonl; the spec is look.json
run_with() {
	ktstr-boot --plan plan.json "$@" look.json >report.jsonl
	tail -n 1 report.jsonl | grep -F '"outcome":"done"'
}

# others REPORT: all records that must not differ, whatever was taken from outside at some time
others() {
	grep -vE '^\{"kind":"(host"|snapshot","name":"(at|periodic)_|sample")' "$1"
}

# look_spec SCHEDULER-JSON [DURATION]; none: ""
look_spec() {
	printf '{"name":"look","memory_mb":256,"duration_s":%s,"watchdog_timeout_s":1%s,"cgroups":[{"name":"spin","workers":3},
		{"name":"burst","workers":2,"work":{"Bursty":{"burst_ms":3,"sleep_ms":5}}}]}\n' "${2:-0.4}" "${1:+,\"scheduler\":$1}" >look.json
}

# same_with_snapshots LEAST MOST SCHEDULER-JSON [DURATION]: a run that takes so many of 67 has the records of one without, and repeats
same_with_snapshots() {
	look_spec "${@:3}"
	run_with
	mv report.jsonl without.jsonl
	run_with --snapshot-at 1us,77777us,300ms --periodic 64 2>notes
	local note='of 67 snapshots were not taken, from .* on: the run was over before'
	if [ "$1" = 67 ]; then fails 1 grep -q "$note" notes; else grep -q "$note" notes; fi
	local number
	number=$(grep -c '^{"kind":"snapshot","name":"[^"]*","by":"time"' report.jsonl)
	echo "snapshots: $number"
	[ "$number" -ge "$1" ]
	[ "$number" -le "$2" ]
	diff <(others without.jsonl) <(others report.jsonl)
	mv report.jsonl one.jsonl
	run_with --snapshot-at 1us,77777us,300ms --periodic 64
	diff <(grep -v '^{"kind":"host"' one.jsonl) <(grep -v '^{"kind":"host"' report.jsonl)
}

@test "symbols and types are kept for the next run, and read again when what is kept is not whole or another's to write" {
	own_cache kept
	look_spec ''
	run_with --snapshot-at 200ms
	grep -v '"kind":"host"' report.jsonl >first
	file=$(echo kept/types/*)
	sum=$(sha256sum <"$file") inode=$(stat -c %i "$file")
	again() {
		run_with --snapshot-at 200ms
		grep -v '"kind":"host"' report.jsonl | cmp first -
		[ "$(sha256sum <"$file")" = "$sum" ]
	}
	# What is read again is kept again, in a new file.
	again
	[ "$(stat -c %i "$file")" = "$inode" ]
	printf x | dd of="$file" bs=1 seek=9000000 conv=notrunc status=none
	again
	truncate -s -8 "$file"
	again
	inode=$(stat -c %i "$file")
	chmod o+w "$file"
	again
	[ "$(stat -c %i "$file")" != "$inode" ]
	own_kernel=$(readlink -f kept/kernels)
	ktstr-kernel clean --keep 9
	[ ! -e kept/types ]
	[ -d "$own_kernel" ]
}

@test "67 snapshots leave no trace in a run without a scheduler, and repeat" {
	same_with_snapshots 67 67 ""
	jq -es 'map(select(.kind == "snapshot")) | all(.scheduler == null and .dsqs == []) and
		all(.[]; .at_ns >= .asked_ns and .at_ns < .asked_ns + 4e6 + 1e5)' one.jsonl # a tick: all CPUs may compute, which is modelled
}

@test "67 snapshots leave no trace in a run under vtime, and repeat" {
	same_with_snapshots 67 67 "{\"bpf\":\"$TREE/guest/bpf/vtime.bpf.o\"}"
	jq -es 'map(select(.kind == "snapshot")) | all(.scheduler.name == "vtime" and .by == "time")' one.jsonl
	cp one.jsonl vtime.jsonl
}

@test "snapshots leave no trace in a run whose scheduler dies, and repeat" {
	# Those that were asked for after its end did not come.
	same_with_snapshots 1 66 "{\"bpf\":\"$TREE/guest/bpf/stall.bpf.o\",\"options\":{\"events\":50}}" 3
	# It hangs, with all tasks in its queue, and is thrown out: from then on there is none.
	jq -es 'map(select(.kind == "snapshot")) | (first | .scheduler.name == "stall") and
		all(.[]; .scheduler == null or .scheduler.name == "stall")' one.jsonl
	cp one.jsonl stall.jsonl
}

@test "a scheduler's exit: a snapshot of the moment at which the kernel gave up, whatever else is taken" {
	[ -s stall.jsonl ] || skip "the run before made no report"
	mv report.jsonl stalled.jsonl
	look_spec "{\"bpf\":\"$TREE/guest/bpf/stall.bpf.o\",\"options\":{\"events\":50}}" 3
	run_with --no-monitor
	fails 1 grep -q '^{"kind":"sample"' report.jsonl
	grep -q '^{"kind":"sample"' stalled.jsonl
	diff <(others stalled.jsonl) <(others report.jsonl)
	# All who wait are in its queue still, and it was the watchdog, which the guest's tick or a kworker looks at.
	jq -es 'map(select(.kind == "snapshot")) | length == 1 and (.[0] | .name == "scheduler exit" and .by == "exit" and
		(.scheduler | .name == "stall" and .exit_kind == "SCX_EXIT_ERROR_STALL") and (.writer | .symbol | startswith("scx_")) and
		([.dsqs[] | select(.kind == "user").nr] | add) >= 3 and (.cpus | all(has("registers"))))' report.jsonl
	run -1 ktstr-eval report.jsonl
	[[ $output == *$'\n--- snapshots ---\n  scheduler exit at +'*"ms: ktstr-snap REPORT 'scheduler exit'"* ]]
	# None where it is expected, and none where its end is asked for.
	jq '.expect = {exit: {contains: "stall"}} | .duration_s = 2' look.json >expect.json
	mv expect.json look.json
	run_with
	fails 1 grep -q '^{"kind":"snapshot"' report.jsonl
}

@test "a scheduler that stalls: its counter says why, and its queue has all who wait" {
	[ -s stall.jsonl ] || skip "the run before made no report"
	name=$(jq -rs 'map(select(.kind == "snapshot" and .scheduler and .maps["stall.bss"].variables.seen == 50))[0].name' stall.jsonl)
	run -0 ktstr-snap stall.jsonl "$name" var seen
	[ "$output" = 50 ]
	run -0 ktstr-snap stall.jsonl "$name" var events
	[ "$output" = 50 ]
	last=$(jq -rs 'map(select(.kind == "snapshot" and .scheduler.exit_kind == "SCX_EXIT_NONE"))[-1].name' stall.jsonl)
	ktstr-snap --format json stall.jsonl "$last" dsq 0 >dsq.json
	ktstr-snap --format json stall.jsonl "$last" >all.json
	# Whoever is runnable runs already, or waits in the queue that nobody looks into any more.
	jq -e --slurpfile q dsq.json '. as $s | $q[0] as $q | $q.kind == "user" and $q.nr == ($q.tasks | length) and $q.nr >= 3 and
		([$q.tasks[].pid, (.cpus[].current.pid | select(. != 0))] | sort) == ([.cpus[].runnable[]] | sort) and all(.cpus[]; .scx.local_dsq.nr == 0) and
		all($q.tasks[].pid; . as $pid | any($s.tasks[]; .pid == $pid and .state == "R" and .scx.dsq == "0" and .class == "ext"))' all.json
}

@test "what a snapshot has agrees with itself, and with the records of the workers" {
	[ -s vtime.jsonl ] || skip "the run before made no report"
	jq -es '(map(select(.kind == "worker").tid) | sort) as $tids | map(select(.kind == "snapshot")) | length == 67 and all(.[];
		. as $s | (.tasks | map(.pid)) as $pids | ($tids - $pids == []) and
		# A task that is being woken is counted before it is on_rq.
		all(.cpus[]; . as $c | (.nr_running - (.runnable | length) | . == 0 or . == 1 and any($s.tasks[];
				.pid != 0 and .state == "R" and .on_rq == 0 and .cpu == $c.cpu)) and (.current.pid | . == 0 or IN($c.runnable[])) and
			.nr_running == .cfs.h_nr_queued + .rt.rt_nr_running + .dl.dl_nr_running + .scx.nr_running + (if any($s.tasks[];
				.class == "stop" and .on_rq == 1 and .cpu == $c.cpu) then 1 else 0 end)) and
		all(.dsqs[], .cpus[].scx.local_dsq; .nr == (.tasks | length)) and
		# Who runs is on a CPU; besides, in the middle of a switch, the one that the CPU leaves.
		([.tasks[] | select(.on_cpu and (.cpu as $n | .pid != $s.cpus[$n].current.pid)).cpu] | length == (unique | length)) and
		(.missing | map(.what)) == ["ops"])' vtime.jsonl
	# The clocks rise, and weights and policies are as asked for.
	jq -es 'map(select(.kind == "snapshot")) | [range(1; length) as $i | .[$i].cpus[0].clock_ns >= .[$i - 1].cpus[0].clock_ns] | all' vtime.jsonl
	jq -es 'map(select(.kind == "snapshot"))[0].tasks | map(select(.comm == "SpinWait")) | length == 3 and
		all(.[]; .class == "ext" and .scx.weight == 100 and .static_prio == 120 and .se.weight == 1048576 and .cpus_allowed == "0-1")' vtime.jsonl
}

@test "the op Snapshot: what there was when the guest asked, by a name for each time, and again the same" {
	printf '{"name":"look","memory_mb":256,"scheduler":{"bpf":"%s"},"backdrop":{"ops":[{"Snapshot":"before"}]},"steps":[
		{"setup":[{"name":"a","workers":3}],"ops":[{"Snapshot":"begin"}],"hold":{"fixed_s":0.1}},
		{"setup":[{"name":"b","workers":2,"work":{"Bursty":{"burst_ms":3,"sleep_ms":5}}}],"ops":[{"Snapshot":"again"}],
		"hold":{"loop":{"interval_ms":50}}}],"duration_s":0.3}\n' "$TREE/guest/bpf/vtime.bpf.o" >look.json
	run_with
	mv report.jsonl one.jsonl
	run_with --snapshot-at 20ms
	ktstr-snap report.jsonl >list
	[ "$(awk '{ print $1, $NF }' list)" = "before op
begin op
at_20ms time
$(printf 'again%s op\n' '' '#2' '#3' '#4' '#5' '#6')" ]
	diff <(grep -v '^{"kind":"host"' one.jsonl) <(grep -vE '^{"kind":"(host|snapshot","name":"at_20ms)"' report.jsonl)
	# Each is as far from the first as its op (their times begin some 35 us apart), and the runner is what runs: it asks.
	jq -es 'map(select(.kind == "op") | {start_ns, end_ns}) as $ops | map(select(.kind == "snapshot")) | length == 8 and ($ops | length) == 8 and
		(.[0] | has("at_ns") | not) and all(range(1; 8) as $i | .[$i].at_ns - .[1].at_ns - $ops[$i].start_ns + $ops[1].start_ns; . > -70000 and . < 70000) and
		all(.[]; any(.cpus[]; .current.comm == "ktstr-work" and .registers.kernel == false and (.registers.halted | not)))' one.jsonl
	jq -ces 'map(select(.kind == "snapshot") | .tasks | [map(select(.comm == "SpinWait")), map(select(.comm == "Bursty")) | length]) ==
		[[0, 0], [3, 0], ([range(6)] | map([0, 2]))[]]' one.jsonl
}

@test "the monitor: tasks piled up on one CPU fail the run, by that check and no other" {
	printf '{"name":"pile","memory_mb":256,"duration_s":1.2,"compute":"model","scheduler":{"bpf":"%s"},"cgroups":[{"name":"spin","workers":8}]}\n' \
		"$TREE/guest/bpf/pile.bpf.o" >look.json
	run_with
	jq -es 'map(select(.kind == "sample")) | length == 13 and .[0].at_ns < 50000 and .[-1].by == "phase" and all(.[1:-1][]; .by == "time" and
		.at_ns % 100000000 < 5000000) and all(.[]; .phase == 1 and (.nr_running | length) == 2 and .imbalance >= 8)' report.jsonl
	run -1 ktstr-eval --json verdict.json report.jsonl
	[[ $output == *$'\n--- monitor ---\nsamples=13 '*$'\nverdict: monitor FAILED: 1 violation(s)'* ]]
	jq -e '[.checks[] | select(.verdict == "fail").check] == ["imbalance"]' verdict.json
}

@test "BPF maps and variables of every kind have what the scheduler put there" {
	look_spec "{\"bpf\":\"$TREE/guest/bpf/maps.bpf.o\"}" 0.1
	run_with --snapshot-at 50ms
	ktstr-snap --format json report.jsonl at_50ms get maps >maps.json
	pair='{second: -2, low: 5, high: 17, color: "GREEN", name: "text"}'
	jq -e ".pairs.type == \"ARRAY\" and .pairs.entries == [range(3) | {key: ., value: ({first: (100 * .)} + $pair)}]" maps.json
	jq -e "(.hash.entries | sort_by(.key)) == [range(3) | {key: (10 + .), value: ({first: (100 * .)} + $pair)}]" maps.json
	jq -e '(.lru.entries | sort_by(.key)) == [range(3) | {key: ., value: .}]' maps.json
	jq -e '.each_cpu.entries == [{key: 0, values: [0, 40]}, {key: 1, values: [0, 41]}]' maps.json
	jq -e '(.cpu_hash.entries | sort_by(.key) | map(.key)) == [5, 6] and all(.cpu_hash.entries[].values; add == 1000)' maps.json
	[ "$(ktstr-snap report.jsonl at_50ms var large)" = 18364758544493064720 ]
	[ "$(ktstr-snap report.jsonl at_50ms var negative)" = -5 ]
	[ "$(ktstr-snap report.jsonl at_50ms var yes)" = true ]
	[ "$(ktstr-snap --format json report.jsonl at_50ms var numbers)" = '[1,2,3]' ]
	# By key and by condition.
	[ "$(ktstr-snap --format json report.jsonl at_50ms map hash 11 | jq .value.first)" = 100 ]
	[ "$(ktstr-snap --format json report.jsonl at_50ms map pairs --find 'value.first>50' | jq -c 'map(.key)')" = '[1,2]' ]
}

@test "temporal assertions: of the scheduler's variables in snapshots that the spec asks for, and of samples" {
	printf '{"name":"temporal","memory_mb":256,"num_snapshots":6,"scheduler":{"bpf":"%s"},"steps":[
		{"setup":[{"name":"a","workers":3}],"hold":{"fixed_s":0.3}},{"setup":[{"name":"b","workers":3}],"hold":{"fixed_s":0.3}}],
		"duration_s":0.6,"assert":{"temporal":[{"path":"var:vtime_now","is":"strictly_increasing"},
		{"path":"var:slice_ns","is":"steady_within","tolerance":0},{"path":"cpus[1].nr_switches","is":"at_least","min":1,"of":"delta","phase":2},
		{"path":"sample:nr_running[0]","is":"at_most","max":8},{"path":"sample:clock_ns[0]","is":"rate_within","min":900000,"max":1100000}]}}\n' \
		"$TREE/guest/bpf/vtime.bpf.o" >look.json
	run_with
	jq -ces 'map(select(.kind == "snapshot") | [.name, .phase]) == [range(6) | ["periodic_00\(.)", if . < 3 then 1 else 2 end]]' report.jsonl
	run -0 ktstr-eval --json verdict.json report.jsonl
	jq -e '[.checks[] | select(.check == "temporal").verdict] == ["pass", "pass", "pass", "pass", "pass"]' verdict.json
	# The same report, and a spec that says otherwise.
	sed '1s/strictly_increasing/always/; 1s/"path":"var:slice_ns","is":"steady_within","tolerance":0/"path":"var:vtime_now","is":"at_most","max":5/' report.jsonl >other.jsonl
	run -1 ktstr-eval other.jsonl
	[[ $output == *$'\n  vtime_now (at_most): value '*' at sample periodic_000 (+'*'ms) is above 5'$'\n'* ]]
	# Without the snapshots nothing is known of them.
	grep -v '^{"kind":"snapshot"' report.jsonl >without.jsonl
	run -125 ktstr-eval without.jsonl
	[[ $output == *$'\n  vtime_now (strictly_increasing): too few values: 0 periodic snapshots\n'* ]]
}

@test "a guest that lies: bounded, and what could be read is there" {
	for seed in 0 1 2 3; do
		run -0 "$TREE/tests/helper/look" "$(ktstr-kernel path)" $seed
		echo "$seed: $output"
		[[ $output =~ ^([0-9]+)\ bytes,\ 4\ CPUs,\ .*\ ([0-9]+)\ missing$ ]]
		[ "${BASH_REMATCH[2]}" -gt 0 ]
	done
}

# says STATUS TEXT ARGUMENT...: what ktstr-snap says on stderr
says() {
	local status=$1 text=$2
	shift 2
	run "-$status" --separate-stderr ktstr-snap "$TREE/tests/data/snap/in.jsonl" "$@"
	[[ $stderr == *"$text"* ]] || { echo "no '$text' in: $stderr"; false; }
}

@test "what ktstr-snap does not find it names, with what there is" {
	says 1 "no snapshot 'x' (snapshots: at_300ms, at_700ms)" x
	says 1 "no variable 'nr' (globals: slice_ns, uei, vtime_now, running_since)" at_300ms var nr
	says 1 "no map 'x' (captured maps: vtime.rodata, vtime.data, vtime.bss, ops)" at_300ms map x
	says 1 "'foo' is not in 'cpus[0].scx' (members at this depth: nr_running, flags, cpu_released, local_dsq)" at_300ms get 'cpus[0].scx.foo'
	says 1 "'2' is not in 'cpus', a list of 2" at_300ms get 'cpus[2]'
	says 1 "'cpus[0].cpu' is a number, which has no members" at_300ms get 'cpus[0].cpu.x'
	says 1 "character 6 is not where a member begins" at_300ms get 'cpus[].x'
	says 1 "no CPU '7' (CPUs: 0, 1)" at_300ms cpu 7
	says 1 "no task 'nobody' (tasks: swapper/0, swapper/1, " at_300ms task nobody
	says 1 "no dispatch queue '0x5' (queues: 0x8000000000000001, " at_300ms dsq 0x5
	says 1 "has no entries here: it has variables" at_300ms map vtime.bss 1
	says 129 "'what' is not a verb" at_300ms what x
	says 129 "takes one argument" at_300ms var
	says 129 "--find goes with 'map'" at_300ms var vtime_now --find x=1
}

@test "ktstr-snap diff: what changed, came and went, by name and not by place" {
	printf '%s\n' '{"kind":"snapshot","name":"a","tasks":[{"pid":1,"cpu":0},{"pid":2,"cpu":1}],"maps":{"x.bss":{"variables":{"n":1,"l":[1,2]}}}}' \
		'{"kind":"snapshot","name":"b","tasks":[{"pid":2,"cpu":0},{"pid":3,"cpu":1}],"maps":{"x.bss":{"variables":{"n":1,"l":[1,3]}}}}' >two.jsonl
	run -0 ktstr-snap two.jsonl diff a b
	[ "$output" = 'name: "a" -> "b"
tasks[pid=1]: gone, was {"pid":1,"cpu":0}
tasks[pid=2].cpu: 1 -> 0
tasks[pid=3]: new, {"pid":3,"cpu":1}
maps[x.bss].variables.l: [1,2] -> [1,3]' ]
	run -0 bash -c 'ktstr-snap --format json two.jsonl diff a b | jq -c .is'
	[ "${lines[2]}" = 0 ]
}

@test "times that are none, and snapshots on the real clock, are refused" {
	look_spec ""
	for list in '' 700 ms 1.5s '700ms,' -1ms 0ms 99999999999999999999s; do
		run -129 --separate-stderr ktstr-boot --plan plan.json --snapshot-at "$list" look.json
		[[ $stderr == *"is not a list of times"* ]]
	done
	run -129 --separate-stderr ktstr-boot --plan plan.json --periodic 65 look.json
	run -125 --separate-stderr ktstr-boot --plan plan.json --clock real --accel tcg --periodic 2 look.json
	[[ $stderr == *"need the virtual clock"* ]]
}
