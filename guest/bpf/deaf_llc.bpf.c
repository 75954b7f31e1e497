// SPDX-License-Identifier: GPL-2.0-only
/*
 * deaf_llc - broken: llc that never wakes one LLC. An idle CPU of it serves no queue, so whoever waits there waits until
 * a CPU of it that is not idle comes by.
 */
#define OWN_SELECT_CPU
#define OWN_DISPATCH
#include "llc.h"

const volatile s32 deaf_cpu = -1; /* a CPU of that LLC; -1: the last one */

/* The kernel's default would put a task on an idle CPU itself. */
s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return prev_cpu;
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	s32 deaf = deaf_cpu < 0 ? scx_bpf_nr_cpu_ids() - 1 : deaf_cpu;

	if (llc_of(cpu) != llc_of(deaf) || prev)
		dsq_move_to_local(llc_of(cpu));
}

SCHEDULER("deaf_llc", LLC_OPS);
