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

static u64 ran_since(s32 cpu)
{
	/* The remainder is for the verifier, which a compiler's way to compare with a power of two does not convince. */
	return bpf_ktime_get_ns() - running_since[(u32)cpu % MAX_CPUS];
}

#ifndef OWN_DISPATCH
/*
 * The task that ran is not in the queue yet: without it a task of little weight had every second turn beside one of much. It
 * runs on when with what it has just had it is still before all who wait.
 */
void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	if (prev && (prev->scx.flags & SCX_TASK_QUEUED) && prev->pid) {
		u64 vtime = prev->scx.dsq_vtime + CHARGE(prev, ran_since(cpu));
		struct task_struct *first;
		bool goes_on = false;

		bpf_for_each(scx_dsq, first, SHARED_DSQ, 0) {
			goes_on = before(vtime, first->scx.dsq_vtime);
			break;
		}
		if (goes_on) {
			task_set_slice(prev, slice_ns);
			return;
		}
	}
	dsq_move_to_local(SHARED_DSQ);
}
#endif

void OP(running, struct task_struct *p)
{
	if (before(vtime_now, p->scx.dsq_vtime))
		vtime_now = p->scx.dsq_vtime;
	running_since[(u32)scx_bpf_task_cpu(p) % MAX_CPUS] = bpf_ktime_get_ns();
}

void OP(stopping, struct task_struct *p, bool runnable)
{
	task_set_vtime(p, p->scx.dsq_vtime + CHARGE(p, ran_since(scx_bpf_task_cpu(p))));
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
