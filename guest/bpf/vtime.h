/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vtime.h - weighted fair queueing: one queue for all CPUs in the order of virtual time, which passes the slower for a task
 * the larger its weight is (nice, and the weight of its cgroup when that is all there is). CHARGE(p, ns) says how fast.
 */
#ifndef BPF_VTIME_H
#define BPF_VTIME_H

#include "scx.h"

enum { SHARED_DSQ = 0 };

const volatile u64 slice_ns = 5000000;
u64 vtime_now;

static bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	bool idle = false;
	s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	if (idle)
		dsq_insert(p, SCX_DSQ_LOCAL, slice_ns, 0);
	return cpu;
}

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	u64 vtime = p->scx.dsq_vtime;

	/* Who slept does not save up more than a slice; who waited gets all that is his. */
	if ((enq_flags & SCX_ENQ_WAKEUP) && before(vtime, vtime_now - slice_ns))
		vtime = vtime_now - slice_ns;
	dsq_insert_vtime(p, SHARED_DSQ, slice_ns, vtime, enq_flags);
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	dsq_move_to_local(SHARED_DSQ);
}

void OP(running, struct task_struct *p)
{
	if (before(vtime_now, p->scx.dsq_vtime))
		vtime_now = p->scx.dsq_vtime;
}

void OP(stopping, struct task_struct *p, bool runnable)
{
	task_set_vtime(p, p->scx.dsq_vtime + CHARGE(p, slice_ns - p->scx.slice));
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
