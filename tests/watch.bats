#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Watches: who writes to a variable of the kernel's or the scheduler's, without a trace in the run.
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

# run_as NAME OPTIONS...: the spec watch.json; a report in NAME.jsonl, fingerprints of the guest every 0.5 ms in NAME.fp
run_as() {
	ktstr-boot --plan plan.json --fingerprint "$1.fp" --fingerprint-us 500 "${@:2}" watch.json >"$1.jsonl" 2>err || { cat err && return 1; }
	tail -n 1 "$1.jsonl" | grep -F '"outcome":"done"'
}

# others REPORT: all records but those that come of a watch
others() {
	grep -vE '^\{"kind":"(host"|hit"|watch"|snapshot","name":"[^"]*","by":"watch")' "$1"
}

# watch_spec SCHEDULER-JSON [DURATION]; none: ""
watch_spec() {
	printf '{"name":"watch","memory_mb":256,"duration_s":%s,"watchdog_timeout_s":1%s,"cgroups":[{"name":"spin","workers":3},
		{"name":"burst","workers":2,"work":{"Bursty":{"burst_ms":3,"sleep_ms":5}}}]}\n' "${2:-0.4}" "${1:+,\"scheduler\":$1}" >watch.json
}

# same_with_watches LEAST PLACE...: a run with at least so many hits of these is the run without, and repeats
same_with_watches() {
	local least=$1 place options=()
	shift
	for place; do
		options+=(--watch "$place")
	done
	run_as without
	run_as with "${options[@]}"
	jq -r 'select(.kind == "watch") | "\(.watch): \(.hits)"' with.jsonl
	jq -es --argjson least "$least" --argjson n $# 'map(select(.kind == "watch").hits) | length == $n and add >= $least and all(. > 0)' with.jsonl
	jq -es 'map(select(.kind == "hit")) | length == ([.[].watch | select(.)] | length) and all(has("symbol") and has("pid") and has("at_ns"))' with.jsonl
	diff <(others without.jsonl) <(others with.jsonl)
	[ -s without.fp ]
	cmp without.fp with.fp
	run_as again "${options[@]}"
	diff <(grep -v '^{"kind":"host"' with.jsonl) <(grep -v '^{"kind":"host"' again.jsonl)
}

@test "watches with hits leave no trace in a run without a scheduler, and repeat" {
	watch_spec ""
	same_with_watches 400 jiffies_64 runqueues.nr_running@0 runqueues.clock@1 init_task
	# What another has written in between would be a hit, too.
	jq -es 'map(select(.kind == "hit" and .watch == "jiffies_64")) | .[0].hit == 1 and all(range(1; length) as $i |
		.[$i].before == .[$i - 1].after and .[$i].after > .[$i].before and .[$i].hit == $i + 1 and .[$i].at_ns >= .[$i - 1].at_ns; .)' with.jsonl
	jq -es 'map(select(.kind == "hit" and .watch == "runqueues.nr_running@0")) | (length > 50) and all(.after - .before | . == 1 or . == -1)' with.jsonl
}

@test "watches with hits leave no trace in a run under vtime, and repeat" {
	watch_spec "{\"bpf\":\"$TREE/guest/bpf/vtime.bpf.o\"}"
	same_with_watches 400 vtime_now runqueues.nr_running@0 runqueues.clock@1
	# The snapshot has what was written just then, and who is named by the hit is on that CPU.
	jq -es 'map(select(.kind == "hit" and .watch == "vtime_now")) as $hits | map(select(.kind == "snapshot" and .by == "watch")) |
		map({key: .name, value: .}) | from_entries as $snapshots | $hits | length >= 64 and
		all(.[:64][]; .after == $snapshots[.snapshot].maps["vtime.bss"].variables.vtime_now and .at_ns == $snapshots[.snapshot].at_ns and
			(.symbol | startswith("bpf_prog_"))) and all(.[64:][]; has("snapshot") | not)' with.jsonl
	[ "$(ktstr-snap with.jsonl 'vtime_now#2' var vtime_now)" = "$(jq -r 'select(.kind == "hit" and .snapshot == "vtime_now#2").after' with.jsonl)" ]
}

@test "watches with hits leave no trace in a run whose scheduler dies: each of its counter's steps, then none" {
	watch_spec "{\"bpf\":\"$TREE/guest/bpf/stall.bpf.o\",\"options\":{\"events\":100}}" 3
	same_with_watches 100 stall.bss:seen jiffies_64
	jq -es 'map(select(.kind == "hit" and .watch == "stall.bss:seen")) | map([.before, .after]) == [range(100) | [., . + 1]]' with.jsonl ||
		jq -es 'map(select(.kind == "hit" and .watch == "stall.bss:seen")) | map([.before, .after]) | .[0] as [$first, $_] |
			$first > 0 and . == [range($first; 100) | [., . + 1]]' with.jsonl
}

@test "the op WatchSnapshot: from the op on, by its path, and from the first phase on in a backdrop" {
	printf '{"name":"watch","memory_mb":256,"scheduler":{"bpf":"%s"},"backdrop":{"ops":[{"WatchSnapshot":"vtime_now"}]},"steps":[
		{"setup":[{"name":"a","workers":3}],"hold":{"fixed_s":0.1}},
		{"setup":[{"name":"b","workers":2}],"ops":[{"WatchSnapshot":"runqueues.clock@1"}],"hold":{"fixed_s":0.1}}],"duration_s":0.2}\n' \
		"$TREE/guest/bpf/vtime.bpf.o" >watch.json
	run_as one
	run_as two
	diff <(grep -v '^{"kind":"host"' one.jsonl) <(grep -v '^{"kind":"host"' two.jsonl)
	jq -es '(map(select(.kind == "phase" and .index == 2))[0].start_ns) as $second | map(select(.kind == "hit")) |
		(map(select(.watch == "vtime_now"))[0].at_ns < 1000000) and
		(map(select(.watch == "runqueues.clock@1"))[0].at_ns | . > $second - 100000 and . < $second + 10000000)' one.jsonl
	jq -ces 'map(select(.kind == "watch") | [.watch, .by]) == [["vtime_now", "$.backdrop.ops[0]"], ["runqueues.clock@1", "$.steps[1].ops[0]"]]' one.jsonl
}

@test "a place that is hot: 1000 hits have records, 64 snapshots, and all are counted" {
	printf '{"name":"watch","memory_mb":256,"duration_s":0.1,"compute":"execute","cgroups":[{"name":"a","workers":4,"work":"FutexPingPong"}]}\n' >watch.json
	same_with_watches 10000 __preempt_count@0
	jq -es '(map(select(.kind == "hit")) | length == 1000 and .[-1].hit == 1000) and (map(select(.kind == "snapshot")) | length == 64) and
		(map(select(.kind == "watch"))[0] | .recorded == 1000 and .hits > 10000 and (has("ended") | not))' with.jsonl
}

# says STATUS TEXT PLACE: what ktstr-boot says of --watch PLACE
says() {
	run "-$1" --separate-stderr ktstr-boot --plan plan.json --watch "$3" watch.json
	[[ $stderr == *"$2"* ]] || { echo "no '$2' in: $stderr"; false; }
}

@test "places that are none are refused: before anything runs, where the kernel alone tells" {
	watch_spec ""
	says 129 "the kernel has no 'nosuch'" nosuch
	says 129 "each CPU has a 'runqueues' of its own: say which, as in 'runqueues.clock@0'" runqueues.clock
	says 129 "'runqueues@0' has " runqueues@0
	says 129 "the kernel's struct rq has no member 'nope'" runqueues.nope@0
	says 129 "there are 2 CPUs" runqueues.clock@2
	says 129 "is a function, which nothing writes to" schedule
	says 129 "is a stack, which the processor writes to" init_stack/8
	says 129 "begins beyond the 64 bytes that are there" jiffies_64+64
	says 129 "the size: 9 is not in 1..8" jiffies_64/9
	ktstr-kernel symbols >symbols.elf
	local at
	at=$(readelf -sW symbols.elf | awk '$8 == "init_task" { print "0x" $2 }')
	says 129 "is in two pages" "init_task+$((4096 - (at & 4095) - 3))/8"
	says 129 "is not as [OWNER:]NAME" ''
	says 129 "is not as [OWNER:]NAME" 'a b'
	run -125 --separate-stderr ktstr-boot --plan plan.json --clock real --accel tcg --watch jiffies_64 watch.json
	[[ $stderr == *"need the virtual clock"* ]]
	jq '.steps = [{setup: .cgroups, ops: [{WatchSnapshot: "nosuch"}], hold: {fixed_s: 0.1}}] | del(.cgroups)' watch.json >op.json
	run -129 --separate-stderr ktstr-boot --plan plan.json op.json
	[[ $stderr == *"op.json: "'$.steps[0].ops[0]: WatchSnapshot: '"the kernel has no 'nosuch'"* ]]
}

@test "places that only a guest tells of: the op fails by its path; --watch says so in the report and on stderr" {
	watch_spec "{\"bpf\":\"$TREE/guest/bpf/vtime.bpf.o\"}" 0.1
	run_as one --watch nosuch --watch vtime_now.x --watch vtime_now@1
	grep -F "nothing was watched as 'nosuch': 'nosuch' is no variable of the kernel's, nor a BPF program's (there are slice_ns, uei, vtime_now, running_since)" err
	jq -es 'map(select(.kind == "watch").error) | (.[1] | contains("it is no struct, which has no members")) and (.[2] | contains("is not a variable of each CPU"))' one.jsonl
	jq '.steps = [{setup: .cgroups, ops: [{WatchSnapshot: "vtime_now"}, {WatchSnapshot: "vtime_now/4"}], hold: {fixed_s: 0.1}}] | del(.cgroups)' watch.json >op.json
	run -128 --separate-stderr ktstr-boot --plan plan.json op.json
	[[ $stderr == *'error: $.steps[0].ops[1]: WatchSnapshot: '"'vtime_now/4' and 'vtime_now' have bytes in common"* ]]
}
