#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Schedulers as people have them: objects of every form load, and what does not load says why in its first line.
# shellcheck disable=SC2154 # run sets stderr
load helper
load schedulers

# object NAME: the object of the C source on stdin, which may include what is in guest/bpf
object() {
	cat >"$1.bpf.c"
	compile "$1"
}

# loads NAME: the object runs a worker
loads() {
	small "$1" '"scheduler":{"bpf":"./'"$1"'.bpf.o"}'
	run -0 judge "$1.json"
	has '.event == "tasks" and .under == 1'
}

# does_not_load NAME WHY [SCHEDULER]: that is a no, and the first line of it says why
does_not_load() {
	small "$1" '"scheduler":'"${3:-{\"bpf\":\"./$1.bpf.o\"\}}"
	run -1 judge "$1.json"
	[ "${lines[1]}" = "  the scheduler '$1' did not load: $2" ] || { echo "$output" && false; }
}

# A scheduler that speaks of CPUs by topological ids; the kernel wants an arena of it. $1: what init does.
cid_form() {
	cat <<-END
		#include "scx.h"
		struct sched_ext_ops_cid {
			void (*enqueue)(struct task_struct *p, u64 enq_flags);
			s32 (*init)(void);
			void (*exit)(struct scx_exit_info *info);
			char name[128];
		};
		struct {
			__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
			__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
			__uint(max_entries, 64);
		} pages SEC(".maps");
		void *bpf_arena_alloc_pages(void *map, void *addr, u32 page_cnt, int node_id, u64 flags) __ksym;
		void OP(enqueue, struct task_struct *p, u64 enq_flags)
		{
			dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
		}
		s32 OP_SLEEPABLE(init) { $1 }
		SEC(".struct_ops.link") struct sched_ext_ops_cid ops = {
			.enqueue = (void *)enqueue, .init = (void *)init, .exit = (void *)exit_seen, .name = "by_cid",
		};
	END
}

@test "the form of the ops that speaks of CPUs by ids, and an arena map; where the kernel has none, it is named" {
	cid_form 'return bpf_arena_alloc_pages(&pages, 0, 1, -1, 0) ? 0 : -12;' | object by_cid
	local types
	types=$("$TREE/.deps/usr/sbin/bpftool" btf dump file "$(ktstr-kernel path)" | grep -c "STRUCT 'sched_ext_ops_cid'") || true
	[ "$types" -gt 0 ] || {
		does_not_load by_cid 'the kernel has no struct_ops type sched_ext_ops_cid'
		return
	}
	loads by_cid
	has '.event == "enabled" and .ops == "by_cid"'
	# Without the arena: the kernel's own words, whoever loads it, and no guess of ours.
	local why="the kernel says: cid-form scheduler must use a BPF arena map"
	cid_form 'return 0;' | object no_arena
	does_not_load no_arena "$why"
	cat >loader.c <<-'END'
		#include <stdio.h>
		#include <bpf/libbpf.h>
		int main(int argc, char **argv)
		{
			struct bpf_object *obj = bpf_object__open_file(argv[1], NULL);

			if (!obj || bpf_object__load(obj))
				return 2;
			if (!bpf_map__attach_struct_ops(bpf_object__find_map_by_name(obj, "ops")))
				return perror("cannot attach"), 3;
		}
	END
	gcc -isystem "$TREE/.deps/usr/include" -o loader loader.c "$TREE"/.deps/usr/lib/*/libbpf.a -lelf -lz
	does_not_load loader "its loader exited with 3: $why" '{"binary":"./loader","args":["no_arena.bpf.o"],"files":["no_arena.bpf.o"]}'
}

@test "a scheduler of ours by its name; a file of that name that KTSTR_SCHEDULERS finds comes before it" {
	small named '"workers_per_cgroup":1'
	run -0 judge named.json --scheduler fifo
	has '.event == "enabled" and .how == "bpf" and .ops == "fifo"'
	mkdir dir && printf '#!/bin/sh\nexit 3\n' >dir/fifo && chmod +x dir/fifo
	KTSTR_SCHEDULERS=$PWD/dir run -1 judge named.json --scheduler fifo
	[[ ${lines[1]} == *"the scheduler 'fifo' did not load: its loader exited with 3"* ]]
	ktstr-topo 1n2l1c1t >plan
	run -128 --separate-stderr ktstr-boot --plan plan --scheduler no_such_one named.json
	[[ $stderr == *"cannot find the scheduler 'no_such_one'; looked for "* ]]
}

@test "an object that asks for the kernel's configuration gets it; what the kernel lacks, or is not known, is named" {
	object asks_config <<-'END'
		#include "fifo.h"
		extern unsigned CONFIG_HZ __kconfig;
		extern bool CONFIG_NO_SUCH_THING __kconfig __weak;
		void OP(running, struct task_struct *p)
		{
			if (CONFIG_HZ < 100 || CONFIG_HZ > 1000 || CONFIG_NO_SUCH_THING)
				scx_error("HZ is %llu", (u64)CONFIG_HZ);
		}
		SCHEDULER("asks_config", FIFO_OPS, .running = (void *)running);
	END
	loads asks_config
	object asks_more <<-'END'
		#include "fifo.h"
		extern unsigned CONFIG_NO_SUCH_THING __kconfig;
		u64 seen;
		void OP(running, struct task_struct *p) { seen = CONFIG_NO_SUCH_THING; }
		SCHEDULER("asks_more", FIFO_OPS, .running = (void *)running);
	END
	does_not_load asks_more "the kernel's configuration has no CONFIG_NO_SUCH_THING, and the object has no way around it"
	# A kernel that is used where it is has no configuration beside it here.
	ln -s "$(ktstr-kernel path)" vmlinux
	export KTSTR_KERNEL=./vmlinux
	does_not_load asks_config "the object asks for the kernel's configuration, which is not known: ktstr kernel add --config takes it"
}

@test "libbpf's own words are understood: kfuncs, variables, types, members, functions that are not there or are others" {
	local name why
	object arguments <<-'END'
		#define scx_bpf_kick_cpu scx_bpf_kick_cpu_right
		#define OWN_DISPATCH
		#include "fifo.h"
		#undef scx_bpf_kick_cpu
		void scx_bpf_kick_cpu(s32 cpu, u64 flags, u64 more) __ksym;
		void OP(dispatch, s32 cpu, struct task_struct *prev)
		{
			if (!dsq_move_to_local(SHARED_DSQ))
				scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE, 0);
		}
		SCHEDULER("arguments", FIFO_OPS);
	END
	object no_kfunc <<-'END'
		#include "fifo.h"
		void scx_bpf_no_such_thing(void) __ksym;
		void OP(running, struct task_struct *p) { scx_bpf_no_such_thing(); }
		SCHEDULER("no_kfunc", FIFO_OPS, .running = (void *)running);
	END
	object no_variable <<-'END'
		#include "fifo.h"
		extern const int no_such_variable __ksym;
		u64 seen;
		void OP(running, struct task_struct *p) { seen = (u64)&no_such_variable; }
		SCHEDULER("no_variable", FIFO_OPS, .running = (void *)running);
	END
	object no_function <<-'END'
		#include "fifo.h"
		SEC("fentry/no_such_function") int BPF_PROG(on_entry) { return 0; }
		SCHEDULER("no_function", FIFO_OPS);
	END
	object no_member <<-'END'
		#define sched_ext_ops sched_ext_ops_right
		#include "fifo.h"
		#undef sched_ext_ops
		struct sched_ext_ops {
			void (*no_such_op)(void);
			char name[128];
		};
		void OP(no_such_op) { }
		SEC(".struct_ops.link") struct sched_ext_ops ops = { .no_such_op = (void *)no_such_op, .name = "no_member" };
	END
	object other_type <<-'END'
		#define sched_ext_ops sched_ext_ops_right
		#include "fifo.h"
		#undef sched_ext_ops
		struct sched_ext_ops {
			u64 timeout_ms;
			char name[128];
		};
		SEC(".struct_ops.link") struct sched_ext_ops ops = { .timeout_ms = 1000, .name = "other_type" };
	END
	while IFS='|' read -r name why; do
		does_not_load "$name" "$why"
	done <<-'END'
		arguments|object and kernel disagree on the arguments of kfunc scx_bpf_kick_cpu, or on what it returns
		no_kfunc|the kernel has no kfunc scx_bpf_no_such_thing, and the object has no way around it
		no_variable|the kernel has no variable no_such_variable, and the object has no way around it
		no_function|the kernel has no no_such_function to attach to
		no_member|the kernel's sched_ext_ops has no member no_such_op, which the object sets
		other_type|the kernel's sched_ext_ops has another type for member timeout_ms than the object
	END
}

@test "the verifier's own headline, however long its log" {
	object rejected <<-'END'
		#include "fifo.h"
		struct {
			__uint(type, 1);
			__uint(max_entries, 4);
			__type(key, u32);
			__type(value, u64);
		} runs SEC(".maps");
		volatile u32 in[64], out;
		void OP(running, struct task_struct *p)
		{
			u32 key = p->pid;
			u64 *value = bpf_map_lookup_elem(&runs, &key);
		#pragma unroll
			for (int i = 0; i < 64; i++)
				if (in[i] > i)
					out += i;
			*value += 1;
		}
		SCHEDULER("rejected", FIFO_OPS, .running = (void *)running);
	END
	small rejected '"scheduler":{"bpf":"./rejected.bpf.o"}'
	run -1 judge rejected.json
	[[ ${lines[1]} == *"did not load: the verifier rejects program running: "* ]]
	# Kernels before the headlines say it in their own way.
	[[ ${lines[1]} == *": Register Type Safety: Invalid dereference" || ${lines[1]} == *"invalid mem access 'map_value_or_null'" ]]
	jq -se 'any(.[] | select(.event == "ended").output; length > 100 and (.[0] | startswith("Verification failed: ")))' r.jsonl ||
		[[ ${lines[1]} == *"invalid mem access"* ]]
}

@test "an object that notes less of its end than most" {
	cp "$BPF"/*.h .
	sed -i '/exit_code/d' scx.h
	printf '#include "fifo.h"\nSCHEDULER("short_uei", FIFO_OPS);\n' | object short_uei
	loads short_uei
	has '.event == "ended" and .exit.kind == "unreg" and .exit.code == null'
}

@test "the kernel's kinds of exit have the kernel's own names" {
	"$TREE/.deps/usr/sbin/bpftool" btf dump file "$(ktstr-kernel path)" |
		awk '/ENUM .scx_exit_kind/ { on = 1; next } on && /^\[/ { exit } on' |
		sed -nE "s/.*'SCX_EXIT_(.*)' val=([0-9]+)/\2 \L\1/p" | awk '$1 > 1' >kernel
	sed -nE 's/^\t\{ ([0-9]+), "([a-z_]+)", ".*" \},/\1 \2/p' "$TREE/guest/sched/exit.c" >ours
	[ -s kernel ]
	# An older kernel has fewer.
	run -1 grep -vxFf ours kernel
}

@test "a scheduler that is attached while workers run has them as its tasks" {
	cat >late.json <<-'END'
		{"name":"late","topology":"1n1l2c1t","duration_s":1,"memory_mb":512,
		 "staged_schedulers":{"late":{"bpf":"fifo.bpf.o"}},
		 "backdrop":{"cgroups":[{"name":"g","workers":2}]},
		 "steps":[{"hold":{"fixed_s":0.2}},{"ops":[{"AttachScheduler":"late"}],"hold":{"fixed_s":0.3}}]}
	END
	run -0 judge late.json
	has '.event == "tasks" and .of == 2 and .under == 2 and .at_ns > 2e8'
	# Replaced, they are the next one's.
	jq '.scheduler = {"bpf": "vtime.bpf.o"} | .steps[1].ops = [{"ReplaceScheduler": "late"}]' late.json >replaced.json
	run -0 judge replaced.json
	[ "$(jq -c 'select(.kind == "scheduler" and .event == "tasks") | [.name, .under]' r.jsonl | paste -sd' ')" = '["vtime",2] ["late",2]' ]
}

@test "a run that ends while a scheduler is loaded again: no death" {
	cat >again.json <<-'END'
		{"name":"again","topology":"1n1l2c1t","duration_s":1,"memory_mb":512,
		 "scheduler":{"bpf":"fifo.bpf.o"},
		 "backdrop":{"cgroups":[{"name":"g","workers":2}]},
		 "steps":[{"hold":{"fixed_s":0.2}},{"ops":[{"CpuOffline":1}],"hold":{"fixed_s":0.05}}]}
	END
	run -0 judge again.json
	has '.event == "ended" and .asked and .reloading and .exit.kind == "unreg_kern"'
}

@test "a cgroup that freezes under a scheduler that starves it: the starvation is the answer" {
	cat >freeze.json <<-'END'
		{"name":"freeze","topology":"1n1l1c1t","memory_mb":512,"watchdog_timeout_s":7,
		 "scheduler":{"bpf":"stall.bpf.o","options":{"events":12}},
		 "backdrop":{"cgroups":[{"name":"g","workers":2,"work":{"Bursty":{"burst_ms":5,"sleep_ms":20}}}]},
		 "steps":[{"hold":{"fixed_s":0.5}},{"ops":[{"FreezeCgroup":"g"}],"hold":{"fixed_s":0.1}}]}
	END
	run -1 judge freeze.json
	[[ ${lines[1]} == "  the scheduler 'stall' died at +"*": runnable task stall"* ]]
}

@test "vtime weighs the task that ran, too" {
	cat >two.json <<-'END'
		{"name":"two","topology":"1n1l1c1t","duration_s":1,"memory_mb":512,"scheduler":{"bpf":"vtime.bpf.o"},
		 "cgroups":[{"name":"g","workers":1,"nice":-5,"groups":[{"workers":1,"nice":5}]}],
		 "assert":{"not_starved":false,"max_weight_error_pct":25}}
	END
	run -0 judge two.json
	# 1.25^10 : 1 is 90 : 10.
	jq -se 'map(select(.kind == "worker").cpu_time_ns) | .[0] / add > 0.88 and .[0] / add < 0.92' r.jsonl
}

@test "policy Ext on a kernel without sched_ext: 125, and the key's name" {
	"$TREE/tests/helper/mkkernel" 6.12.0 without
	printf '{"name":"ext","topology":"1n1l1c1t","cgroups":[{"name":"a","workers":1},{"name":"e","workers":1,"policy":"Ext"}]}' >ext.json
	run -125 --separate-stderr bash -c 'ktstr-topo 1n1l1c1t | ktstr-boot --accel tcg -n --kernel ./without ext.json'
	[[ $stderr == *"kernel 6.12.0 has no sched_ext (CONFIG_SCHED_CLASS_EXT), which policy Ext of \$.cgroups[1] needs: "* ]]
	# On a bare machine ktstr-work says it.
	[ -e /sys/kernel/sched_ext ] || {
		run -125 --separate-stderr bash -c 'ktstr-topo --host | ktstr-work --host --plan - ext.json'
		[[ $output$stderr == *'$.cgroups[1]: policy Ext: the kernel has no sched_ext'* ]]
	}
}

@test "a quota that the scheduler does not keep fails the run; under the kernel's own it is kept" {
	local capped='[{"name":"capped","workers":1,"limits":{"cpu_max":{"quota_us":20000,"period_us":100000}}}]'
	printf '{"name":"capped","topology":"1n1l1c1t","memory_mb":512,"duration_s":1,"cgroups":%s}\n' "$capped" >capped.json
	run -1 judge capped.json --scheduler fifo
	[[ ${lines[1]} == "  quota not kept: cgroup 'capped' used "*" ms of CPU time in 1000 ms, and 20 ms per 100 ms give it 240 "* ]]
	run -0 judge capped.json
}

@test "a complaint of the kernel fails the run, with its first line, unless the spec allows it" {
	local program='{"program":"/bin/sh","args":["-c","echo \"<4>WARNING: CPU: 0 PID: 77 at kernel/x.c:1234 f+0x1a/0x30\" >/dev/kmsg"]}'
	printf '{"name":"splat","topology":"1n1l1c1t","memory_mb":512,"duration_s":0.5,"cgroups":[{"name":"g","workers":1}],
		"payloads":{"p":%s}}\n' "$program" >splat.json
	run -1 judge splat.json
	[ "${lines[1]}" = "  the kernel complained: WARNING: CPU: 0 PID: 77 at kernel/x.c:1234 f+0x1a/0x30" ]
	jq '. + {assert: {allow_splats: ["^BUG: ", "^WARNING: .* at kernel/x\\.c:"]}}' splat.json >allowed.json
	run -0 judge allowed.json
	jq '.assert.allow_splats = ["^WARNING: .* at kernel/y"]' allowed.json >other.json
	run -1 judge other.json
	jq '.assert.allow_splats = ["("]' allowed.json >bad.json
	run -129 refused bad.json
	[[ $output == *'$.assert.allow_splats[0]'*"is not an extended regular expression"* ]]
}
