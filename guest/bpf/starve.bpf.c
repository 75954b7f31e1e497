// SPDX-License-Identifier: GPL-2.0-only
/* starve - broken: fifo that now and then puts a task aside, and comes back to it more than a second later. */
#define OWN_ENQUEUE
#define OWN_DISPATCH
#define OWN_INIT
#include "fifo.h"

enum { ASIDE_DSQ = 1 };

const volatile u64 every = 40;             /* of the tasks that come back from a CPU */
const volatile u64 aside_ns = 1500000000;
u64 returns, since;

void OP(enqueue, struct task_struct *p, u64 enq_flags)
{
	bool returned = !p->scx.slice && !(enq_flags & SCX_ENQ_WAKEUP);

	/*
	 * One at a time, and none of the kernel's own threads. Only tasks that use up their slices: what all others wait for
	 * would stay aside for good, for an idle CPU asks for nothing.
	 */
	if (returned && !(p->flags & PF_KTHREAD) && !(__sync_fetch_and_add(&returns, 1) % every) && !queued(ASIDE_DSQ)) {
		since = bpf_ktime_get_ns();
		dsq_insert(p, ASIDE_DSQ, slice_ns, enq_flags);
	} else {
		dsq_insert(p, SHARED_DSQ, slice_ns, enq_flags);
	}
}

void OP(dispatch, s32 cpu, struct task_struct *prev)
{
	if (bpf_ktime_get_ns() - since > aside_ns && dsq_move_to_local(ASIDE_DSQ))
		return;
	dsq_move_to_local(SHARED_DSQ);
}

s32 OP_SLEEPABLE(init)
{
	s32 err = scx_bpf_create_dsq(SHARED_DSQ, -1);

	return err ? err : scx_bpf_create_dsq(ASIDE_DSQ, -1);
}

SCHEDULER("starve", FIFO_OPS);
