// SPDX-License-Identifier: GPL-2.0-only
/*
 * central - one CPU makes all decisions. Everybody waits in one queue, and a CPU that has nothing to run asks; it takes
 * somebody out of the queue when the central CPU, which is interrupted for that, has granted it. Whom that interrupts has the
 * rest of his turn afterwards.
 */
#define OWN_ENQUEUE
#define OWN_DISPATCH
#define OWN_SELECT_CPU
#define CHARGE(p, ns) ((ns) * 100 / (p)->scx.weight)
#include "vtime.h"

const volatile s32 central_cpu = 0;

bool asks[MAX_CPUS], granted[MAX_CPUS];

s32 OP(select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return prev_cpu;
}

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	/* The kernel's own threads that are bound to a CPU wait for nobody's decision. */
	if ((p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1) {
		dsq_insert(p, SCX_DSQ_LOCAL, slice_ns, enq_flags | SCX_ENQ_PREEMPT);
		return;
	}
	dsq_insert_vtime(p, SHARED_DSQ, slice_ns, vtime_of(p, enq_flags), enq_flags);
	/* Not for its own: it would interrupt whom it has just let run, who would come back here. */
	if (scx_bpf_task_cpu(p) != central_cpu)
		scx_bpf_kick_cpu(central_cpu, SCX_KICK_PREEMPT);
}

static void decide(void)
{
	u32 nr = scx_bpf_nr_cpu_ids();
	s32 i;

	bpf_for(i, 0, nr) {
		if (i >= MAX_CPUS)
			break;
		if (i == central_cpu || !asks[i])
			continue;
		asks[i] = false;
		granted[i] = true;
		scx_bpf_kick_cpu(i, SCX_KICK_PREEMPT);
	}
}

/* A kick takes all of a slice away. What there was of it is given back, and who has some runs on. */
static bool give_back(s32 cpu, struct task_struct *prev)
{
	u64 used = bpf_ktime_get_ns() - running_since[cpu];

	if (!prev || !(prev->scx.flags & SCX_TASK_QUEUED) || used >= slice_ns)
		return false;
	task_set_slice(prev, slice_ns - used);
	return true;
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	if (cpu < 0 || cpu >= MAX_CPUS)
		return;
	if (cpu == central_cpu) {
		decide();
		if (!give_back(cpu, prev))
			dsq_move_to_local(SHARED_DSQ);
		return;
	}
	if (granted[cpu]) {
		granted[cpu] = false;
		if (dsq_move_to_local(SHARED_DSQ))
			return;
		/* Nobody for this CPU: whoever comes next interrupts the central one anyway. */
		asks[cpu] = true;
		return;
	}
	asks[cpu] = true;
	if (queued(SHARED_DSQ))
		scx_bpf_kick_cpu(central_cpu, SCX_KICK_PREEMPT);
}

SCHEDULER("central", VTIME_OPS);
