/* SPDX-License-Identifier: GPL-2.0-only */
/* policy.h - what a worker asks the scheduler to be. What the machine refuses is an error, never a lesser wish. */
#ifndef KT_POLICY_H
#define KT_POLICY_H

#include "libexec/lib/kt.h"
#include <sched.h>

/* This thread's own policy; prio is 0 but for SCHED_FIFO and SCHED_RR. */
static inline int policy_set(int policy, int prio, struct kt_err *err)
{
	static const char *const names[] = {
		[SCHED_OTHER] = "OTHER", [SCHED_FIFO] = "FIFO", [SCHED_RR] = "RR", [SCHED_BATCH] = "BATCH", [SCHED_IDLE] = "IDLE",
	};
	struct sched_param p = { .sched_priority = prio };

	if (!sched_setscheduler(0, policy, &p))
		return 0;
	return kt_fail(err, "SCHED_%s with priority %d is refused: %s%s", names[policy], prio, strerror(errno),
		       errno == EPERM ? " (it takes CAP_SYS_NICE)" : "");
}

#endif
