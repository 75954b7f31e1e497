#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The trace: what it has against what is known to have happened, that it changes nothing, and files that are damaged.
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

# traced SPEC [OPTIONS...]: the spec's report without and with a trace, which must be equal, and the trace
traced() {
	local name=$1
	shift
	ktstr-boot --plan plan.json "$@" "$name.json" >"$name.without"
	tail -n 1 "$name.without" | grep -F '"outcome":"done"'
	ktstr-boot --plan plan.json --trace "$name.trace" "$@" "$name.json" >"$name.jsonl"
	cmp <(others "$name.without") <(others "$name.jsonl")
}

others() {
	grep -v '^{"kind":"host"' "$1"
}

# events TRACE [OPTIONS...]: the events, an element a line, without their times
events() {
	ktstr trace --view events "${@:2}" "$1" | awk '{ $1 = ""; print substr($0, 2) }'
}

@test "two tasks that hand a CPU over: event by event, without an end" {
	spec handover '[{"name":"a","workers":2,"cpuset":{"exact":[1]},"work":"FutexPingPong"}]'
	traced handover
	local a b
	read -r a b < <(jq -r 'select(.kind == "worker").tid' handover.jsonl | xargs)
	# From when both sleep and wake each other: 300 ms in the middle of the run.
	events handover.trace --cpu 1 --from 300ms --to 600ms | grep -v ' tick' >got
	grep -vE "FutexPingPong\[($a|$b)\]" got >strangers || true
	# Each line must be the one that follows from the line before. What else runs may come in between, and gives the CPU back.
	fails 1 grep -v 'idle\|kworker\|migration\|rcu\|ksoftirqd\|kcompactd\|kdamond\|ktstr-work' strangers
	awk -v a="FutexPingPong[$a]" -v b="FutexPingPong[$b]" '
		function other(x) { return x == a ? b : a }
		$2 !~ /^(switch|waking|wakeup)$/ { next }
		# By way of others, or back to the one that they have interrupted.
		$2 == "switch" && ($3 == a || $3 == b) && $6 != a && $6 != b { from = $3; state = $4; next }
		$2 == "switch" && from && ($6 == a || $6 == b) { same = $6 == from && state ~ /^R/; $3 = from; $4 = state; from = ""; if (same) next }
		{ for (i = 3; i <= NF; i++) if ($i != a && $i != b && $i ~ /\]$/) next }
		last == "waking" && !($2 == "wakeup" && $3 == who) { print "after a waking:", $0; bad++ }
		last == "wakeup" && !($2 == "switch" && $3 == other(who) && $6 == who) { print "after a wake-up:", $0; bad++ }
		last == "switch" && !cut && !($2 == "waking" && $3 == other(who)) { print "after a switch:", $0; bad++ }
		# The tick may take the CPU from one that has woken the other and does not sleep yet. It sleeps when it runs again.
		last == "switch" && cut && !($2 == "switch" && $3 == who && $4 == "S") && !($2 == "waking") { print "after a cut:", $0; bad++ }
		{ cut = $2 == "switch" && $4 == "R"; cuts += cut }
		{ last = $2; who = $2 == "switch" ? $6 : $3; n++ }
		END { print n, cuts; exit bad || n < 1000 || cuts > n / 100 }' got
	# As often as they have run, they have run on that CPU.
	fails 1 grep -E "switch .*-> FutexPingPong\[($a|$b)\]" <(events handover.trace --cpu 0)
	# A turn of each is as long as the turn of the other one waits.
	ktstr trace --task "$a" --from 300ms --to 600ms handover.trace | awk 'NR > 1 && $5 == "-" { exit 1 }'
}

@test "a task that is pinned runs nowhere else, and alone there it never waits" {
	spec pinned '[{"name":"a","workers":1,"cpuset":{"exact":[0]}},{"name":"b","workers":3,"cpuset":{"exact":[1]}}]'
	traced pinned
	local tid
	tid=$(jq -r 'select(.kind == "worker" and .cgroup == "a").tid' pinned.jsonl)
	fails 1 grep "\[$tid\]" <(events pinned.trace --cpu 1 --from 1ms)
	events pinned.trace --task "$tid" --cpu 0 | grep -F "> SpinWait[$tid]"
	# Three share a CPU: each runs a third of the second.
	ktstr trace --view latency --cgroup /b pinned.trace >got
	[ "$(grep -c '^SpinWait' got)" -eq 3 ]
	awk '/^SpinWait/ && ($2 < 320 || $2 > 345) { exit 1 }' got
}

@test "a cgroup that is frozen does not run, and does again" {
	printf '{"name":"frozen","memory_mb":256,"backdrop":{"cgroups":[{"name":"a","workers":2}]},
		"steps":[{"name":"warm","hold":{"fixed_s":0.2},"ops":[]},{"name":"cold","hold":{"fixed_s":0.2},"ops":[{"FreezeCgroup":"a"}]},
		{"name":"again","hold":{"fixed_s":0.2},"ops":[{"UnfreezeCgroup":"a"}]}]}' >frozen.json
	traced frozen
	local from to
	# The report's times count from a few us before those of the trace.
	from=$(jq -r 'select(.kind == "op" and .op == "FreezeCgroup").end_ns + 1000000' frozen.jsonl)
	to=$(jq -r 'select(.kind == "op" and .op == "UnfreezeCgroup").start_ns - 1000000' frozen.jsonl)
	[ "$((to - from))" -gt 150000000 ]
	fails 1 grep SpinWait <(events frozen.trace --from "${from}ns" --to "${to}ns")
	ktstr trace --task SpinWait --from "${to}ns" frozen.trace | grep -E 'SpinWait.* R$'
	# They sleep there, which they do at no other time.
	ktstr trace --task SpinWait --from 50ms --to 550ms frozen.trace | grep -c 'SpinWait.* S$' | grep -x 2
}

@test "between two samples there are as many switches as the kernel itself has counted" {
	spec counted '[{"name":"a","workers":3},{"name":"b","workers":2,"work":{"Bursty":{"burst_ms":3,"sleep_ms":5}}},
		{"name":"c","workers":2,"work":"FutexPingPong"}]'
	traced counted
	jq -r 'select(.kind == "sample" and .by == "time") | [.at_ns, .schedstat.nr_switches] | @tsv' counted.jsonl >samples
	[ "$(wc -l <samples)" -ge 9 ]
	ktstr trace --view events counted.trace | awk '$3 == "switch" { sub(/\./, "", $1); print $1 + 0 }' >switches
	# A sample may be taken when a CPU has counted a switch that it makes next.
	awk 'NR == FNR { at[NR] = $1; n = NR; next }
		{ while (i < n && at[i + 1] <= $1) i++; counted = $2 - first; if (FNR == 1) { first = $2; base = i; next }
		  print counted, i - base; if (counted - (i - base) > 2 || (i - base) - counted > 2) exit 1 }' switches samples
	ktstr trace --view latency counted.trace 2>notes
	fails 1 grep 'do not follow' notes
	# The workers' own counters in the kernel: how often they came to run, and for how long they waited. The kernel takes the time 2 us
	# before it switches. The trace has some more runs: those before the workers' counters are first read, and after they are last read.
	ktstr trace counted.trace >runs
	jq -r 'select(.kind == "worker") | [.tid, .timeslices, .run_delay_ns] | @tsv' counted.jsonl | while read -r tid slices delay; do
		awk -v tid="[$tid]" -v slices="$slices" -v delay="$delay" 'index($3, tid) { n++; ns = $5 * 1000000; sum += ns; if (ns > most) most = ns }
			END { print tid, slices, n, delay, sum; more = sum - delay - (n - slices) * most
				exit n < slices || n > slices + 3 || sum < 0.99 * delay || more > 3000 * n + 10000 }' runs
	done
}

@test "under a sched_ext scheduler and under load the report is the same, and the trace twice the same" {
	spec scx '[{"name":"a","workers":3},{"name":"c","workers":2,"work":"FutexPingPong"}]' '"scheduler":{"bpf":"vtime.bpf.o"}'
	traced scx
	mv scx.trace scx.first
	traced scx
	cmp scx.first scx.trace
	ktstr trace --view latency scx.trace 2>notes | grep SpinWait
	fails 1 grep 'do not follow' notes
}

@test "forks and exits, ticks, migrations, throttling, affinities and CPUs that go: as the report has them" {
	printf '{"name":"more","memory_mb":256,"backdrop":{"cgroups":[{"name":"f","workers":1,"work":"ForkExit"},
		{"name":"q","workers":1,"limits":{"cpu_max":{"quota_us":20000,"period_us":100000}}},{"name":"s","workers":2}]},
		"steps":[{"name":"one","hold":{"fixed_s":0.4},"ops":[]},
		{"name":"two","hold":{"fixed_s":0.2},"ops":[{"SetAffinity":{"cgroup":"s","affinity":{"Exact":[0]}}}]},
		{"name":"three","hold":{"fixed_s":0.2},"ops":[{"CpuOffline":1}]},
		{"name":"four","hold":{"fixed_s":0.2},"ops":[{"CpuOnline":1}]}]}' >more.json
	traced more
	ktstr trace --view events more.trace >got
	local forks
	forks=$(jq -r 'select(.kind == "worker" and .cgroup == "f").iterations' more.jsonl)
	# Each child is new, runs and ends; one may be on its way at the end.
	[ "$(awk '$3 == "fork" && $4 ~ /^ForkExit/' got | wc -l)" -ge "$forks" ]
	[ "$(awk '$3 == "fork" && $4 ~ /^ForkExit/' got | wc -l)" -le "$((forks + 1))" ]
	awk '$3 == "exit" && $4 ~ /^ForkExit/' got | wc -l | awk -v n="$forks" '{ exit $1 < n || $1 > n + 1 }'
	# Who is new may run from then on.
	awk '$3 == "fork" { new[$4] = 1; n++ } $3 == "enqueue" { delete new[$4] } END { exit length(new) > 1 || !n }' got
	# A tick every 4 ms of a CPU that is busy; CPU 1 is offline for 200 ms.
	awk '$3 == "tick" && $1 >= 0 && $1 < 400 { n[$2]++ } END { print n[0], n[1]; exit n[0] < 98 || n[0] > 101 }' got
	awk '$3 == "offline" { off = $1 } off && $1 > off + 20 && $1 < off + 150 && $2 == 1 { print; bad = 1 } END { exit bad || !off }' got
	[ "$(awk '$3 == "offline" || $3 == "online" { print $3, $4 }' got | xargs)" = "offline cpu=1 online cpu=1" ]
	# 20 of each 100 ms: throttled about ten times, and let go.
	awk '$3 == "throttle" && $4 == "/q" { n++ } $3 == "unthrottle" && $4 == "/q" { m++ } END { print n, m; exit n < 8 || n - m > 2 || m > n }' got
	# The two workers of s may use CPU 0 alone from then on, and do.
	[ "$(awk '$3 == "affinity" && $4 ~ /^SpinWait/ && $5 == "cpus=0"' got | wc -l)" -ge 2 ]
	awk '$3 == "affinity" && $5 == "cpus=0" && $1 > 400 { from = $1; exit } END { exit !from }' got
	fails 1 grep . <(ktstr trace --cgroup /s --cpu 1 --from 420ms --to 990ms more.trace | tail -n +2)
	# A task changes its CPU by an event alone.
	awk '{ sub(/cpu=/, "", $5) } $3 == "migrate" { at[$4] = $5 } $3 == "wakeup" && $4 in at && at[$4] != $5 { print; bad = 1 } END { exit bad }' got
}

@test "work conservation: a scheduler that leaves a CPU idle, and those that do not" {
	spec conserve '[{"name":"a","workers":2}]'
	ktstr-boot --plan plan.json --trace pile.trace --scheduler "$TREE/guest/bpf/pile.bpf.o" conserve.json >/dev/null
	ktstr trace --view conservation --to 900ms pile.trace | tee got
	awk '$1 == 1 { exit !($2 > 890 && $3 > 300 && $5 ~ /\[[0-9]+\]$/) }' got
	awk '$1 == 0 { exit $2 > 1 }' got
	local scheduler
	for scheduler in none "$TREE/guest/bpf/fifo.bpf.o"; do
		ktstr-boot --plan plan.json --trace conserve.trace --scheduler "$scheduler" conserve.json >/dev/null
		ktstr trace --view conservation --to 900ms conserve.trace | tee got
		awk 'NR > 1 && $2 > 5 { bad = 1 } END { exit bad || NR != 3 }' got
	done
	# One that is pinned beside another on CPU 0 waits, and CPU 1 is idle: it may not go there.
	spec pinned '[{"name":"a","workers":2,"cpuset":{"exact":[0]}}]'
	ktstr-boot --plan plan.json --trace conserve.trace pinned.json >/dev/null
	ktstr trace --view conservation --to 900ms conserve.trace | tee got
	awk 'NR > 1 && $2 > 5 { exit 1 }' got
}

@test "times are those of instructions: a QEMU that has one instruction in a block writes the same trace" {
	local real=${KTSTR_QEMU:-qemu-system-x86_64} option
	if "$real" --help | grep -q '^-singlestep'; then
		option='set -- "$@" -singlestep'
	else
		option='for arg; do shift; case $arg in tcg,*) arg=$arg,one-insn-per-tb=on ;; esac; set -- "$@" "$arg"; done'
	fi
	# Only where there is a trace: the checkpoint is made at full speed.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\ncase " $* " in *" -plugin "*) [ ! -e %s ] || { %s; : >%s; } ;; esac\nexec %s "$@"\n' "$PWD/single" "$option" "$PWD/was" "$real" >qemu
	chmod +x qemu
	export KTSTR_QEMU=$PWD/qemu KTSTR_TRUST_QEMU=yes
	spec single '[{"name":"a","workers":3},{"name":"c","workers":2,"work":"FutexPingPong"}]' '"duration_s":0.3'
	sed -i 's/"duration_s":1,//' single.json
	traced single
	mv single.trace single.blocks
	: >single
	traced single
	[ -e was ]
	cmp single.blocks single.trace
	[ "$(events single.trace | wc -l)" -gt 1000 ]
}

# damaged EXPECTED COMMANDS: a copy of the trace, after these commands on the file bad, is read until there, with these words
damaged() {
	cp counted.trace bad
	chmod u+w bad
	eval "$2"
	run -128 --separate-stderr ktstr trace --view events bad
	[[ $stderr == *"$1"* ]]
}

# put OFFSET HEX: into the file bad
put() {
	xxd -r -p <<<"$2" | dd of=bad bs=1 seek="$1" conv=notrunc status=none
}

@test "a trace that is damaged is read until there, with a word" {
	[ -s counted.trace ] || {
		spec counted
		traced counted
	}
	local lines all
	ktstr trace --view events counted.trace >whole
	all=$(wc -l <whole)
	damaged 'the trace is cut short' 'truncate -s -1 bad'
	damaged 'the trace is cut short' 'truncate -s 4100 bad'
	damaged 'the trace is cut short: it has 0 events of' 'truncate -s 4096 bad'
	damaged 'no block begins here' 'put 4096 00'
	damaged 'no block begins here' 'put 4100 ffffff7f'
	damaged 'time goes back' 'put 4119 ff'
	damaged 'time goes back' 'put 4127 80'
	damaged 'the block has fewer events than its head says' 'put 4104 ffff'
	# In the middle of the block: what comes before is there.
	damaged 'the record here is malformed' 'put $((2048 + $(stat -c %s bad) / 2)) ffffffffffffffffffffffffffffffff'
	:
	run -128 --separate-stderr ktstr trace --view events bad
	[ "${#lines[@]}" -gt 10 ]
	[ "${#lines[@]}" -lt "$all" ]
	head -n "$((${#lines[@]} - 1))" whole | cmp - <(printf '%s\n' "${lines[@]:0:${#lines[@]}-1}")
	# Of fewer CPUs than have events; the header is a line with blanks before its end.
	damaged 'the record here is malformed' 'sed -i "1s/\"cpus\":2/\"cpus\":1/" bad'
}

@test "what is no trace, or of another version, is refused" {
	[ -s counted.trace ] || {
		spec counted
		traced counted
	}
	sed '1s/"version":1/"version":2/' counted.trace >bad
	run -129 --separate-stderr ktstr trace bad
	[[ $stderr == *"'bad' is a trace of version 2, and this program reads version 1"* ]]
	: >bad
	run -129 --separate-stderr ktstr trace bad
	[[ $stderr == *"'bad' is no trace: it has 0 bytes"* ]]
	head -c 10000 /dev/zero >bad
	run -129 --separate-stderr ktstr trace bad
	sed '1s/"cpus":2/"cpus":0/' counted.trace >bad
	run -129 --separate-stderr ktstr trace bad
	[[ $stderr == *"no number of CPUs"* ]]
	run -128 --separate-stderr ktstr trace none
	[[ $stderr == *"cannot open 'none'"* ]]
	run -129 --separate-stderr ktstr trace --from 3 counted.trace
	[[ $stderr == *"--from: '3' is not a time"* ]]
	run -129 --separate-stderr ktstr trace --view all counted.trace
	run -129 --separate-stderr ktstr trace --cpu x counted.trace
}

@test "a disk that is full in mid-run: the run goes on, and the trace says where it ends" {
	spec full '[{"name":"c","workers":2,"work":"FutexPingPong"}]'
	ktstr-boot --plan plan.json full.json >full.without
	(
		ulimit -f 300
		trap '' XFSZ
		ktstr-boot --plan plan.json --trace full.trace full.json >full.jsonl 2>notes
	)
	cmp <(others full.without) <(others full.jsonl)
	grep 'the trace ends .* the file cannot be written: File too large' notes
	run -128 --separate-stderr ktstr trace full.trace
	[[ $stderr == *'the trace ends before the run did: the file cannot be written: File too large'* ]]
	[ "${#lines[@]}" -gt 1000 ]
}

@test "--trace needs the virtual clock and a checkpoint" {
	spec any
	run -129 --separate-stderr ktstr-boot --plan plan.json --cold --trace x any.json
	[[ $stderr == *"--trace needs a run that starts from a checkpoint, and --cold makes none"* ]]
	run -129 --separate-stderr ktstr-boot --plan plan.json --clock real --trace x any.json
	[[ $stderr == *"--trace needs the virtual clock"* ]]
	run -128 --separate-stderr ktstr-boot --plan plan.json --trace none/x any.json
	[[ $stderr == *"cannot write 'none/x'"* ]]
}

@test "--format json is JSON with all runs in it, in microseconds to the ns" {
	[ -s counted.trace ] || {
		spec counted
		traced counted
	}
	ktstr trace --format json counted.trace >got.json
	ktstr trace counted.trace | awk 'NR > 1 && $6 != "-" { n++; run += $6 } END { printf "%d %.3f\n", n, run }' >want
	jq -r '[.traceEvents[] | select(.ph == "X")] | "\(length) \([.[].dur] | add | . / 1000 * 1000 | round / 1000)"' got.json >got
	[ "$(cut -d' ' -f1 want)" = "$(cut -d' ' -f1 got)" ]
	awk 'NR == FNR { want = $2; next } { d = want - $2; exit d < -0.01 || d > 0.01 }' want got
	jq -e '[.traceEvents[] | select(.ph == "M") | .args.name] == ["CPU 0", "CPU 1"]' got.json
}
