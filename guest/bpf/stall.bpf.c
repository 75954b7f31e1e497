// SPDX-License-Identifier: GPL-2.0-only
/* stall - broken: fifo that hands out nothing any more after so many tasks. */
#define OWN_DISPATCH
#include "fifo.h"

const volatile u64 events = 20;
u64 seen;

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	if (seen < events && dsq_move_to_local(SHARED_DSQ))
		__sync_fetch_and_add(&seen, 1);
}

SCHEDULER("stall", FIFO_OPS);
