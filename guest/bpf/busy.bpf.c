// SPDX-License-Identifier: GPL-2.0-only
/* busy - broken: fifo that turns round and round before it hands out a task. */
#define OWN_DISPATCH
#include "fifo.h"

const volatile u32 rounds = 1800000;
u64 sum;

static long turn(u64 i, void *ctx)
{
	sum += i;
	return 0;
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	bpf_loop(rounds, turn, NULL, 0);
	dsq_move_to_local(SHARED_DSQ);
}

SCHEDULER("busy", FIFO_OPS);
