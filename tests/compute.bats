#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Modelled computing (guest/compute.h) against executed: the scheduler cannot tell them apart.
# shellcheck disable=SC2154 # run sets stderr

load helper

# modelled NAME CGROUPS [KEYS]: the file NAME.json
modelled() {
	spec "$1" "$2" "\"compute\":\"model\"${3:+,$3}"
}

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 1n2l2c1t >plan
	# A CPU each: two equals, two weights, a quota, bursts.
	modelled shares '[{"name":"pair","workers":2,"cpuset":{"exact":[0]}},
		{"name":"light","workers":1,"limits":{"cpu_weight":100},"cpuset":{"exact":[1]}},{"name":"heavy","workers":1,"limits":{"cpu_weight":300},"cpuset":{"exact":[1]}},
		{"name":"quota","workers":1,"limits":{"cpu_quota_pct":30},"cpuset":{"exact":[2]}},
		{"name":"bursty","workers":1,"work":{"Bursty":{"burst_ms":7,"sleep_ms":3}},"cpuset":{"exact":[3]}}]'
	# Real-time tasks that are woken on the CPU of a spinner, by a timer, and from another CPU.
	modelled wakes '[{"name":"spin","workers":1,"cpuset":{"exact":[0]}},
		{"name":"timer","workers":1,"policy":{"fifo":10},"work":{"TimerLatency":{"interval_us":900}},"cpuset":{"exact":[0]}},
		{"name":"spin1","workers":1,"cpuset":{"exact":[1]}},{"name":"spin2","workers":1,"cpuset":{"exact":[2]}},
		{"name":"ipi","workers":2,"policy":{"fifo":10},"work":"FutexPingPong","cpuset":{"exact":[1,2]}}]'
	sed -i 's/"duration_s":1/"duration_s":0.3/' wakes.json
	# Turns of 20 ms. Those of the kernel's own scheduler are of one length or another, as ticks and timers happen to meet.
	modelled slices '[{"name":"pair","workers":2,"cpuset":{"exact":[0]}},{"name":"three","workers":3,"cpuset":{"exact":[1]}}]'
	for name in shares wakes slices; do
		[ $name != slices ] || set -- --scheduler vtime.bpf.o
		boot $name "$@" >$name.model
		boot $name "$@" --compute execute >$name.execute
	done
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	busy=()
}

teardown() {
	[ ${#busy[@]} = 0 ] || kill "${busy[@]}"
}

# boot SPEC [OPTION...]: the report but for its host record; it must be whole
boot() {
	local name=$1
	shift
	ktstr-boot --plan plan "$@" "$name.json" >whole
	tail -n 1 whole | grep -qF '{"kind":"end","outcome":"done",'
	grep -v '^{"kind":"host",' whole
}

# load_host: four busy loops, until the test is over
load_host() {
	for _ in 1 2 3 4; do
		while :; do :; done 3>&- &
		busy+=($!)
	done
}

# pairs SPEC FILTER: true for the array of [modelled, executed] records of its workers, in their order
pairs() {
	jq -es --slurpfile x "$1.execute" "$(printf 'def near($a; $b; $pct): $a - $b | fabs <= $pct / 100 * $b;
		(map(select(.kind == "worker")) | sort_by(.cgroup, .index)) as $m |
		($x | map(select(.kind == "worker")) | sort_by(.cgroup, .index)) as $x | [$m, $x] | transpose | %s' "$2")" "$1.model"
}

@test "modelled and executed: said in the report, for the run and for each worker" {
	[ "$(jq -r 'select(.kind == "run").compute' shares.model)" = model ]
	[ "$(jq -r 'select(.kind == "run").compute' shares.execute)" = execute ]
	pairs shares 'all(.[0].modelled_ns > 0.95 * .[0].cpu_time_ns and .[0].modelled_ns <= .[0].cpu_time_ns and (.[1] | has("modelled_ns") | not))'
	# A key of the spec is the same, and the option goes before it.
	jq '.compute = "execute" | .duration_s = 0.1' shares.json >key.json
	boot key >key.report
	jq -es '.[0].compute == "execute" and all(.[] | select(.kind == "worker"); has("modelled_ns") | not)' key.report
	boot key --compute model >key.report
	jq -es '.[0].compute == "model" and all(.[] | select(.kind == "worker"); .modelled_ns > 0)' key.report
}

@test "the same CPU time for equals, by weight and by quota; and as much work in it as on one CPU alone" {
	# A run of 1 s has ten periods of the quota, or begins within an eleventh.
	pairs shares 'all(near(.[0].cpu_time_ns; .[1].cpu_time_ns; 1) or
		(.[0].cgroup == "quota" and (.[0].cpu_time_ns - .[1].cpu_time_ns | fabs) < 31e6))'
	pairs slices 'all(near(.[0].cpu_time_ns; .[1].cpu_time_ns; 2))'
	pairs shares 'map(.[0] | .work_units / .cpu_time_ns) | max < min * 1.01'
	# What a unit takes was measured in the guest; executed ones of four CPUs have a fourth of the clock each.
	jq '.cgroups = [.cgroups[4]]' shares.json >alone.json
	boot alone --compute execute >alone.report
	jq -es --slurpfile m shares.model '($m | map(select(.cgroup == "bursty" and .kind == "worker"))[0]) as $m |
		map(select(.kind == "worker"))[0] as $x |
		($m.work_units / $m.cpu_time_ns) / ($x.work_units / $x.cpu_time_ns) | . > 0.99 and . < 1.01' alone.report
}

@test "as many time slices" {
	pairs slices 'all(.[1].timeslices > 15 and (.[0].timeslices - .[1].timeslices | fabs) <= 1)'
}

@test "a task that is woken on a computing CPU, by a timer or from elsewhere, runs as soon as on a spinning one" {
	pairs wakes 'map(select(.[0].wake_latency) | map(.wake_latency | (.sum | tonumber) / .count)) |
		length == 3 and all(.[0] < .[1] + 1000)'
}

# probed CGROUPS ARGS FILTER: true for the figures of compute-probe beside these cgroups
probed() {
	modelled probe "$1" '"payloads":{"p":{"program":"'"$TREE"'/tests/helper/compute-probe","args":'"$2"',"output":"json","primary":true}}'
	boot probe >probe.report
	jq -es 'map(select(.kind == "payload"))[0] | .exit == {"exited": 0} and (.metrics | .stretches == 90 and .early_ns == 0 and .over_ns == 0 and
		.past_ns == 0 and .asleep_ns == 0 and '"$3)" probe.report
}

@test "a stretch ends when it should, to the microsecond, and is counted as it was" {
	probed '[{"name":"a","workers":1,"work":{"TimerLatency":{"interval_us":10000}},"cpuset":{"exact":[0]}}]' '[]' \
		'.whole >= 60 and .late_ns <= 1000 and .off_ns <= 1000'
}

@test "a stretch that ends while its vCPU has to wait for its turn is counted to its end" {
	probed '[{"name":"a","workers":3,"work":"AluHot","cpuset":{"exact":[1,2,3]}}]' '["60"]' '.whole >= 60 and .latest_ns > 10000'
}

@test "what happens to a worker in the middle of computing loses and invents nothing" {
	printf '{"name":"meddled","memory_mb":256,"duration_s":0.8,"compute":"model","backdrop":{"cgroups":[
			{"name":"frozen","workers":1,"cpuset":{"exact":[0]}}, {"name":"moved","workers":1,"cpuset":{"exact":[1]}},
			{"name":"other","workers":0,"cpuset":{"exact":[0]}}, {"name":"off","workers":2,"cpuset":{"exact":[2,3]}},
			{"name":"signals","workers":2,"work":{"SignalStorm":{"work":16384}},"cpuset":{"exact":[0,1]}}]},
		"steps":[{"hold":0.2},
			{"ops":[{"FreezeCgroup":"frozen"},{"SetCpuset":{"cgroup":"moved","cpuset":{"exact":[2]}}}],"hold":0.2},
			{"ops":[{"UnfreezeCgroup":"frozen"},{"SetCpuset":{"cgroup":"moved","cpuset":{"exact":[1]}}},{"CpuOffline":3}],"hold":0.2},
			{"ops":[{"CpuOnline":3},{"MoveAllTasks":{"from":"moved","to":"other"}}],"hold":0.2}]}' >meddled.json
	boot meddled >meddled.report
	jq -es 'map(select(.kind == "worker")) | all(.completed and .modelled_ns <= .cpu_time_ns) and (map(select(.work == "SpinWait")) |
		length == 4 and all(.modelled_ns > 0.95 * .cpu_time_ns) and (map(.work_units / .modelled_ns) | max < 1.01 * min)) and
		(map(select(.cgroup == "frozen"))[0] | .modelled_ns < 0.65e9 and .max_gap_ns > 0.15e9) and
		(map(select(.cgroup == "moved"))[0].cpus_used == "0-2")' meddled.report
	# Sixteen times the guest stands in the middle, and is looked at.
	boot meddled --periodic 16 >looked.report
	[ "$(grep -c '^{"kind":"snapshot"' looked.report)" = 16 ]
	grep -v '^{"kind":"snapshot"' looked.report | diff meddled.report -
}

@test "on a CPU without ticks (nohz_full), too; and its worker hears the stop" {
	modelled nohz '[{"name":"alone","workers":1,"cpuset":{"exact":[1]}},{"name":"pair","workers":2,"cpuset":{"exact":[2]}}]' \
		'"scheduler":{"builtin":{"enable":["write /proc/sys/kernel/panic_on_warn 0"],"disable":["write /proc/sys/kernel/panic_on_warn 0"]},
			"kernel_args":"nohz_full=1-3"}'
	sed -i 's/"duration_s":1/"duration_s":0.3/' nohz.json
	grep -q '^CONFIG_NO_HZ_FULL=y' "$(dirname "$(ktstr-kernel path)")/config" || skip "the kernel has no nohz_full"
	boot nohz >nohz.report
	jq -es 'map(select(.kind == "worker")) | all(.modelled_ns > 0.99 * .cpu_time_ns and .modelled_ns <= .cpu_time_ns) and
		(map(.work_units / .modelled_ns) | max < 1.01 * min) and
		(.[0] | .modelled_ns > 0.999 * .cpu_time_ns and .cpu_time_ns > 0.998 * .wall_time_ns and .wall_time_ns < 0.311e9) and
		(.[1:] | all(.timeslices > 15))' nohz.report
}

@test "ten seconds with tasks that compute, sleep and yield: the same report, six times" {
	local i
	jq -c '.compute = "model"' "$TREE/share/specs/mixed_workloads.json" >mixed.json
	boot mixed >mixed.first
	for i in 1 2 3 4 5; do
		echo "run $i"
		boot mixed | cmp mixed.first -
	done
}

@test "the same report, and beside four busy loops" {
	boot shares | diff shares.model -
	load_host
	boot shares | diff shares.model -
	boot wakes | diff wakes.model -
}

# rates SPEC: work units per CPU second of a spinner whose computing is modelled, beside AluHot, which is executed
rate() {
	boot "$1" >"$1.report"
	jq -s 'map(select(.kind == "worker" and .work == "SpinWait"))[0] | .work_units / .cpu_time_ns * 1e9 | round' "$1.report"
}

# near A B: within 3 %
near() {
	[ $((100 * $1)) -ge $((97 * $2)) ] && [ $((100 * $1)) -le $((103 * $2)) ]
}

@test "a modelled CPU is as fast as the executed ones beside it" {
	local alone one same three
	spinner='{"name":"s","workers":1,"cpuset":{"exact":[3]}}'
	modelled alone "[$spinner]"
	modelled one "[$spinner,"'{"name":"a","workers":1,"work":"AluHot","cpuset":{"exact":[0]}}]'
	modelled same "[$spinner,"'{"name":"a","workers":1,"work":"AluHot","cpuset":{"exact":[3]}}]'
	modelled three "[$spinner,"'{"name":"a","workers":3,"work":"AluHot","cpuset":{"exact":[0,1,2]}}]'
	alone=$(rate alone) one=$(rate one) same=$(rate same) three=$(rate three)
	near "$one" "$alone"
	near "$same" "$alone"
	near $((3 * three)) "$alone"
	# Of the executed ones each has a third of the clock, too.
	alu() { jq -s 'map(select(.kind == "worker" and .work == "AluHot")) | map(.work_units / .cpu_time_ns * 1e9) | max | round' "$1.report"; }
	near $((3 * $(alu three))) "$(alu one)"
}

@test "64 CPUs, computing, executed and handed from one to another: the same report, and all of them work" {
	ktstr-topo 64cpu-8llc-smt >plan64
	modelled wide '[{"name":"spin","workers":56,"cpuset":{"exact":"0-55"}},
		{"name":"alu","workers":4,"work":"AluHot","cpuset":{"exact":"60-61"}},{"name":"futex","workers":4,"work":"FutexPingPong","cpuset":{"exact":"62-63"}}]'
	sed -i 's/"duration_s":1/"duration_s":0.1/' wide.json
	boot wide --plan plan64 >wide.first
	jq -es 'map(select(.kind == "worker")) | length == 64 and all(.completed and .work_units > 0) and
		(map(select(.cgroup == "spin")) | all(.modelled_ns > 0.9 * .cpu_time_ns) and (map(.cpu_time_ns) | add) > 0.8 * 56 * 0.1e9)' wide.first
	boot wide --plan plan64 | cmp wide.first -
	load_host
	boot wide --plan plan64 | cmp wide.first -
}

@test "on the real clock computing is executed, and --compute model is refused" {
	run -129 --separate-stderr ktstr-boot --plan plan --clock real --accel tcg --compute model shares.json
	[[ $stderr == *"--compute model needs the virtual clock"* ]]
	run -129 --separate-stderr ktstr-work --plan plan --no-cgroups --model-compute shares.json
	[[ $stderr == *"--model-compute is for ktstr-boot's guest"* ]]
}
