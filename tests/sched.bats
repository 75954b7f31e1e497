#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Schedulers under test, in guests: the good pass, the broken are caught, and loaders that misbehave harm nobody.
# shellcheck disable=SC2154 # run sets stderr
load helper
load schedulers

@test "the good schedulers pass, and what they did is in the report" {
	# Long enough for a gap beyond the threshold.
	jq '.duration_s = 1.5' "$TREE/share/specs/detect.json" >detect.json
	for name in fifo vtime llc central; do
		run -0 judge detect.json --scheduler "$BPF/$name.bpf.o"
		[[ ${lines[0]} == *"[sched=$name]"*" passed" ]]
		has '.event == "tasks" and .of == 4 and .under == 4'
		has '.event == "enabled" and .ops == "'$name'" and .at_ns < 0'
		has '.event == "ended" and .asked and .exit.kind == "unreg" and .exit.kind_number == 64 and .dump == []'
		has '.event == "phase" and .phase == 1 and (.events | length > 5)'
	done
	run -0 judge "$TREE/share/specs/weights.json" --scheduler "$BPF/vtime.bpf.o"
}

# The table of ktstr-scheduler(5): SCHEDULER, CHECK.
detection_table() {
	sed -n '/^\.\\" begin detection/,/^\.\\" end/s/^\.It Cm \([a-z_]*\) Ta .* Ta Cm \([a-z_]*\)$/\1 \2/p' \
		"$TREE/man/ktstr-scheduler.5"
}

@test "every broken scheduler is caught by the check that should, whatever the seed" {
	# With KTSTR_FULL set, under more than one seed.
	local name check seed spec n=0
	while read -r name check; do
		spec=detect
		[ "$name" != unweighted ] || spec=weights
		for seed in 0 ${KTSTR_FULL:+7 11 4242}; do
			run -1 judge "$TREE/share/specs/$spec.json" --scheduler "$BPF/$name.bpf.o" --seed "$seed"
			echo "$name, seed $seed: $output"
			ktstr-eval --format json r.jsonl >verdict.json || [ $? = 1 ]
			jq -e --arg c "$check" '[.checks[] | select(.verdict == "fail") | .check] | index($c) != null' verdict.json
			# What died says so first.
			[ "$check" != scheduler ] || [[ ${lines[1]} == "  the scheduler '$name' died at "* ]]
		done
		n=$((n + 1))
	done < <(detection_table)
	# pile is caught where CPUs may take tasks from others, in look.bats.
	[ "$n" = "$(cd "$BPF" && grep -l ' - broken: ' ./*.bpf.c | grep -vc '/pile')" ]
}

# repeats KERNEL: two runs of mixed_workloads, shorter and on two CPUs, are the same under it.
repeats() {
	jq '.duration_s = 0.6 | .topology = "1n2l1c1t" | .memory_mb = 512' "$TREE/share/specs/mixed_workloads.json" >mixed.json
	for i in 1 2; do
		ktstr-topo --spec mixed.json | ktstr-boot --kernel "$1" --scheduler "$BPF/llc.bpf.o" mixed.json >r$i.jsonl
		grep -v '^{"kind":"host"' r$i.jsonl >same$i.jsonl
	done
	cmp same1.jsonl same2.jsonl
	run -0 ktstr-eval r1.jsonl
	has '.event == "watchdog" and .by != null' r1.jsonl
	has '.event == "tasks" and .of == 4 and .under == 4' r1.jsonl
	[ "$(jq -r 'select(.kind == "run") | .kernel.release' r1.jsonl)" = "$1" ]
}

# scx_kernels: those of the cache that can load a scheduler, the newest first.
scx_kernels() {
	ktstr-kernel list --json | jq -r 'select(.sched_ext) | .name' | sort -rV
}

@test "on the virtual clock a scheduler repeats, with the watchdog set from outside" {
	repeats "$(scx_kernels | head -n 1)"
}

@test "on another kernel the same object does, too" {
	local other
	other=$(scx_kernels | sed -n 2p)
	[ -n "$other" ] || skip "the cache has one kernel with sched_ext (another: ktstr kernel fetch --suite sid)"
	repeats "$other"
}

@test "the watchdog: a stall ends after 2 s of 2, and 8 s of 8" {
	for s in 2 8; do
		printf '{"name":"w","topology":"1n2l1c1t","memory_mb":512,"duration_s":15,"watchdog_timeout_s":%s,
			"scheduler":{"bpf":"stall.bpf.o","options":{"events":3}},
			"cgroups":[{"name":"a","workers":3,"work":{"Bursty":{"burst_ms":5,"sleep_ms":40}}}]}' $s >w.json
		run -1 judge w.json
		# By the kernel's own count: when it began to stall, is its own affair.
		[[ ${lines[1]} =~ ^"  the scheduler 'stall' died at +"[0-9]+"ms: runnable task stall: ".*" for "([0-9]+)\.([0-9]{3})s$ ]]
		ms=$((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]}))
		[ "$ms" -ge $((s * 1000)) ]
		[ "$ms" -le $((s * 1500 + 500)) ]
		has '.event == "ended" and .exit.kind == "error_stall" and .exit.kind_number == 1026'
	done
}

@test "the watchdog of a kernel that has it in a variable; and of one that has it nowhere" {
	PATH=$TREE/tests/helper:$PATH
	local t=ffffffff80001000 last=ffffffff80001008 half=ffffffff80001010
	request() { # SYMBOL=ADDRESS...: of a kernel with 250 jiffies a second
		jq -nc '{name: "x", how: "bpf", jiffy_ns: 4000000, symbols: ($ARGS.positional | map(split("=") | {(.[0]): .[1]}) | add)}' \
			--args "$@"
	}
	# Shorter: the first look comes when it would have, after half of 30 s, and nobody complains before.
	run -0 watchdog "$(request scx_watchdog_timeout=$t scx_watchdog_timestamp=$last)" 2 $t=7500 $last=5000 $half=7
	[ "$(jq -c '[.event, .timeout_ns, .was_ns, .by]' <<<"${lines[0]}")" = '["watchdog",2000000000,30000000000,"scx_watchdog_timeout"]' ]
	[ "${lines[*]:1}" = "$t=500 $last=8750 $half=7" ]
	# Longer: it is late enough. Where there is an interval of its own, it is half of the timeout.
	run -0 watchdog "$(request scx_watchdog_timeout=$t scx_watchdog_timestamp=$last scx_watchdog_interval=$half)" 60 \
		$t=7500 $last=5000 $half=3750
	[ "${lines[*]:1}" = "$t=15000 $last=5000 $half=7500" ]
	# The variable goes before the scheduler's own, of which nothing is read then.
	run -0 watchdog "$(request scx_watchdog_timeout=$t scx_root=ffffffff90000000)" 2 $t=7500
	[ "${lines[*]:1}" = "$t=500" ]
	run -0 watchdog "$(request scx_watchdog_timestamp=$last)" 2 $last=5000
	[ "$(jq -c '[.was_ns, .by]' <<<"${lines[0]}")" = '[0,null]' ]
	[ "${lines[1]}" = "watchdog_timeout_s has no effect: the kernel has neither scx_watchdog_timeout nor scx_root" ]
	[ "${lines[2]}" = "$last=5000" ]
	# What the guest says of itself may be anything.
	run -0 watchdog "$(request scx_watchdog_timeout=ffffffff90000000)" 2
	[ "${lines[1]}" = "watchdog_timeout_s has no effect: the guest has no memory at 0xffffffff90000000" ]
	run -0 watchdog '{"symbols":7}' 2
	[[ ${lines[1]} == "watchdog_timeout_s has no effect: the guest does not know its jiffies" ]]
}

@test "the watchdog of a loader that knows nothing of it: shorter, and no false alarm before its first look" {
	small usual '"scheduler":{"binary":"'"$TREE"'/tests/helper/usual","args":["-s","3000"]},"watchdog_timeout_s":1'
	sed -i 's/"duration_s":0.2/"duration_s":2/; s/"workers":1/&,"work":"Bursty"/' usual.json
	run -0 judge usual.json
	has '.event == "watchdog" and .was_ns == 30000000000 and .timeout_ns == 1000000000'
}

@test "options: by name, with the object's types" {
	small options '"scheduler":{"bpf":"fifo.bpf.o","options":{"slice_ns":1000000}}'
	run -0 judge options.json
	# What cannot be is known before a guest is started.
	local option
	while IFS='|' read -r option want; do
		small options '"scheduler":{"bpf":"stall.bpf.o","options":'"$option"'}'
		run -129 refused options.json
		[ "$output" = "ktstr-boot: the scheduler 'stall': $want" ] || { echo "$option: $output" && false; }
	done <<-END
		{"event":4}|the object has no option 'event' (did you mean 'events'?)
		{"events":"many"}|option 'events': is an integer
		{"events":-1}|option 'events': -1 is not in 0..9223372036854775807
		{"slice_ns":[1]}|option 'slice_ns': is an integer
	END
	# Of a flag as well, and of one that is staged.
	small options '"scheduler":{"bpf":"stall.bpf.o","flags":[{"name":"many","options":{"events":true}}]},"required_flags":["many"]'
	run -129 refused options.json
	[ "$output" = "ktstr-boot: the scheduler 'stall': option 'events': is an integer" ]
	small options '"scheduler":{"bpf":"fifo.bpf.o"},"staged_schedulers":{"x":{"bpf":"stall.bpf.o","options":{"no":1}}}'
	run -129 refused options.json
	[[ $output == "ktstr-boot: the scheduler 'x': the object has no option 'no' (it has: "* ]]
}

@test "flags: arguments of a binary and options of an object arrive, by profile" {
	small flags '"scheduler":{"binary":"'"$TREE"'/tests/helper/usual","args":["-s","3000"],"flags":[
		{"name":"short","args":["-s","1000"]},{"name":"flood","args":["-f"],"requires":["short"]}]},"excluded_flags":["flood"]'
	run -0 --separate-stderr ktstr run --runs runs --profiles flags.json
	[[ ${lines[0]} == *PASS*"[sched=usual/default]" ]]
	[[ ${lines[1]} == *PASS*"[sched=usual/short]" ]]
	[[ ${lines[3]} == flags*usual/default*pass* ]]
	[[ ${lines[4]} == flags*usual/short*pass* ]]
	[ "$(jq -r '.profile // (select(.event == "ended") | .output[0])' runs/*/report.jsonl | paste -sd,)" = \
		"default,slice 3000 us,short,slice 1000 us" ]
	small flags '"scheduler":{"bpf":"erring.bpf.o","flags":[{"name":"early","options":{"events":7}}]},"required_flags":["early"]'
	sed -i 's/"workers":1/"workers":4/' flags.json
	run -1 judge flags.json
	[[ ${lines[0]} == *"[sched=erring/early]"* ]]
	[[ ${lines[1]} == *"giving up after 7 events"* ]]
}

@test "payloads: they are a scheduler's tasks, and not waited for when it is gone" {
	printf '{"name":"payload","topology":"1n2l1c1t","memory_mb":512,"watchdog_timeout_s":1,
		"payloads":{"nap":{"program":"sleep","args":["0.1"],"primary":true}}}' >payload.json
	run -0 judge payload.json --scheduler fifo.bpf.o
	has '.event == "tasks" and .of == 1 and .under == 1'
	sed -i 's/"0.1"/"30"/' payload.json
	run -1 judge payload.json --scheduler stall.bpf.o
	[[ ${lines[1]} == *"runnable task stall"* ]]
	jq -se 'any(.[]; .kind == "payload" and .end == "stopped")' r.jsonl
}

@test "a scheduler that takes only who asks: a payload that does is its task, one that does not is not" {
	printf '#include "fifo.h"\nSCHEDULER("partial", FIFO_OPS, .flags = 8 /* SCX_OPS_SWITCH_PARTIAL */);\n' >partial.bpf.c
	compile partial
	printf '#include <sched.h>\nint main(int n, char **v) { struct sched_param p = {0};
		if (n > 1 && sched_setscheduler(0, 7, &p)) return 1;
		for (volatile int i = 0; i < 1000000; i++);\n}' >asks.c
	gcc -o asks asks.c
	printf '{"name":"asks","topology":"1n2l1c1t","memory_mb":512,"scheduler":{"bpf":"./partial.bpf.o"},
		"payloads":{"asks":{"program":"./asks","args":["ext"],"primary":true}}}' >asks.json
	run -0 judge asks.json
	has '.event == "tasks" and .of == 1 and .under == 1'
	sed -i 's/"ext"//' asks.json
	run -1 judge asks.json
	[[ $output == *"none of 1 tasks ran under the scheduler 'partial'"* ]]
}

@test "an object as its own loader would load it: the kernel's constants, programs beside the ops" {
	cat >foreign.bpf.c <<-'END'
		#define OWN_ENQUEUE
		#include "fifo.h"
		const volatile u64 __SCX_DSQ_LOCAL __attribute__((weak));
		const volatile u64 __SCX_SLICE_DFL __attribute__((weak));
		const volatile u64 __SCX_NEVER_WAS __attribute__((weak));
		u64 switches;
		SEC("tp_btf/sched_switch") int BPF_PROG(on_switch) { __sync_fetch_and_add(&switches, 1); return 0; }
		SEC("syscall") int for_its_loader(void *ctx) { return 0; }
		void OP(enqueue, struct task_struct *p, u64 enq_flags)
		{
			if (!switches || __SCX_SLICE_DFL != SCX_SLICE_DFL || __SCX_NEVER_WAS)
				scx_error("%llu switches, a slice of %llu", switches, __SCX_SLICE_DFL);
			dsq_insert(p, __SCX_DSQ_LOCAL, __SCX_SLICE_DFL, enq_flags);
		}
		SCHEDULER("foreign", FIFO_OPS);
	END
	compile foreign
	small foreign '"scheduler":{"bpf":"./foreign.bpf.o"}'
	run -0 judge foreign.json
}

@test "objects that are no schedulers are named as what they are" {
	echo 'not an object' >text.bpf.o
	cp /bin/true elf.bpf.o
	cat >two.bpf.c <<-END
		#include "fifo.h"
		SCHEDULER("one", FIFO_OPS);
		SEC(".struct_ops.link") struct sched_ext_ops more = { .name = "two", .init = (void *)init };
	END
	printf '#include "scx.h"\nu64 nothing;\n' >empty.bpf.c
	compile two
	compile empty
	while IFS='|' read -r name want; do
		small bad '"scheduler":{"bpf":"'"$name"'.bpf.o"}'
		run -129 refused bad.json
		[ "$output" = "ktstr-boot: the scheduler '$name': '$PWD/$name.bpf.o' $want" ] || { echo "$output" && false; }
	done <<-END
		text|is not a BPF object that libbpf can read: elf: '$PWD/text.bpf.o' is not a proper ELF object
		elf|is not a BPF object that libbpf can read: elf: $PWD/elf.bpf.o is not a valid eBPF object file
		two|has two struct_ops maps of sched_ext_ops, 'ops' and 'more': which one is meant?
		empty|has no struct_ops map of sched_ext_ops, nor of sched_ext_ops_cid: it is not a sched_ext scheduler
	END
	# A loader may be a script, wherever it lies; what is neither that nor a program is said to be so.
	printf 'hello' >no.program
	small bad '"workers_per_cgroup":1'
	run -129 refused bad.json --scheduler ./no.program
	[[ $output == *"--scheduler: ./no.program:1:"* ]]
	mv no.program program && chmod -x program
	run -129 refused bad.json --scheduler ./program
	[ "$output" = "ktstr-boot: the scheduler 'program': '$PWD/program' is not executable" ]
	printf '#!/bin/sh\nexec nothing\n' >scx.sh && chmod +x scx.sh
	ktstr-topo 1n2l1c1t | ktstr-boot -n --scheduler ./scx.sh bad.json
}

@test "a scheduler that the verifier rejects: program and reason on the first line, the log below, loops folded" {
	cat >rejected.bpf.c <<-END
		#define OWN_ENQUEUE
		#include "fifo.h"
		u64 sum;
		void OP(enqueue, struct task_struct *p, u64 enq_flags)
		{
			u64 weight = p->scx.weight;
		#pragma clang loop unroll(disable)
			for (int i = 0; i < 12; i++) {
				sum += weight * i;
				sum ^= bpf_ktime_get_ns();
			}
			dsq_insert((void *)enq_flags, SHARED_DSQ, slice_ns, enq_flags);
		}
		SCHEDULER("rejected", FIFO_OPS);
	END
	compile rejected
	small rejected '"scheduler":{"bpf":"rejected.bpf.o"}'
	run -1 judge rejected.json
	[[ ${lines[1]} == *"the scheduler 'rejected' did not load: the verifier rejects program enqueue: "* ]]
	[[ $output == *"--- scheduler log ---"*"END PROG LOAD LOG"* ]]
	# Iterations of the loop differ in their numbers; ktstr verify shows one of them.
	grep -c 'sum += weight' <<<"$output" >unfolded
	run -1 --separate-stderr ktstr verify rejected.bpf.o
	[[ $stderr == *"... these "*" lines "*" times"* ]]
	[ "$(grep -c 'sum += weight' <<<"$stderr")" -lt "$(<unfolded)" ]
}

@test "what cannot be is refused before a guest is started" {
	small gone '"scheduler":{"bpf":"gone.bpf.o"}'
	run -128 --separate-stderr bash -c 'ktstr-topo 1n2l1c1t | KTSTR_SCHEDULERS=/one:/two ktstr-boot gone.json'
	[[ $stderr == *"cannot find the scheduler 'gone'; looked for ./gone.bpf.o, /one/gone.bpf.o, /two/gone.bpf.o, "*"/gone.bpf.o"* ]]
	[ -z "$output" ]
	local members
	while IFS='|' read -r members want; do
		small bad "$members"
		run -129 --separate-stderr bash -c 'ktstr-topo 1n2l1c1t | ktstr-boot bad.json'
		[[ $stderr == *"$want"* ]] || { echo "$members: $stderr" && false; }
	done <<-'END'
		"scheduler":{}|$.scheduler: needs one of 'bpf', 'binary', 'builtin'
		"scheduler":{"bpf":"a.o","binary":"b"}|$.scheduler.binary: is a second scheduler: 'bpf' is given too
		"scheduler":{"bpf":"a.o","args":[]}|$.scheduler: 'args' and 'env' are for 'binary'
		"scheduler":{"builtin":{"enable":["echo 1"],"disable":[]}}|$.scheduler.builtin.enable[0]: 'echo 1' is not "write /FILE VALUE"
		"scheduler":"mine"|$.scheduler: must be "none" or an object
		"expect":{"exit":{"matches":"("}}|$.expect.exit.matches: '(' is not an extended regular expression
		"staged_schedulers":{"x":{"bpf":"a.o","kernel_args":"quiet"}}|$.staged_schedulers.x: has 'kernel_args'
	END
}

@test "a kernel without sched_ext: 125, and where one with it comes from" {
	# The host knows, from the kernel's types: nothing is booted, and --dry-run is enough.
	"$TREE/tests/helper/mkkernel" 6.12.0 without
	"$TREE/tests/helper/mkkernel" --sched-ext 6.12.0 with
	small old '"scheduler":{"bpf":"fifo.bpf.o"}'
	run -125 --separate-stderr bash -c 'ktstr-topo 1n2l1c1t | ktstr-boot --accel tcg -n --kernel ./without old.json'
	[[ $stderr == *"kernel 6.12.0 has no sched_ext (CONFIG_SCHED_CLASS_EXT), which the scheduler 'fifo' needs: use --kernel $(
		scx_kernels | head -n 1), or another that 'ktstr kernel fetch' gets" ]]
	[ -z "$output" ]
	small staged '"scheduler":"none","staged_schedulers":{"x":{"bpf":"fifo.bpf.o"}}'
	KTSTR_CACHE_DIR=$PWD/none run -125 --separate-stderr bash -c 'ktstr-topo 1n2l1c1t | ktstr-boot --kernel ./without staged.json'
	[[ $stderr == *", which the scheduler 'x' needs: one that has it is what 'ktstr kernel fetch' gets" ]]
	ktstr-topo 1n2l1c1t | ktstr-boot --accel tcg -n --kernel ./with old.json
	# Not what the kernel has itself.
	small old '"scheduler":{"builtin":{"enable":["write /x 1"],"disable":[]}}'
	ktstr-topo 1n2l1c1t | ktstr-boot --accel tcg -n --kernel ./without old.json
}

@test "loaders that go into the background, ignore SIGTERM, flood, leave children" {
	local option
	for option in -d -k -f -l; do
		small usual '"scheduler":{"binary":"'"$TREE"'/tests/helper/usual","args":["'$option'"]}'
		run -0 judge usual.json
		jq -c 'select(.event == "ended") | .loader' r.jsonl >loader
		case $option in
		-d) jq -e '.daemonised and (.killed | not)' loader ;;
		-k) jq -e '.killed and .exit.signaled == "SIGKILL"' loader ;;
		-f) jq -e '.output_bytes > 10000000 and (.killed | not)' loader ;;
		-l) jq -e '.killed and .exit.exited == 0' loader ;;
		esac
	done
	small usual '"scheduler":{"binary":"'"$TREE"'/tests/helper/usual","args":["-q"]}'
	run -1 judge usual.json
	[[ ${lines[1]} == "  the scheduler 'usual' died at +"*"ms: unregistered from user space (its loader exited with 3)" ]]
	small usual '"scheduler":{"binary":"'"$TREE"'/tests/helper/usual","args":["-?"]}'
	run -1 judge usual.json
	[[ ${lines[1]} == *"the scheduler 'usual' did not load: its loader exited with 2: "*"invalid option"* ]]
}

@test "a loader that is a script, with arguments, environment and files; how it ended, and its last word" {
	mkdir here && echo data >here/data
	printf '#!/bin/sh\nread -r line <data\necho "$1 $V $line"\nexit 3\n' >here/scx.sh && chmod +x here/scx.sh
	small script '"scheduler":{"binary":"./scx.sh","args":["one"],"env":{"V":"7"},"files":["data"]}'
	mv script.json here/
	run -1 judge here/script.json
	[[ ${lines[1]} == "  the scheduler 'scx.sh' did not load: its loader exited with 3: one 7 data" ]]
}

@test "a CPU goes: a scheduler that does not look after that is loaded again, by us or by its own loader" {
	cat >hotplug.json <<-'END'
		{"name":"hotplug","topology":"1n2l1c1t","memory_mb":512,"duration_s":1,
		 "backdrop":{"cgroups":[{"name":"a","workers":1,"work":"SpinWait"}]},
		 "steps":[{"hold":{"frac":0.2}},{"hold":{"frac":0.1}},{"ops":[{"CpuOffline":1}],"hold":{"frac":0.7}}]}
	END
	local scheduler
	for scheduler in "$BPF/fifo.bpf.o" usual.json; do
		echo '{"binary":"'"$TREE"'/tests/helper/usual","args":["-r"]}' >usual.json
		run -0 judge hotplug.json --scheduler "$scheduler"
		[ "$(jq -r 'select(.kind == "scheduler" and .event != "tasks").event' r.jsonl | paste -sd' ')" = \
			"watchdog watchdog enabled phase phase restarted phase ended" ]
		has '.event == "restarted" and .exit.kind == "unreg_kern" and .ops == "fifo" and .load_ns > 0'
		# Counters are those of the phase, of which the first is twice as long, or since it is there again.
		has '.event == "phase" and .phase == 3 and .duration_ns < 1.3e9 and ([.events[] | select(. < 0)] == [])'
		[ "$scheduler" = usual.json ] ||
			jq -se 'map(select(.event == "phase").events.dispatch_keep_last) | .[0] > 1.4 * .[1] and .[1] > 1' r.jsonl
		# That loader looks once a second.
		sed -i 's/"duration_s":1/"duration_s":2/; s/SpinWait/Bursty/' hotplug.json
	done
	echo '{"binary":"'"$TREE"'/tests/helper/usual"}' >usual.json
	run -1 judge hotplug.json --scheduler usual.json
	[[ ${lines[1]} == *"died at "*": unregistered from the main kernel (its loader exited with 0)" ]]
	# The run is over before it is there again: its loader was about to, and that is no death.
	echo '{"binary":"'"$TREE"'/tests/helper/usual","args":["-r"]}' >usual.json
	sed -i 's/"duration_s":2/"duration_s":0.5/' hotplug.json
	run -0 judge hotplug.json --scheduler usual.json
	has '.event == "ended" and .asked and .reloading and .exit.kind == "unreg_kern"'
}

@test "ops: restart, replace, detach, attach in one run; what cannot be is refused" {
	cat >ops.json <<-'END'
		{"name":"ops","topology":"1n2l1c1t","memory_mb":512,"duration_s":0.5,
		 "scheduler":{"bpf":"fifo.bpf.o"}, "staged_schedulers":{"fair":{"bpf":"vtime.bpf.o"}},
		 "backdrop":{"cgroups":[{"name":"a","workers":1}]},
		 "steps":[{"ops":["RestartScheduler"],"hold":{"frac":0.2}},
		          {"ops":[{"ReplaceScheduler":"fair"}],"hold":{"frac":0.2}},
		          {"ops":["DetachScheduler",{"AttachScheduler":"fifo"}],"hold":{"frac":0.2}}]}
	END
	run -0 judge ops.json
	[ "$(jq -r 'select(.kind == "scheduler" and (.event == "enabled" or .event == "ended")) | "\(.event) \(.name)"' r.jsonl |
		paste -sd,)" = "enabled fifo,ended fifo,enabled fifo,ended fifo,enabled fair,ended fair,enabled fifo,ended fifo" ]
	jq '.steps[0].ops = [{"AttachScheduler": "fair"}] | .steps[1].ops = [{"ReplaceScheduler": "fare"}]' ops.json >bad.json
	run -129 --separate-stderr bash -c 'ktstr-topo 1n2l1c1t | ktstr-boot bad.json'
	[[ $stderr == *'$.steps[1].ops[0].ReplaceScheduler: there is no scheduler '"'fare' (known: fifo, fair)"* ]]
	[[ $stderr == *'$.steps[0].ops[0]'*"a scheduler is attached already"* ]]
}

# guest/sched/sched.c: who reaps all children has taken the supervisor before DetachScheduler.
@test "the supervisor's pid, taken again by another process: that one gets no signal" {
	# The loader is killed, so the supervisor ends. Then the pid before its own is said to be the last one. Without its scheduler
	# the run waits for nothing but payloads that do not end when they are told to.
	cat >takes <<-'END'
		#!/bin/sh
		for comm in /proc/[0-9]*/comm; do
			read -r name <"$comm"
			[ "$name" != supervisor ] || pid=${comm#/proc/} pid=${pid%/comm}
		done
		read -r loader _ <"/proc/$pid/task/$pid/children"
		kill -KILL "$loader"
		while [ -e "/proc/$pid" ]; do
			sleep 0.01
		done
		while :; do
			echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
			sleep 1000 &
			[ $! != "$pid" ] || break
			kill $!
		done
		echo "$pid" >/taken
		wait
	END
	printf '#!/bin/sh\ntrap "" TERM\nuntil [ -s /taken ]; do\n\tsleep 0.01\ndone\n' >looks
	cat >asks <<-'END'
		#!/bin/sh
		trap "" TERM
		until [ -e /sys/fs/cgroup/detached ]; do
			sleep 0.01
		done
		read -r pid </taken
		read -r name <"/proc/$pid/comm"
		[ "$name" = sleep ]
	END
	chmod +x takes looks asks
	cat >taken.json <<-'END'
		{"name":"taken","topology":"1n2l1c1t","memory_mb":512,"scheduler":{"bpf":"fifo.bpf.o"},
		 "payloads":{"takes":{"program":"./takes","files":["/bin/sleep"]}, "looks":{"program":"./looks"}, "asks":{"program":"./asks"}},
		 "steps":[{"setup":[{"name":"a","workers":1}],
		           "ops":[{"RunPayload":"takes"},{"RunPayload":"looks"},{"RunPayload":"asks"},{"WaitPayload":"looks"},
		                  "DetachScheduler",{"AddCgroup":"detached"},{"WaitPayload":"asks"}], "hold":{"fixed_s":0.05}}]}
	END
	ktstr-topo --spec taken.json | ktstr-boot taken.json >r.jsonl
	has '.event == "ended" and (.asked | not) and .loader.exit == {"signaled": "SIGKILL"}'
	jq -es 'map(select(.kind == "payload" and .name == "asks")) | length == 1 and .[0].exit == {"exited": 0}' r.jsonl
}

@test "an error that is expected passes, another does not" {
	small expected '"scheduler":{"bpf":"wrong_dsq.bpf.o"},"expect":{"exit":{"matches":"non-existent DSQ 0x[0-9]+"}}'
	run -0 judge expected.json
	has '.event == "ended" and (.asked | not) and .exit == {kind: "error", kind_number: 1024, code: 0, reason: "runtime error",
		message: "non-existent DSQ 0x1"} and (.dump | length > 20 and any(contains("triggered exit kind 1024"))) and
		(.kernel_log | any(contains("\"wrong_dsq\" disabled (runtime error)")))'
	small expected '"scheduler":{"bpf":"fifo.bpf.o"},"expect":{"exit":{"contains":"DSQ"}}'
	run -1 judge expected.json
	[[ ${lines[1]} == *"survived, though it was expected to exit"* ]]
}

@test "a built-in is switched by writes to files, a sysctl is set, and a kernel argument given" {
	small builtin '"scheduler":{"name":"timeslices","builtin":{
		"enable":["write /sys/kernel/debug/none 1"],"disable":[]}}'
	run -128 judge builtin.json
	[[ ${lines[0]} == *"cannot open '/sys/kernel/debug/none'"* ]]
	printf '{"name":"builtin","topology":"1n2l1c1t","memory_mb":512,"scheduler":{"name":"rt","kernel_args":"ktstr.test=7",
		"sysctls":{"kernel.sched_rr_timeslice_ms":40},"builtin":{"enable":["write /proc/sys/kernel/sched_rt_runtime_us 900000"],
		"disable":["write /proc/sys/kernel/sched_rt_runtime_us 950000"]}},
		"payloads":{"look":{"program":"cat","primary":true,"args":["/proc/sys/kernel/sched_rr_timeslice_ms",
		"/proc/sys/kernel/sched_rt_runtime_us","/proc/cmdline"]}}}' >builtin.json
	run -0 judge builtin.json
	has '.event == "enabled" and .how == "builtin"'
	jq -se 'any(.[]; .kind == "payload" and (.stdout_tail | startswith("40\\x0a900000\\x0a") and contains(" ktstr.test=7")))' r.jsonl
}

@test "ktstr run: several schedulers side by side" {
	small side '"workers_per_cgroup":1'
	KTSTR_RUNS=$PWD/runs run -0 --separate-stderr ktstr run --scheduler none --scheduler "$BPF/fifo.bpf.o" side.json
	[[ ${lines[0]} == *PASS*"ktstr/side [sched=none]" ]]
	[[ ${lines[-3]} == SPEC*SCHEDULER*VERDICT*ITERATIONS* ]]
	[[ ${lines[-2]} == side*none*pass* ]]
	[[ ${lines[-1]} == side*fifo*pass* ]]
}

@test "ktstr verify: figures of every program; one that never dispatches is a no" {
	run -0 --separate-stderr ktstr verify --json "$BPF/fifo.bpf.o"
	[ "$(jq -r .program <<<"$output" | sort | paste -sd' ')" = "dispatch enqueue exit_seen init select_cpu" ]
	jq -se 'all(.[]; .verdict == "pass" and .verified_insns > 0 and .verify_us > 0 and .jited_bytes > 0 and .xlated_bytes > 0 and
		.total_states >= 0 and .peak_states >= 0) and (map(.jited_bytes) | unique | length > 3) and
		any(.[]; .total_states > 0)' <<<"$output"
	echo 'not an object' >text.bpf.o
	run -129 --separate-stderr ktstr verify text.bpf.o
	[[ $stderr == "ktstr-boot: the scheduler 'text': "*" is not a BPF object "* && $stderr != *$'\n'* ]]
	run -1 --separate-stderr ktstr verify "$BPF/stall.bpf.o"
	[[ ${lines[1]} == stall.bpf.o*exit_seen*fail ]]
	[[ $stderr == *"the scheduler 'stall' died"* ]]
}
