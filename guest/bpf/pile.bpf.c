// SPDX-License-Identifier: GPL-2.0-only
/* pile - broken: fifo that puts every task that may run there onto CPU 0's own queue, however many wait in it. */
#define OWN_SELECT_CPU
#define OWN_ENQUEUE
#include "fifo.h"

extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;

s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return prev_cpu;
}

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert(p, bpf_cpumask_test_cpu(0, p->cpus_ptr) ? SCX_DSQ_LOCAL_ON : SCX_DSQ_LOCAL, slice_ns, enq_flags);
}

SCHEDULER("pile", FIFO_OPS);
