// SPDX-License-Identifier: GPL-2.0-only
/* wrong_dsq - broken: fifo that queues to a DSQ that it never made. */
#define OWN_ENQUEUE
#include "fifo.h"

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert(p, SHARED_DSQ + 1, slice_ns, enq_flags);
}

SCHEDULER("wrong_dsq", FIFO_OPS);
