/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scx.h - what a scheduler in this directory needs of the kernel: the few types it touches, the kfuncs it calls, and the
 * struct_ops map that names its functions. No kernel is needed to compile it: types are relocated when an object is loaded
 * (CO-RE), and what has another name in another kernel is weak and chosen then, so that one object runs on 6.12 and later.
 */
#ifndef BPF_SCX_H
#define BPF_SCX_H

#include <stdbool.h>
#include <linux/types.h>

/* Of linux/bpf.h, which has it from 6.4 on only. */
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

typedef __u8 u8;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

enum { MAX_CPUS = 4096 };

/* Flags and well-known DSQs; all of them are ABI of the kfuncs and have never changed. */
#define SCX_DSQ_GLOBAL 0x8000000000000001ull
#define SCX_DSQ_LOCAL 0x8000000000000002ull
#define SCX_DSQ_LOCAL_ON 0xc000000000000000ull
#define SCX_SLICE_DFL 20000000ull
#define SCX_ENQ_WAKEUP 1ull
#define SCX_ENQ_PREEMPT (1ull << 32)
#define PF_KTHREAD 0x00200000
enum { SCX_KICK_IDLE = 1, SCX_KICK_PREEMPT = 2 };
enum { SCX_TASK_QUEUED = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct cpumask {
	unsigned long bits[1]; /* and more */
};
struct scx_init_task_args;
struct sched_ext_entity {
	u64 slice, dsq_vtime;
	u32 weight, flags;
};
struct task_struct {
	unsigned int flags;
	int pid;
	int nr_cpus_allowed;
	const struct cpumask *cpus_ptr;
	struct cpumask cpus_mask; /* unused; or cpumask would be no whole type in the object's BTF, and match no kfunc */
	char comm[16];
	struct sched_ext_entity scx;
};
enum scx_exit_kind { SCX_EXIT_NONE };
struct scx_exit_info {
	enum scx_exit_kind kind;
	s64 exit_code;
	const char *reason;
	char *msg;
};
#pragma clang attribute pop

/* The members that we set; libbpf places them where the running kernel has them. */
struct sched_ext_ops {
	s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dequeue)(struct task_struct *p, u64 deq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*enable)(struct task_struct *p);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	u64 flags;
	u32 timeout_ms;
	char name[128];
};

#define OP(op, args...) SEC("struct_ops/" #op) BPF_PROG(op, ##args)
#define OP_SLEEPABLE(op, args...) SEC("struct_ops.s/" #op) BPF_PROG(op, ##args)

s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym;
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags, bool *is_idle) __ksym;
void scx_bpf_kick_cpu(s32 cpu, u64 flags) __ksym;
s32 scx_bpf_dsq_nr_queued(u64 dsq_id) __ksym;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
u32 scx_bpf_nr_cpu_ids(void) __ksym;
struct bpf_iter_scx_dsq {
	u64 opaque[6];
} __attribute__((aligned(8)));
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq_id, u64 flags) __ksym;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;
void scx_bpf_error_bstr(char *fmt, unsigned long long *data, u32 data__sz) __ksym;

/* Their names until 6.12, and since. */
void scx_bpf_dispatch(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;
void scx_bpf_dispatch_vtime(struct task_struct *p, u64 dsq_id, u64 slice, u64 vtime, u64 enq_flags) __ksym __weak;
bool scx_bpf_consume(u64 dsq_id) __ksym __weak;
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice, u64 enq_flags) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice, u64 vtime, u64 enq_flags) __ksym __weak;
bool scx_bpf_dsq_move_to_local(u64 dsq_id) __ksym __weak;

static inline void dsq_insert(struct task_struct *p, u64 dsq, u64 slice, u64 flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert))
		scx_bpf_dsq_insert(p, dsq, slice, flags);
	else
		scx_bpf_dispatch(p, dsq, slice, flags);
}

static inline void dsq_insert_vtime(struct task_struct *p, u64 dsq, u64 slice, u64 vtime, u64 flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert_vtime))
		scx_bpf_dsq_insert_vtime(p, dsq, slice, vtime, flags);
	else
		scx_bpf_dispatch_vtime(p, dsq, slice, vtime, flags);
}

static inline bool dsq_move_to_local(u64 dsq)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local))
		return scx_bpf_dsq_move_to_local(dsq);
	return scx_bpf_consume(dsq);
}

/* Since 7.0 there is a kfunc for it; before, a scheduler writes the member. */
bool scx_bpf_task_set_dsq_vtime(struct task_struct *p, u64 vtime) __ksym __weak;

static inline void task_set_vtime(struct task_struct *p, u64 vtime)
{
	if (bpf_ksym_exists(scx_bpf_task_set_dsq_vtime))
		scx_bpf_task_set_dsq_vtime(p, vtime);
	else
		p->scx.dsq_vtime = vtime;
}

/* The same. */
bool scx_bpf_task_set_slice(struct task_struct *p, u64 slice) __ksym __weak;

static inline void task_set_slice(struct task_struct *p, u64 slice)
{
	if (bpf_ksym_exists(scx_bpf_task_set_slice))
		scx_bpf_task_set_slice(p, slice);
	else
		p->scx.slice = slice;
}

/* ops.select_cpu of most: an idle CPU is used at once. */
static inline s32 use_idle_cpu(struct task_struct *p, s32 prev_cpu, u64 wake_flags, u64 slice)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	if (idle)
		dsq_insert(p, SCX_DSQ_LOCAL, slice, 0);
	return cpu;
}

static inline bool queued(u64 dsq)
{
	return scx_bpf_dsq_nr_queued(dsq) > 0;
}

/* End with an error that the kernel reports; args are one array of u64. */
#define scx_error(fmt, args...) ({ \
	static char fmt_[] = fmt; \
	u64 args_[] = { args }; \
	scx_bpf_error_bstr(fmt_, args_, sizeof(args_)); \
})

/* Why the kernel let it go: the variable that loaders know by the name uei, theirs (guest/sched/load.c) or anybody's. */
struct user_exit_info {
	s32 kind;
	s64 exit_code;
	char reason[128];
	char msg[1024];
};
struct user_exit_info uei SEC(".data");

void OP(exit_seen, struct scx_exit_info *info)
{
	bpf_probe_read_kernel_str(uei.reason, sizeof(uei.reason), info->reason);
	bpf_probe_read_kernel_str(uei.msg, sizeof(uei.msg), info->msg);
	uei.exit_code = info->exit_code;
	barrier(); /* readers take a kind for the whole */
	uei.kind = info->kind;
}

/* The struct_ops map. exit is there already. */
#define SCHEDULER(ops_name, members...) \
	SEC(".struct_ops.link") struct sched_ext_ops ops = { .name = ops_name, .exit = (void *)exit_seen, members }

char _license[] SEC("license") = "GPL";

#endif
