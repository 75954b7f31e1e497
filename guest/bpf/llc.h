/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * llc.h - a queue for each last-level cache: a CPU serves the queue of its own LLC, and the others' when that is empty. A
 * task is queued where it ran last. Now and then a CPU serves the longest queue, or LLCs would stay as full as they are.
 */
#ifndef BPF_LLC_H
#define BPF_LLC_H

#include "scx.h"

/* The kernel's own number of the LLC of each CPU; the number of one of its CPUs, or counted from 0. */
extern const int sd_llc_id __ksym __weak;

const volatile u64 slice_ns = SCX_SLICE_DFL;

static u64 llc_of(s32 cpu)
{
	const int *id = &sd_llc_id ? bpf_per_cpu_ptr(&sd_llc_id, cpu) : NULL;

	return id ? *id : 0;
}

#ifndef OWN_SELECT_CPU
s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return use_idle_cpu(p, prev_cpu, wake_flags, slice_ns);
}
#endif

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	dsq_insert(p, llc_of(scx_bpf_task_cpu(p)), slice_ns, enq_flags);
}

#ifndef OWN_DISPATCH
enum { NOW_AND_THEN = 4 };
static u64 dispatches[MAX_CPUS];

static bool serve_longest(u64 own, u32 nr)
{
	s32 i, length, longest = scx_bpf_dsq_nr_queued(own);
	u64 from = own;

	bpf_for(i, 0, nr) {
		length = scx_bpf_dsq_nr_queued(i);
		if (length > longest) {
			longest = length;
			from = i;
		}
	}
	return from != own && dsq_move_to_local(from);
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	u64 own = llc_of(cpu);
	u32 nr = scx_bpf_nr_cpu_ids();
	s32 i;

	if ((u32)cpu < MAX_CPUS && dispatches[cpu]++ % NOW_AND_THEN == 0 && serve_longest(own, nr))
		return;
	if (dsq_move_to_local(own))
		return;
	bpf_for(i, 1, nr)
		if (queued((own + i) % nr) && dsq_move_to_local((own + i) % nr))
			return;
}
#endif

s32 OP_SLEEPABLE(init)
{
	u32 nr = scx_bpf_nr_cpu_ids();
	s32 i;

	/* One for every number that may be an LLC's. */
	bpf_for(i, 0, nr) {
		s32 err = scx_bpf_create_dsq(i, -1);

		if (err)
			return err;
	}
	return 0;
}

#define LLC_OPS .select_cpu = (void *)select_cpu, .enqueue = (void *)enqueue, .dispatch = (void *)dispatch, \
	.init = (void *)init

#endif
