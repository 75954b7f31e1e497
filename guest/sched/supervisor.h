/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * supervisor.h - the process that keeps a loader: starts it, sees what becomes of it and of its scheduler, ends it.
 *
 * A loader is any program that attaches a sched_ext scheduler and stays while it is wanted; it is not trusted to do that
 * well. It may daemonise (its children are the supervisor's, PR_SET_CHILD_SUBREAPER, and as long as one lives it is taken
 * for alive), ignore SIGTERM, flood its output, leave children: none of this keeps the supervisor from its last report.
 * The supervisor runs with real-time priority, as a scheduler that starves everybody must not starve it too.
 *
 * When a CPU comes or goes, the kernel lets go of a scheduler that does not look after that itself, and wants it loaded again.
 * A loader may do so; one of our own objects is loaded once more.
 *
 * It says three things, as JSON Lines on a descriptor:
 *   {"event":"enabled", "at_ns", "ops", "load_ns"}
 *   {"event":"restarted", "at_ns", "ops", "load_ns", "exit": {...}}
 *   {"event":"ended", "at_ns", "asked", "exit": {...}, "loader": {...}, "output": [...], "kernel_log": [...], "dump": [...]}
 *       and "reloading": true when it was asked to end while the scheduler was being loaded again
 * "ended" alone is a scheduler that was never enabled. SIGTERM asks it to end. Times are CLOCK_MONOTONIC.
 */
#ifndef SCHED_SUPERVISOR_H
#define SCHED_SUPERVISOR_H

#include "libexec/lib/json.h"

struct supervise {
	char *const *argv, *const *env;
	bool results;           /* what it writes to stdout at its end is a record of its own: ktstr-load */
	int64_t load_limit_ns;  /* from its start until the scheduler must be enabled */
	int report;             /* descriptor */
};

_Noreturn void supervisor_main(const struct supervise *s);

#endif
