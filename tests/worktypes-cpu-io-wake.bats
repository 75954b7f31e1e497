#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Work types of the CPU, of I/O, of timers, caches and wake-ups, on this machine: that each really does its work, mostly
# seen from outside, and that its latency is what it says. That a run is done means that each type's verify() agreed.
bats_require_minimum_version 1.5.0
load helper
load workers

# run_spec: spec.json's records in the file out; the scenario must have run.
run_spec() {
	work >out
	[ "$(tail -n 1 out)" = '{"kind":"end","outcome":"done","reason":"the scenario ran"}' ]
}

# workers FILTER: holds for all workers in out, of which there are some.
workers() {
	jq -es 'map(select(.kind == "worker")) | length > 0 and ('"$1"')' out
}

# code FUNCTION PATTERN: how many instructions of it match.
code() {
	objdump -d --no-show-raw-insn "$TREE/bin/ktstr-work" |
		awk -v f="<$1>:" 'index($0, f) { on = 1 } /^$/ { on = 0 } on' | grep -cE "$2"
}

# state PID: the letter of /proc/PID/stat, in $state, without a process in between.
state() {
	read -r state <"/proc/$1/stat"
	state=${state##*) } state=${state%% *}
}

# asleep PID: wait until it sleeps.
asleep() {
	state=
	until [ "$state" = S ]; do
		state "$1"
	done
}

# counter FILE NAME: the figure of that name in a file like /proc/PID/io.
counter() {
	awk -v n="$2:" '$1 == n { print $2 }' "$1"
}

@test "they do their work, many at once" {
	spec 0.4 '{"name": "alu", "workers": 1, "work": "AluHot"}' '{"name": "smt", "workers": 2, "work": "SmtSiblingSpin"}' \
		'{"name": "ipc", "workers": 1, "work": {"IpcVariance": {"hot_iters": 1000, "period_iters": 4}}}' \
		'{"name": "idle", "workers": 1, "work": {"IdleChurn": {"sleep_ms": 1}}}' \
		'{"name": "timer", "workers": 1, "work": "TimerLatency"}' \
		'{"name": "pressure", "workers": 1, "work": "CachePressure"}' \
		'{"name": "stride", "workers": 1, "work": {"CachePressure": {"size_kib": 1, "stride": 1000}}}' \
		'{"name": "yield", "workers": 1, "work": "CacheYield"}' \
		'{"name": "pipe", "workers": 2, "work": {"CachePipe": {"size_kib": 3, "stride": 7, "burst": 1000}}}' \
		'{"name": "fan", "workers": 10, "work": "FutexFanOut"}' \
		'{"name": "compute", "workers": 3, "work": {"FanOutCompute": {"fan_out": 2, "cache_footprint_kib": 4}}}' \
		'{"name": "asymmetric", "workers": 2, "work": "AsymmetricWaker"}' \
		'{"name": "chain", "workers": 6, "work": {"WakeChain": {"depth": 3, "work_per_hop_us": 1}}}' \
		'{"name": "futexes", "workers": 4, "work": {"WakeChain": {"wake": "Futex", "work_per_hop_us": 1}}}' \
		'{"name": "epoll", "workers": 5, "work": {"EpollStorm": {"producers": 2, "consumers": 3, "events_per_burst": 5}}}' \
		'{"name": "herd", "workers": 4, "work": {"ThunderingHerd": {"waiters": 3, "inter_batch_ms": 1}}}'
	run_spec
	workers 'all(.completed and .work_units > 0 and .iterations > 0 and .cpu_time_ns > 0)'
	# Who measures a latency has some, and nobody else has.
	[ "$(jq -r 'select(.wake_latency.count > 0) | .cgroup' out | uniq | paste -sd' ')" = \
		"idle timer pipe fan compute asymmetric chain futexes epoll herd" ]
	workers 'map(select((.cgroup | IN("fan", "compute", "asymmetric", "herd")) and .index % 5 == 0 or
		.cgroup == "epoll" and .index < 2)) | length == 7 and all(.wake_latency.count == 0)' # those who wake
	workers 'map(select(.wake_latency)) | all(.wake_latency as $l | $l.count <= .work_units + 1 and $l.max <= .wall_time_ns)'
	# The iterations of an IpcVariance are its periods, those of a producer its bursts.
	workers 'map(select(.cgroup == "ipc")) | all((.work_units / 4 | floor) as $n |
		.iterations >= $n and .iterations <= $n + 1)'
	workers 'map(select(.cgroup == "epoll" and .index < 2)) | all(.iterations * 5 == .work_units)'
}

@test "AluHot: a width is other instructions, and the record says which it was" {
	[ "$(code alu_scalar 'imul ')" -ge 8 ]
	[ "$(code alu_vec128 'pmullw .*%xmm')" -ge 8 ]
	[ "$(code alu_vec256 'vpmullw .*%ymm')" -ge 8 ]
	[ "$(code alu_vec512 'vpmullw .*%zmm')" -ge 8 ]
	[ "$(code alu_amx 'tdpbssd ')" -ge 4 ]
	widths=(Scalar Vec128)
	grep -qw avx2 /proc/cpuinfo && widths+=(Vec256)
	grep -qw avx512bw /proc/cpuinfo && widths+=(Vec512)
	grep -qw amx_int8 /proc/cpuinfo && widths+=(Amx)
	cgroups=('{"name": "a", "workers": 1, "work": "AluHot"}')
	for width in "${widths[@]}"; do
		cgroups+=("{\"name\": \"$width\", \"workers\": 1, \"work\": {\"AluHot\": {\"width\": \"$width\"}}}")
	done
	spec 0.2 "${cgroups[@]}"
	run_spec
	# A chain of 256 times 4 cycles at the very least, at 6 GHz.
	workers 'all(.work_units > 0 and .cpu_time_ns / .work_units >= 170)'
	figure a ".detail == \"width ${widths[-1]}\""
	for width in "${widths[@]}"; do
		figure "$width" ".detail == \"width $width\""
	done
	spec 0.1 '{"name": "a", "work": {"AluHot": {"width": "Vec1024"}}}'
	run -129 --separate-stderr work
	[[ $stderr == *"'Vec1024' is none of: Widest, Scalar, Vec128, Vec256, Vec512, Amx" ]]
}

@test "Sequence: phases of AluHot, each of its width, each for its time" {
	spec 0.4 '{"name": "a", "workers": 1, "work": {"Sequence": {"first": {"alu": {"duration_ms": 20}},
			"rest": [{"alu": {"width": "Vec128", "duration_ms": 20}}, {"alu": {"width": "Scalar", "duration_ms": 0.001}}]}}}' \
		'{"name": "b", "workers": 1, "work": {"Sequence": {"first": {"alu": {"width": "Scalar", "duration_ms": 1}}}}}'
	run_spec
	figure a '.detail | startswith("the widest width is ")'
	figure a '.iterations >= 1 and .iterations <= 11 and .work_units > 10 * .iterations and .cpu_time_ns / .work_units >= 170'
	figure b '.detail == null and .iterations > 11'
}

@test "SmtSiblingSpin: a unit is its PAUSEs" {
	spec 0.2 "{\"name\": \"a\", \"workers\": 2, \"cpuset\": {\"exact\": [$cpu]}, \"work\": \"SmtSiblingSpin\"}"
	run_spec
	# 10 cycles each at the very least, at 5 GHz; a tick alone takes a tenth of that.
	workers 'all(.cpu_time_ns / .work_units >= 256)'
}

@test "IpcVariance: the hot phase and the cold one each take their time" {
	spec 0.2 '{"name": "none", "workers": 1, "work": {"IpcVariance": {"hot_iters": 1, "cold_iters": 1}}}' \
		'{"name": "hot", "workers": 1, "work": {"IpcVariance": {"hot_iters": 100000, "cold_iters": 1}}}' \
		'{"name": "cold", "workers": 1, "work": {"IpcVariance": {"hot_iters": 1, "cold_iters": 100000}}}'
	run_spec
	# Four multiplications a cycle, one line a cycle: no machine is that fast.
	workers 'map({(.cgroup): (.cpu_time_ns / .work_units)}) | add | .hot > .none + 5000 and .cold > .none + 20000 and
		.cold > 3 * .hot'
}

@test "CachePressure: the walk is as long as the buffer" {
	spec 0.2 '{"name": "small", "workers": 1, "work": {"CachePressure": {"size_kib": 4}}}' \
		'{"name": "large", "workers": 1, "work": {"CachePressure": {"size_kib": 4096}}}' \
		'{"name": "sparse", "workers": 1, "work": {"CachePressure": {"size_kib": 4096, "stride": 65536}}}'
	run_spec
	workers 'map({(.cgroup): (.cpu_time_ns / .work_units)}) | add | .large > 50 * .small and .large > 50 * .sparse'
}

@test "CacheYield gives the CPU up after each walk, CachePressure does not" {
	spec 0.2 "{\"name\": \"yield\", \"workers\": 2, \"cpuset\": {\"exact\": [$cpu]}, \"work\": \"CacheYield\"}"
	run_spec
	workers 'all(.timeslices > .work_units / 4)'
	spec 0.2 "{\"name\": \"pressure\", \"workers\": 2, \"cpuset\": {\"exact\": [$cpu]}, \"work\": \"CachePressure\"}"
	run_spec
	workers 'all(.timeslices < .work_units / 4)'
}

@test "IdleChurn sleeps as long and spins as long as it is told, with the slack it is told" {
	spec 60 '{"name": "a", "workers": 1, "work": "IdleChurn"}' \
		'{"name": "precise", "workers": 1, "work": {"IdleChurn": {"precise_timing": true}}}'
	start --no-cgroups
	[ "$(cat "/proc/${pids[0]}/timerslack_ns")" = "$(cat "/proc/$work/timerslack_ns")" ]
	[ "$(cat "/proc/${pids[1]}/timerslack_ns")" = 1 ]
	end_early
	spec 0.5 '{"name": "a", "workers": 1, "work": {"IdleChurn": {"burst_ms": 10, "sleep_ms": 10}}}' \
		'{"name": "b", "workers": 1, "work": {"IdleChurn": {"burst_ms": 0.001, "sleep_ms": 10}}}'
	run_spec
	figure a '.work_units > 0 and .work_units <= 25'
	figure b '.work_units > 0 and .work_units <= 50'
	figure a '.cpu_time_ns > 4 * ('"$(figure b .cpu_time_ns)"') '
}

@test "TimerLatency keeps to its grid, however late it is" {
	spec 0.5 '{"name": "a", "workers": 1, "work": {"TimerLatency": {"interval_us": 20000}}}'
	run_spec
	figure a '.work_units > 0 and .work_units <= 25 and .work_units == .wake_latency.count'
	figure a '.max_gap_ns < .wake_latency.max + 20000000' # the sleep itself is in no gap
}

@test "FanOutCompute: sleep and products take their time" {
	spec 0.5 '{"name": "sleep", "workers": 2, "work": {"FanOutCompute": {"fan_out": 1, "cache_footprint_kib": 1, "sleep_us": 50000}}}' \
		'{"name": "alias", "workers": 2, "work": {"FanOutCompute": {"fan_out": 1, "cache_footprint_kib": 1, "sleep_usec": 50000}}}' \
		'{"name": "small", "workers": 2, "work": {"FanOutCompute": {"fan_out": 1, "cache_footprint_kib": 4, "operations": 10, "sleep_us": 0}}}' \
		'{"name": "large", "workers": 2, "work": {"FanOutCompute": {"fan_out": 1, "cache_footprint_kib": 64, "operations": 10, "sleep_us": 0}}}'
	run_spec
	workers 'map(select(.cgroup == ("sleep", "alias"))) | all(.work_units > 0 and .work_units <= 10)'
	# Sixteen times the footprint is 64 times the work.
	workers 'map(select(.index == 1) | {(.cgroup): (.cpu_time_ns / .work_units)}) | add | .large > 8 * .small'
}

@test "AsymmetricWaker: each is in its class" {
	policy() { awk '$1 == "policy" { print $3 }' "/proc/$1/sched"; }
	[ -e /proc/self/sched ] || skip "this kernel has no /proc/PID/sched"
	spec 60 '{"name": "a", "workers": 2, "work": {"AsymmetricWaker": {"waker_class": "Batch", "wakee_class": "Idle"}}}' \
		'{"name": "b", "workers": 2, "work": "AsymmetricWaker"}'
	start --no-cgroups
	[ "$(for pid in "${pids[@]}"; do policy "$pid"; done | paste -sd' ')" = "3 5 0 0" ]
	end_early
	spec 0.5 '{"name": "b", "workers": 2, "work": {"AsymmetricWaker": {"burst": 10}}}'
	run_spec
	figure b '.work_units > 100'
	[ ! -e /sys/kernel/sched_ext ] || skip "this kernel has every class: none is refused"
	spec 0.1 '{"name": "a", "workers": 2, "work": {"AsymmetricWaker": {"wakee_class": "Ext"}}}'
	run -128 --separate-stderr work
	[[ $stderr == *"cannot prepare AsymmetricWaker: cannot enter the class Ext: Invalid argument" ]]
}

@test "WakeChain: one of a chain runs at a time, through pipes or futexes" {
	local a b groups=('{"name": "pipe", "workers": 3, "work": {"WakeChain": {"depth": 3, "work_per_hop_us": 10000}}}'
		'{"name": "futex", "workers": 3, "work": {"WakeChain": {"depth": 3, "work_per_hop_us": 10000, "wake": "Futex"}}}')
	spec 60 "${groups[@]}"
	start --no-cgroups
	a=$(find "/proc/${pids[1]}/fd" -lname 'pipe:*' | wc -l) b=$(find "/proc/${pids[4]}/fd" -lname 'pipe:*' | wc -l)
	[ $((a - b)) = 6 ] # both ends of three
	end_early
	spec 0.5 "${groups[@]}"
	run_spec
	workers 'group_by(.cgroup) | all((map(.work_units) | add) <= 51 and (map(.cpu_time_ns) | add) <= 1.1 * .[0].wall_time_ns)'
}

@test "EpollStorm: consumers sleep in epoll on an eventfd, and every event is taken once" {
	spec 60 '{"name": "a", "workers": 3, "work": "EpollStorm"}'
	start --no-cgroups
	[ "$(find "/proc/${pids[2]}/fd" -lname 'anon_inode:\[eventfd\]' | wc -l)" -ge 1 ]
	[ "$(find "/proc/${pids[2]}/fd" -lname 'anon_inode:\[eventpoll\]' | wc -l)" -ge 1 ]
	kill -STOP "${pids[0]}"
	asleep "${pids[1]}"
	asleep "${pids[2]}"
	kill -CONT "${pids[0]}"
	end_early
	spec 0.5 '{"name": "a", "workers": 3, "work": "EpollStorm"}'
	run_spec
	workers '.[0].work_units - .[1].work_units - .[2].work_units | . >= 0 and . <= 32'
	workers 'all(.[1:][]; .work_units > 0)'
}

@test "ThunderingHerd: so many batches with that pause, then rest, which is no gap" {
	spec 2 '{"name": "a", "workers": 4, "work": {"ThunderingHerd": {"waiters": 3, "batches": 4, "inter_batch_ms": 50}}}' \
		'{"name": "b", "workers": 4, "work": {"ThunderingHerd": {"waiters": 3, "inter_batch_ms": 50}}}'
	run_spec
	workers 'map(select(.cgroup == "a")) | all(.work_units == 4 and .max_gap_ns < 1500000000)'
	workers 'map(select(.cgroup == "b")) | all(.work_units > 4 and .work_units <= 41)'
}

@test "a delay put in comes out of the latency" {
	# The wakers are stopped until those whom they wake sleep; these are stopped too, the wakers go on and wake them, and
	# they go on 400 ms later. So do those that a timer wakes.
	spec 2 '{"name": "pipe", "workers": 2, "work": "CachePipe"}' \
		'{"name": "fan", "workers": 3, "work": {"FutexFanOut": {"fan_out": 2}}}' \
		'{"name": "compute", "workers": 2, "work": {"FanOutCompute": {"fan_out": 1, "cache_footprint_kib": 4}}}' \
		'{"name": "asymmetric", "workers": 2, "work": "AsymmetricWaker"}' \
		'{"name": "chain", "workers": 3, "work": {"WakeChain": {"depth": 3}}}' \
		'{"name": "futexes", "workers": 2, "work": {"WakeChain": {"depth": 2, "wake": "Futex"}}}' \
		'{"name": "epoll", "workers": 2, "work": {"EpollStorm": {"consumers": 1}}}' \
		'{"name": "herd", "workers": 2, "work": {"ThunderingHerd": {"waiters": 1, "inter_batch_ms": 1}}}' \
		'{"name": "timer", "workers": 1, "work": "TimerLatency"}' \
		'{"name": "idle", "workers": 1, "work": {"IdleChurn": {"burst_ms": 0.001, "sleep_ms": 100}}}'
	start --no-cgroups
	hold
	wakers=("${pids[0]}" "${pids[2]}" "${pids[5]}" "${pids[7]}" "${pids[9]}" "${pids[12]}" "${pids[14]}" "${pids[16]}")
	woken=("${pids[1]}" "${pids[3]}" "${pids[6]}" "${pids[8]}" "${pids[10]}" "${pids[13]}" "${pids[15]}" "${pids[17]}")
	kill -STOP "${wakers[@]}"
	for pid in "${woken[@]}"; do
		asleep "$pid"
	done
	kill -STOP "${woken[@]}" "${pids[18]}" "${pids[19]}"
	kill -CONT "${wakers[@]}"
	sleep 0.4 # the delay that is put in
	kill -CONT "${woken[@]}" "${pids[18]}" "${pids[19]}"
	release
	workers 'map(select(.index == 1)) | length == 8 and all(.wake_latency | .max >= 350000000 and .min < 100000000 and .count > 1)'
	# All of a burst of events was written while the one who takes them was stopped, but it was woken once.
	figure epoll '.work_units > 0'
	workers 'map(select(.cgroup == "epoll" and .index == 1).wake_latency.buckets[] | . as [$i, $n] |
		([$i / 32 - 1, 0] | max | floor) as $shift | select(($i - 32 * $shift) * pow(2; $shift) >= 300000000) | $n) |
		add <= 4'
	# Those who were not stopped then were not woken late, for nobody woke them meanwhile.
	workers 'map(select(.cgroup == "fan" and .index == 2 or .cgroup == "chain" and .index == 2)) | length == 2 and
		all(.wake_latency.max < 350000000)'
	# A sleep of 100 ms may have had all of that left.
	figure timer '.wake_latency | .max >= 350000000 and .min < 100000000'
	figure idle '.wake_latency | .max >= 250000000 and .min < 100000000'
}

@test "IoSyncWrite and IoConvoy write to the disk, IoRandRead reads from it" {
	spec 3 '{"name": "write", "workers": 1, "work": "IoSyncWrite"}' '{"name": "read", "workers": 1, "work": "IoRandRead"}' \
		'{"name": "convoy", "workers": 1, "work": "IoConvoy"}'
	export TMPDIR=$BATS_TEST_TMPDIR
	start --no-cgroups
	for i in 0 1 2; do
		until [ "$(counter "/proc/${pids[i]}/io" wchar)" -gt 400000 ] || [ "$(counter "/proc/${pids[i]}/io" rchar)" -gt 400000 ]; do
			kill -0 "$work"
		done
		cp "/proc/${pids[i]}/io" io$i
	done
	slept=$(counter "/proc/${pids[2]}/status" voluntary_ctxt_switches)
	kill -TERM "$work"
	wait_done
	run -128 wait "$work"
	[ "$(df --output=fstype "$TMPDIR" | tail -n 1)" != tmpfs ] || skip "the file is on tmpfs, which is no disk"
	# A page that is written again before it went to the disk is not counted twice: so each time it did go there.
	[ "$(counter io0 write_bytes)" -gt $(($(counter io0 wchar) / 2)) ]
	[ "$(counter io1 read_bytes)" -gt $(($(counter io1 rchar) / 2)) ] # past the page cache
	[ "$(counter io2 read_bytes)" -lt $(($(counter io2 rchar) / 2)) ] # through it
	[ "$slept" -ge $(($(counter io2 wchar) / 4096 / 16)) ] # every 16th block waits for the disk
}

@test "I/O: the record says where it went" {
	spec 0.2 '{"name": "write", "workers": 2, "work": "IoSyncWrite"}' '{"name": "read", "workers": 2, "work": "IoRandRead"}' \
		'{"name": "convoy", "workers": 2, "work": "IoConvoy"}'
	[ "$(df --output=fstype /dev/shm | tail -n 1)" = tmpfs ] || skip "/dev/shm is no tmpfs"
	TMPDIR=/dev/shm run_spec
	workers 'all(.work_units > 0 and .completed)'
	[ "$(jq -r 'select(.kind == "worker") | .detail' out | uniq | paste -sd'|')" = \
		"a file on tmpfs, through the page cache|a file on tmpfs, which has no direct I/O|a file on tmpfs, through the page cache" ]
	TMPDIR=/nowhere run_spec # in memory then
	figure write '.detail == "a file on tmpfs, through the page cache"'
}

@test "I/O: on the block device that is named, and on no other" {
	spec 0.2 '{"name": "write", "workers": 2, "work": "IoSyncWrite"}' '{"name": "read", "workers": 1, "work": "IoRandRead"}' \
		'{"name": "convoy", "workers": 2, "work": "IoConvoy"}'
	KTSTR_IO_DEVICE=/dev/null run -128 --separate-stderr work
	[[ $stderr == *"'/dev/null' (KTSTR_IO_DEVICE) is not a block device" ]]
	KTSTR_IO_DEVICE=/nowhere run -128 --separate-stderr work
	[[ $stderr == *"cannot open '/nowhere' (KTSTR_IO_DEVICE): No such file or directory" ]]
	truncate -s 8M disk
	device=$(losetup -f --show disk) || skip "no loop device can be set up here"
	exec 8<"$device" # it goes when this does
	losetup -d "$device"
	KTSTR_IO_DEVICE=$device run_spec
	cp out all
	# Reads all over the device bring the file behind it into memory.
	truncate -s 0 disk
	truncate -s 8M disk
	spec 0.3 '{"name": "read", "workers": 1, "work": "IoRandRead"}'
	KTSTR_IO_DEVICE=$device run_spec
	in_memory=$(fincore -bno res disk)
	read_blocks=$(figure read .work_units)
	[ "$in_memory" -ge $((4096 * (read_blocks < 1000 ? read_blocks / 2 : 500))) ]
	mv all out
	workers 'all(.work_units > 0)'
	figure write ".detail == \"$device, through the page cache\""
	figure read ".detail == \"$device, past the page cache\""
}

@test "zero is refused where it means nothing" {
	refused() { # TYPE PARAMETER
		spec 1 "{\"name\": \"a\", \"work\": {\"$1\": {\"$2\": 0}}}"
		run -129 --separate-stderr ktstr-work --check --plan plan spec.json
		[[ $stderr == *"\$.cgroups[0].work.$1.$2: 0 is not in "* ]]
	}
	refused IpcVariance hot_iters
	refused IpcVariance cold_iters
	refused IpcVariance period_iters
	refused IdleChurn burst_ms
	refused IdleChurn sleep_ms
	refused TimerLatency interval_us
	refused CachePressure size_kib
	refused CacheYield stride
	refused CachePipe burst
	refused FutexFanOut fan_out
	refused FanOutCompute operations
	refused FanOutCompute cache_footprint_kib
	refused WakeChain depth
	refused WakeChain work_per_hop_us
	refused EpollStorm producers
	refused EpollStorm consumers
	refused EpollStorm events_per_burst
	refused ThunderingHerd waiters
	refused ThunderingHerd batches
	refused ThunderingHerd inter_batch_ms
	spec 1 '{"name": "a", "workers": 5, "work": "WakeChain"}'
	run -129 --separate-stderr ktstr-work --check --plan plan spec.json
	[[ $stderr == *'WakeChain (group 0) requires num_workers divisible by 4, got 5' ]]
}

@test "what is spent spinning is spent spinning, and not looking at the clock" {
	PATH=$TREE/tests/helper:$PATH
	# Some ticks are those of sleeps and of hops.
	work-cost spins IdleChurn 200
	work-cost spins WakeChain 32
	[ "$(id -u)" != 0 ] || work-cost spins NiceSweep 512
	run -1 --separate-stderr work-cost spins YieldHeavy 1
	[[ $stderr == "work-cost: YieldHeavy spins 0 times in "*" ticks" ]]
}

@test "between go and stop: no system call but the work's and the clock's, and no allocation" {
	PATH=$TREE/tests/helper:$PATH
	for type in SpinWait AluHot SmtSiblingSpin IpcVariance CachePressure; do
		work-cost calls $type
	done
	work-cost calls YieldHeavy sched_yield
	work-cost calls CacheYield sched_yield
	work-cost calls IoSyncWrite pwrite64 fdatasync
	work-cost calls IoRandRead pread64
	work-cost calls IoConvoy pwrite64 pread64 fdatasync
	work-cost calls Bursty clock_nanosleep
	work-cost calls IdleChurn clock_nanosleep
	work-cost calls TimerLatency clock_nanosleep
	work-cost calls CachePipe read write
	work-cost calls PipeIo read write
	work-cost calls FutexPingPong futex
	work-cost calls FutexFanOut futex
	work-cost calls FanOutCompute futex clock_nanosleep
	work-cost calls AsymmetricWaker futex
	work-cost calls WakeChain read write
	work-cost calls EpollStorm epoll_wait read write futex
	work-cost calls ThunderingHerd futex clock_nanosleep pause
	for type in YieldHeavy Mixed CacheYield Sequence; do
		work-cost makes $type sched_yield
	done
	work-cost makes IoSyncWrite fdatasync
	work-cost makes IoConvoy pread64
	# And one that is not named is noticed, and one that is not made.
	run -1 --separate-stderr work-cost makes SpinWait sched_yield
	[ "$stderr" = "work-cost: SpinWait does not make system call sched_yield" ]
	run -1 --separate-stderr work-cost calls YieldHeavy
	[ "$stderr" = "work-cost: YieldHeavy makes system call 24" ]
}
