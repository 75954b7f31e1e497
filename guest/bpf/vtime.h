/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vtime.h - weighted fair queueing: one queue for all CPUs in the order of virtual time, which passes the slower for a task
 * the larger its weight is (nice, and the weight of its cgroup when that is all there is). CHARGE(p, ns) says how fast. What
 * is charged is time on the CPU, not the part of the slice that is gone: a kick takes all of that away. OWN_... as in fifo.h.
 */
#ifndef BPF_VTIME_H
#define BPF_VTIME_H

#include "scx.h"

enum { SHARED_DSQ = 0 };

const volatile u64 slice_ns = 5000000;
u64 vtime_now, running_since[MAX_CPUS];

static bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* Who slept does not save up more than a slice; who waited gets all that is his. */
static u64 vtime_of(struct task_struct *p, u64 enq_flags)
{
	u64 vtime = p->scx.dsq_vtime;

	return (enq_flags & SCX_ENQ_WAKEUP) && before(vtime, vtime_now - slice_ns) ? vtime_now - slice_ns : vtime;
}

#ifndef OWN_SELECT_CPU
s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return use_idle_cpu(p, prev_cpu, wake_flags, slice_ns);
}
#endif

#ifndef OWN_ENQUEUE
void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert_vtime(p, SHARED_DSQ, slice_ns, vtime_of(p, enq_flags), enq_flags);
}
#endif

#ifndef OWN_DISPATCH
void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	dsq_move_to_local(SHARED_DSQ);
}
#endif

void OP(running, struct task_struct *p)
{
	s32 cpu = scx_bpf_task_cpu(p);

	if (before(vtime_now, p->scx.dsq_vtime))
		vtime_now = p->scx.dsq_vtime;
	if (cpu >= 0 && cpu < MAX_CPUS)
		running_since[cpu] = bpf_ktime_get_ns();
}

void OP(stopping, struct task_struct *p, bool runnable)
{
	s32 cpu = scx_bpf_task_cpu(p);

	if (cpu >= 0 && cpu < MAX_CPUS)
		task_set_vtime(p, p->scx.dsq_vtime + CHARGE(p, bpf_ktime_get_ns() - running_since[cpu]));
}

void OP(enable, struct task_struct *p)
{
	task_set_vtime(p, vtime_now);
}

s32 OP_SLEEPABLE(init)
{
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

#define VTIME_OPS .select_cpu = (void *)select_cpu, .enqueue = (void *)enqueue, .dispatch = (void *)dispatch, \
	.running = (void *)running, .stopping = (void *)stopping, .enable = (void *)enable, .init = (void *)init

#endif
