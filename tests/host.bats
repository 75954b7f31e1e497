#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-work --host: a scenario on this machine, which is as it was when it is over, whatever happened.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup() {
	mount=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
	[ -n "$mount" ] || skip "no cgroup2 is mounted here"
	[ "$(id -u)" = 0 ] || skip "it takes root"
	mkdir "$mount/ktstr-test-$$" 2>/dev/null || skip "cgroup2 cannot be written to here"
	rmdir "$mount/ktstr-test-$$"
	before=$(cat "$mount/cgroup.subtree_control")
	spec long '[{"name":"a/b","workers":2},{"name":"c","workers":1,"work":"YieldHeavy"}]' '"duration_s":60'
	sed -i 's/"duration_s":1,//' long.json
}

# start: run long.json up to its go; leaves the pid of ktstr-work in $work, that of its child in $child and those of workers in $pids
start() {
	local line
	rm -f said
	mkfifo said
	ktstr-work --host --verbose long.json >out 2>said &
	work=$! pids=()
	exec 7<said
	while read -r line <&7 && [[ $line != *": go" ]]; do
		[[ $line == *" is pid "* ]] && pids+=("${line##* }")
	done
	[[ $line == *": go" ]]
	child=$(awk '/^PPid:/ {print $2}' "/proc/${pids[0]}/status")
	[ "$child" != "$work" ]
	grep -q "^0::.*/ktstr-$work/a/b\$" "/proc/${pids[0]}/cgroup"
}

# Nothing is left of the run: no worker, no cgroup, no controller.
nothing_left() {
	local pid
	for pid in "$work" "$child" "${pids[@]}"; do
		gone "$pid"
	done
	[ ! -e "$mount/ktstr-$work" ]
	[ "$(cat "$mount/cgroup.subtree_control")" = "$before" ]
}

@test "a run on this machine: a report that can be judged, and nothing left" {
	spec short '[{"name":"a/b","workers":2},{"name":"c","workers":1,"work":"YieldHeavy"}]' '"assert":{"max_gap_ms":60000,"max_spread_pct":100}'
	ktstr-work --host short.json >out
	jq -es '.[0].kind == "run" and .[0].accel == "none" and (map(select(.kind == "worker")) | length == 3 and all(.work_units > 0))' out
	ktstr-eval out
	[ -z "$(find "$mount" -maxdepth 1 -name 'ktstr-[0-9]*')" ]
	[ "$(cat "$mount/cgroup.subtree_control")" = "$before" ]
}

@test "SIGTERM: the report says so, and nothing is left" {
	start
	kill "$work"
	ended=0 && wait "$work" || ended=$?
	[ "$ended" = 128 ]
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"error","reason":"interrupted by SIGTERM"}' ]
	nothing_left
}

@test "kill -9 of what runs it: the report is closed, 128, and nothing is left" {
	start
	kill -9 "$child"
	ended=0 && wait "$work" || ended=$?
	[ "$ended" = 128 ]
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"error","reason":"the run was killed by SIGKILL"}' ]
	nothing_left
}

@test "kill -9 of ktstr-work: the run ends itself, and nothing is left" {
	start
	kill -9 "$work"
	wait "$work" || true
	gone "$child"
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"error","reason":"interrupted by SIGTERM"}' ]
	[ ! -e "$mount/ktstr-$work" ]
}

@test "kill -9 of all: the next run removes what was left" {
	start
	kill -STOP "$child"
	kill -9 "$work" "$child" "${pids[@]}"
	wait "$work" || true
	gone "$child"
	[ -d "$mount/ktstr-$work/a/b" ]
	spec short '[{"name":"a","workers":1}]'
	run -0 --separate-stderr ktstr-work --host short.json
	[[ $stderr == *"removed '$mount/ktstr-$work', which a killed run left"* ]]
	[ ! -e "$mount/ktstr-$work" ]
}

@test "not root, no cgroup2, a controller that is not there: 125, in words; a plan of its own: 129" {
	run -125 --separate-stderr setpriv --reuid 65534 ktstr-work --host long.json
	[[ $stderr == *"it has to be root"* ]]
	run -125 --separate-stderr unshare -m sh -c 'while umount "$(awk "\$3 == \"cgroup2\" {print \$2; exit}" /proc/self/mounts)"; do :; done
		exec ktstr-work --host long.json' 2>/dev/null
	[[ $stderr == *"--host needs cgroup2, and no such file system is mounted"* ]]
	run -129 --separate-stderr ktstr-work --host --plan plan long.json
	run -129 --separate-stderr ktstr-work --host --no-cgroups long.json
	if ! grep -qw cpuset "$mount/cgroup.controllers"; then
		spec pinned '[{"name":"a","workers":1,"cpuset":{"exact":[0]}}]'
		run -125 --separate-stderr ktstr-work --host pinned.json
		[[ $stderr == *"cpuset"* ]]
	fi
}

# The nearest thing to a bare machine that every test has: a guest, with all controllers, where ktstr-work runs as a payload.
@test "in a guest: cpusets, limits and a policy; and nothing left, though the run is killed" {
	spec inner '[{"name":"a/b","workers":2,"cpuset":{"exact":[1]},"limits":{"cpu_weight":50}},
		{"name":"c","workers":1,"policy":{"fifo":3},"cpuset":{"exact":[0]},"work":{"Bursty":{"burst_ms":5,"sleep_ms":15}}}]' \
		'"assert":{"isolation":true}'
	sed 's/"duration_s":1/"duration_s":0.3/' inner.json >bare.json
	sed 's/"duration_s":1/"duration_s":60/' inner.json >long.json
	cat >run.sh <<-'END'
		#!/bin/sh
		# What a shell can do alone. Cgroups of a run are ktstr-PID; killed is what runs the scenario, the child of ktstr-work.
		left() { for dir in /sys/fs/cgroup/ktstr-[0-9]*; do [ ! -e "$dir" ] || echo; done | while read -r _; do printf 1; done; }
		./ktstr-work --host bare.json >report
		first=$?
		workers=0 inside=0
		while read -r line; do
			case $line in '{"kind":"worker"'*) workers=$((workers + 1)) ;; esac
			case $line in *'"cgroup":"a/b"'*'"cpus_used":"1"'*) inside=$((inside + 1)) ;; esac
		done <report
		after=$(left)
		./ktstr-work --host --verbose long.json >report 2>said &
		work=$!
		until [ -d /sys/fs/cgroup/ktstr-$work/c ] && read -r pid </sys/fs/cgroup/ktstr-$work/c/cgroup.procs; do :; done
		while read -r key value; do [ "$key" != PPid: ] || child=$value; done </proc/$pid/status
		kill -9 $child
		wait $work
		echo "{\"first\": $first, \"workers\": $workers, \"inside\": $inside, \"left\": ${after:-0}, \"killed\": $?, \"left_then\": $(left)0}"
	END
	chmod +x run.sh
	cp "$TREE/bin/ktstr-work" .
	jq -n '{name: "bare", memory_mb: 256, duration_s: 1, payloads: {bare: {program: "./run.sh", primary: true, output: "json",
		files: ["ktstr-work", "bare.json", "long.json"], checks: [{exit_code: 0}, {metric: "first", range: [0, 0]},
		{metric: "workers", range: [3, 3]}, {metric: "inside", range: [2, 2]}, {metric: "left", max: 0},
		{metric: "killed", range: [128, 128]}, {metric: "left_then", max: 0}]}}}' >outer.json
	ktstr-topo 1n1l2c1t >plan
	ktstr-boot --clock virtual --plan plan outer.json >out
	ktstr-eval out
}
