/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * supervisor.h - the process that starts a loader, watches the loader and its scheduler, and ends both.
 *
 * A loader is any program that attaches a sched_ext scheduler and stays until it is told to end. The supervisor does not
 * trust the loader. The loader may go into the background, ignore SIGTERM, flood its output, or leave children; the
 * supervisor makes its last report all the same. Orphans of the loader become children of the supervisor
 * (PR_SET_CHILD_SUBREAPER). The loader counts as alive while one of them lives.
 *
 * The supervisor runs with real-time priority, because a scheduler that starves every task must not starve the supervisor.
 *
 * When a CPU comes or goes, the kernel disables a scheduler without CPU hotplug callbacks and asks user space to load the
 * scheduler again. A loader may do that itself. The supervisor loads ktstr's own objects again.
 *
 * The supervisor writes three kinds of records, as JSON Lines, to a descriptor:
 *   {"event":"enabled", "at_ns", "ops", "load_ns"}
 *   {"event":"restarted", "at_ns", "ops", "load_ns", "exit": {...}}
 *   {"event":"ended", "at_ns", "asked", "exit": {...}, "loader": {...}, "output": [...], "kernel_log": [...], "dump": [...]}
 *       and "reloading": true when it was asked to end while the scheduler was being loaded again
 * "ended" without "enabled" means that the scheduler was never enabled. SIGTERM asks the supervisor to end. Times are
 * CLOCK_MONOTONIC.
 */
#ifndef SCHED_SUPERVISOR_H
#define SCHED_SUPERVISOR_H

#include "libexec/lib/json.h"

struct supervise {
	char *const *argv, *const *env;
	bool results;           /* the loader is ktstr-load, which writes one JSON record to stdout when it ends */
	int64_t load_limit_ns;  /* from the loader's start until the scheduler must be enabled */
	int report;             /* the descriptor that the records go to */
};

_Noreturn void supervisor_main(const struct supervise *s);

#endif
