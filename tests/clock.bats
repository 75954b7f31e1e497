#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The virtual clock: one run is like another in every line but the host's, whatever else the host does.
# KTSTR_FULL=N makes N runs where there is one else.

load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	ktstr-topo 1n1l2c1t >plan.json
	spec mixed '[{"name":"a","workers":3,"work":"Mixed"},
		{"name":"b","workers":2,"work":{"Bursty":{"burst_ms":3,"sleep_ms":5}}}]'
	spec futex '[{"name":"a","workers":2,"work":"FutexPingPong"}]'
	spec pipe '[{"name":"a","workers":4,"work":"PipeIo"}]'
	sed -i 's/"duration_s":1/"duration_s":0.1/' mixed.json futex.json pipe.json
	# What all runs of a spec are compared with.
	for name in mixed futex pipe; do
		boot $name >$name.want
	done
}

setup() {
	runs=${KTSTR_FULL:-1}
	busy=()
	qemu=${KTSTR_QEMU:-qemu-system-x86_64}
}

teardown() {
	[ ${#busy[@]} = 0 ] || kill "${busy[@]}"
}

# boot SPEC [OPTION...]: the report but for its host record; it must be whole
boot() {
	local name=$1
	shift
	ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" "$@" "$BATS_FILE_TMPDIR/$name.json" >whole
	tail -n 1 whole | grep -qF '{"kind":"end","outcome":"done",'
	grep -v '^{"kind":"host",' whole
}

# as_wanted SPEC [OPTION...]: one more run is like the first
as_wanted() {
	boot "$@" >got
	diff "$BATS_FILE_TMPDIR/$1.want" got
}

have_kernel() {
	run --separate-stderr ktstr-kernel path "$1"
	[ "$status" = 0 ] || skip "no kernel $1 in the cache ($stderr)"
}

@test "the same report, run after run" {
	for ((i = 0; i < runs; i++)); do
		for name in mixed futex pipe; do
			as_wanted $name
		done
	done
}

@test "the same report beside four busy loops" {
	for _ in 1 2 3 4; do
		while :; do :; done 3>&- &
		busy+=($!)
	done
	for ((i = 0; i < runs; i++)); do
		for name in mixed futex pipe; do
			as_wanted $name
		done
	done
}

# Twice the same, from nothing: what is saved depends on the inputs alone, however busy the host is meanwhile.
@test "a checkpoint built again beside four busy loops gives the same reports" {
	KTSTR_KERNEL=$(ktstr-kernel path)
	export KTSTR_KERNEL
	own_cache cache
	export KTSTR_CACHE_DIR=$PWD/cache
	for _ in 1 2 3 4; do
		while :; do :; done 3>&- &
		busy+=($!)
	done
	for name in mixed futex; do
		as_wanted $name
	done
	[ "$(jq -r 'select(.kind == "host").checkpoint' whole)" = found ]
	for ((i = 1; i < runs; i++)); do
		rm -r cache/checkpoints
		as_wanted mixed
	done
}

# libexec/vm/shim-hold.c
@test "what wakes QEMU's main thread while the guest runs changes nothing" {
	local boot qemu woken=0
	spec timers '[{"name":"a","workers":4,"work":{"TimerLatency":{"interval_us":300}}}]'
	mv timers.json "$BATS_FILE_TMPDIR"
	boot timers >want
	: >whole
	ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" "$BATS_FILE_TMPDIR/timers.json" >whole 3>&- &
	boot=$!
	until grep -qF '{"kind":"phase",' whole; do
		kill -0 $boot
	done
	qemu=$(pgrep -P $boot)
	while kill -ALRM "$qemu" 2>/dev/null; do # that it does nothing with
		woken=$((woken + 1))
	done
	wait $boot
	[ "$woken" -gt 100 ]
	cmp want <(grep -v '^{"kind":"host",' whole)
}

# Turns are for what is executed; tests/compute.bats has what is modelled.

# spinners MORE: one on each of four CPUs, for long enough that the kernel adds up its counters meanwhile, PAUSE after PAUSE; MORE
# are members of their cgroups. All do the same, in exactly the time that was asked for.
spinners() {
	ktstr-topo 1n2l2c1t >plan.json
	jq -n --argjson more "$1" '{name: "spinners", duration_s: 2.5,
		cgroups: [range(4) | {name: "p\(.)", workers: 1, cpuset: {exact: [.]}} + $more]}' >spinners.json
	ktstr-boot --plan plan.json --compute execute spinners.json >report
	jq -es 'map(select(.kind == "worker").work_units) | length == 4 and max - min < max / 100' report
	jq -es 'map(select(.kind == "worker").wall_time_ns) | max - 2500000000 | fabs < 1000000' report
	jq -es 'map(select(.kind == "worker").max_gap_ns) | max < 500000' report
}

@test "four busy vCPUs get equal turns, and short ones" {
	spinners '{}'
}

# What runs the scenario gets its CPU beside them: all start at once, and run as long as they shall.
@test "four pinned real-time spinners: equal work, in exactly the time that was asked for, and short gaps" {
	spinners '{"policy": {"fifo": 50}}'
}

# Not after the turns of those that are busy: most of 11 us are the kernel's instructions on the way.
@test "a vCPU that is woken runs at once, beside busy ones" {
	spec woken '[{"name":"s","workers":2,"cpuset":{"exact":[0,1]}},{"name":"f","workers":2,"work":"FutexPingPong","cpuset":{"exact":[2,3]}}]'
	ktstr-topo 1n2l2c1t >plan.json
	ktstr-boot --plan plan.json --compute execute woken.json >report
	[ "$(jq -s 'map(select(.wake_latency) | .wake_latency | .sum | tonumber) | add' report)" -lt \
		"$(jq -s 'map(select(.wake_latency) | .wake_latency.count * 15000) | add' report)" ]
	jq -es 'map(select(.kind == "worker" and .work == "SpinWait").work_units) | length == 2 and max - min < max / 100' report
}

# Each of them has a vCPU to itself. What is left of the difference, 1.8 % at most, is that a seed starts them apart.
@test "busy vCPUs get equal turns beside those whose timers end turns all the time" {
	spec timers '[{"name":"p0","workers":1,"cpuset":{"exact":[0]}},{"name":"p1","workers":1,"cpuset":{"exact":[1]}},
		{"name":"t2","workers":1,"work":{"TimerLatency":{"interval_us":100}},"cpuset":{"exact":[2]}},
		{"name":"t3","workers":1,"work":{"TimerLatency":{"interval_us":100}},"cpuset":{"exact":[3]}},
		{"name":"t4","workers":1,"work":{"TimerLatency":{"interval_us":100}},"cpuset":{"exact":[4]}}]'
	ktstr-topo 1n1l5c1t >plan.json
	for seed in 0 1 4; do
		ktstr-boot --plan plan.json --compute execute --seed $seed timers.json >report
		jq -es 'map(select(.kind == "worker" and .work == "SpinWait").work_units) |
			length == 2 and max - min < max / 100 * (if $seed == 0 then 0.3 else 3 end)' --argjson seed $seed report
	done
}

@test "a QEMU without ktstr-turns.so has no virtual clock: 125, and why" {
	printf '#!/bin/sh\nunset LD_PRELOAD\nexec %s "$@"\n' "$qemu" >other-qemu
	chmod +x other-qemu
	KTSTR_QEMU=$PWD/other-qemu run -125 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" \
		"$BATS_FILE_TMPDIR/futex.json"
	[[ $stderr == *"no virtual clock with this QEMU: "*"use --clock real"* ]]
	[[ ${lines[-1]} == *'"outcome":"unsupported"'* ]]
	# It says so itself when it is loaded and does not find what it needs.
	printf '#!/bin/sh\nunset KTSTR_TURN_NS\nexec %s "$@"\n' "$qemu" >other-qemu
	KTSTR_QEMU=$PWD/other-qemu run -125 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" \
		"$BATS_FILE_TMPDIR/futex.json"
	[[ $stderr == *"no virtual clock with this QEMU: KTSTR_TURN_NS is not set"* ]]
}

# A library between QEMU and ktstr-turns.so has QEMU believe that each turn is 200 ns longer than it is: while it boots, 13 instructions.
@test "a turn that goes on beyond its end: 125, and by how much" {
	cat >late.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <time.h>
		int clock_gettime(clockid_t clock, struct timespec *t)
		{
			int r = ((int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime"))(clock, t);
			if (clock == CLOCK_MONOTONIC && t->tv_sec == 1 && t->tv_nsec >= 200 && t->tv_nsec <= 1000000)
				t->tv_nsec -= 200;
			return r;
		}
	END
	gcc -shared -fPIC -o late.so late.c
	printf '#!/bin/sh\nLD_PRELOAD="%s/late.so:$LD_PRELOAD" exec %s "$@"\n' "$PWD" "$qemu" >other-qemu
	chmod +x other-qemu
	ktstr-topo 1n1l1c1t >plan.json
	KTSTR_QEMU=$PWD/other-qemu run -125 --separate-stderr ktstr-boot --plan plan.json "$BATS_FILE_TMPDIR/futex.json"
	[[ $stderr == *"no virtual clock with this QEMU: a turn of a vCPU went on for 208 ns beyond its end, and an instruction takes 16 ns"* ]]
	[[ ${lines[-1]} == *'"outcome":"unsupported"'* ]]
}

# A turn ends with an instruction: 50000 ns are 781.25 of 64 ns.
@test "how turns went is in the host record: given, none too long, and the main thread never beside a vCPU" {
	turns() { jq -es 'map(select(.kind == "host"))[0].turns | .given > 500 and .main_thread_releases == 0 and .longest_overrun_ns == $late' \
		--argjson late "$1" whole; }
	boot mixed >got
	turns 0
	boot mixed --ns-per-insn 64 >got
	turns 48
	ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" --clock real --cold "$BATS_FILE_TMPDIR/futex.json" >without
	jq -es 'map(select(.kind == "host"))[0] | has("turns") | not' without
}

# The kernel's list of tasks, 70 kB, again and again through a pipe of 8 KiB, whose reader waits for its own reader.
@test "a guest that floods its console, read slowly by a user who has no large pipes: the same report" {
	local unprivileged=()
	[ "$(id -u)" != 0 ] || unprivileged=(setpriv "--bounding-set=-sys_admin,-sys_resource")
	printf '#!/bin/sh\necho 8 >/proc/sys/kernel/printk\nwhile :; do echo t >/proc/sysrq-trigger; done\n' >flood
	chmod +x flood
	jq -n --arg flood "$PWD/flood" '{name: "flood", memory_mb: 256, payloads: {flood: {program: $flood}},
		backdrop: {ops: [{RunPayload: "flood"}]},
		steps: [{setup: [{name: "a", workers: 2, work: "Mixed"}], hold: {fixed_s: 0.2}}]}' >"$BATS_FILE_TMPDIR/flood.json"
	ktstr-topo 1n1l1c1t >"$BATS_FILE_TMPDIR/one.json"
	boot flood --plan "$BATS_FILE_TMPDIR/one.json" --keep . >want
	[ "$(wc -c <console.log)" -gt 30000 ]
	mkfifo console
	while read -r line; do
		echo "$line"
	done <console >shown 3>&- &
	"${unprivileged[@]}" "$TREE/tests/helper/few-pipes" ktstr-boot --plan "$BATS_FILE_TMPDIR/one.json" --console \
		"$BATS_FILE_TMPDIR/flood.json" >whole 2>console
	wait $!
	diff want <(grep -v '^{"kind":"host",' whole)
	[ "$(wc -c <shown)" -gt 30000 ]
}

@test "--fingerprint: changes nothing, repeats, and tells where two runs begin to differ" {
	local file="$BATS_FILE_TMPDIR/mixed.json"
	as_wanted mixed --fingerprint one
	as_wanted mixed --fingerprint two
	cmp one two
	# One each 10 ms of 0.1 s, and the first.
	[ "$(grep -cE '^[0-9]+ [0-9a-f]{16} [0-9a-f]{16}$' one)" = "$(wc -l <one)" ]
	[ "$(wc -l <one)" -ge 11 ]
	awk 'NR > 2 && $1 - before > 10100000 { exit 1 } { before = $1 }' one
	# The guest is told its seed in the run: the same until then.
	boot mixed --seed 1 --fingerprint seed >got
	cmp <(head -n 1 one) <(head -n 1 seed)
	fails 1 cmp -s one seed
	boot mixed --fingerprint fine --fingerprint-us 1000 >got
	[ "$(wc -l <fine)" -gt $((5 * $(wc -l <one))) ]
	run -129 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" --cold --fingerprint x "$file"
	[[ $stderr == *"--cold makes none"* ]]
	run -129 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" --clock real --fingerprint x "$file"
	[[ $stderr == *"--fingerprint needs the virtual clock"* ]]
	# A disk that is full: the run is lost, and says so.
	run -128 --separate-stderr ktstr-boot --plan "$BATS_FILE_TMPDIR/plan.json" --fingerprint /dev/full "$file"
	[[ $stderr == *"no fingerprint: cannot write: No space left on device"* ]]
}

@test "another seed is another schedule, and repeats" {
	boot mixed --seed 1 >one
	boot mixed --seed 1 >again
	diff one again
	boot mixed --seed 2 >two
	workers() { jq -c 'select(.kind == "worker") | [.work_units, .cpu_time_ns, .max_gap_ns]' "$1"; }
	[ "$(workers one)" != "$(workers "$BATS_FILE_TMPDIR/mixed.want")" ]
	[ "$(workers one)" != "$(workers two)" ]
	[ "$(jq 'select(.kind == "run").seed' one)" = 1 ]
	# It overrides the spec's attribute.
	jq '.seed = 3' "$BATS_FILE_TMPDIR/mixed.json" >"$BATS_FILE_TMPDIR/seeded.json"
	boot seeded >three
	boot seeded --seed 1 >overridden
	[ "$(jq 'select(.kind == "run").seed' three)" = 3 ]
	[ "$(jq 'select(.kind == "run").seed' overridden)" = 1 ]
	[ "$(workers three)" != "$(workers overridden)" ]
}

@test "--ns-per-insn 4: coarser, said in the report, and repeats" {
	boot mixed --ns-per-insn 4 >four
	boot mixed --ns-per-insn 4 >again
	diff four again
	[ "$(jq 'select(.kind == "run") | .ns_per_insn' four)" = 4 ]
	[ "$(jq 'select(.kind == "run") | .ns_per_insn' "$BATS_FILE_TMPDIR/mixed.want")" = 1 ]
	# The same time, about a quarter of the work.
	local few many
	few=$(jq -s 'map(select(.kind == "worker").work_units) | add' four)
	many=$(jq -s 'map(select(.kind == "worker").work_units) | add' "$BATS_FILE_TMPDIR/mixed.want")
	[ $((few * 3)) -lt "$many" ]
	[ $((few * 6)) -gt "$many" ]
}

# vm.h, THE RULE. QEMU tells of every command that it is sent: the start of the guest is the last.
@test "nothing is sent to QEMU while the guest runs" {
	printf '#!/bin/sh\nexec %s -trace handle_qmp_command -D "%s" "$@"\n' "$qemu" "$PWD/commands" >traced-qemu
	chmod +x traced-qemu
	KTSTR_QEMU=$PWD/traced-qemu KTSTR_TRUST_QEMU=yes as_wanted futex
	grep -q '"qmp_capabilities"' commands
	[[ $(tail -n 1 commands) == *'{"execute": "cont"}' ]]
	[ "$(grep -c '"cont"' commands)" = 1 ]
}

@test "a kernel before 6.12 on the virtual clock with two CPUs: 125, and what to do" {
	have_kernel 6.1
	run -125 --separate-stderr ktstr-boot --kernel 6.1 --clock virtual --plan "$BATS_FILE_TMPDIR/plan.json" \
		"$BATS_FILE_TMPDIR/futex.json"
	[ -z "$output" ]
	[[ $stderr == *"kernel 6.1."*" hangs "*"use --clock real"* ]]
}

@test "6.1 on the real clock" {
	have_kernel 6.1
	boot mixed --kernel 6.1 --clock real --cold >report
	jq -es '.[0] | .clock == "real" and (.kernel.release | startswith("6.1."))' report
	jq -es 'map(select(.kind == "worker")) | length == 5 and all(.completed and .work_units > 0)' report
}

@test "6.12 on the virtual clock, repeating" {
	have_kernel 6.12
	boot mixed --kernel 6.12 >one
	boot mixed --kernel 6.12 >two
	diff one two
	jq -es '.[0] | .clock == "virtual" and (.kernel.release | startswith("6.12."))' one
}
