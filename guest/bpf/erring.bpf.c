// SPDX-License-Identifier: GPL-2.0-only
/* erring - broken: fifo that gives up with an error after so many tasks. */
#define OWN_ENQUEUE
#include "fifo.h"

const volatile u64 events = 100;
u64 seen;

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	u64 n = __sync_fetch_and_add(&seen, 1);

	if (n == events)
		scx_error("giving up after %llu events", n);
	dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
}

SCHEDULER("erring", FIFO_OPS);
