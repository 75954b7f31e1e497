// SPDX-License-Identifier: GPL-2.0-only
/* leaky - broken: fifo that hands tasks to the CPUs in turn, whether they may run there or not. */
#define OWN_ENQUEUE
#include "fifo.h"

u64 turn;

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	u32 cpu = __sync_fetch_and_add(&turn, 1) % scx_bpf_nr_cpu_ids();

	/* The kernel's own threads are bound to their CPUs for good reason. */
	if (p->flags & PF_KTHREAD)
		cpu = scx_bpf_task_cpu(p);
	dsq_insert(p, SCX_DSQ_LOCAL_ON | cpu, slice_ns, enq_flags);
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

SCHEDULER("leaky", FIFO_OPS);
