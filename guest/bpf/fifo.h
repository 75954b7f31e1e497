/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fifo.h - the operations of a first-in, first-out scheduler with one queue for all CPUs. fifo is made of them, and so is
 * each broken scheduler but for the one operation that it breaks, which it defines itself (OWN_ENQUEUE ...).
 */
#ifndef BPF_FIFO_H
#define BPF_FIFO_H

#include "scx.h"

enum { SHARED_DSQ = 0 };

const volatile u64 slice_ns = SCX_SLICE_DFL;

#ifndef OWN_SELECT_CPU
s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return use_idle_cpu(p, prev_cpu, wake_flags, slice_ns);
}
#endif

#ifndef OWN_ENQUEUE
void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
}
#endif

#ifndef OWN_DISPATCH
void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	dsq_move_to_local(SHARED_DSQ);
}
#endif

#ifndef OWN_INIT
s32 OP_SLEEPABLE(init)
{
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}
#endif

#define FIFO_OPS .select_cpu = (void *)select_cpu, .enqueue = (void *)enqueue, .dispatch = (void *)dispatch, \
	.init = (void *)init

#endif
