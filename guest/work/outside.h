/* SPDX-License-Identifier: GPL-2.0-only */
/* outside.h - what is known of a worker that is somebody else's program, from outside; in memory shared with the parent. */
#ifndef KT_OUTSIDE_H
#define KT_OUTSIDE_H

#include "guest/work/child.h"
#include "libexec/lib/tail.h"

enum outside_end { OUTSIDE_RUNS, OUTSIDE_EXITED, OUTSIDE_SIGNALED, OUTSIDE_TIMED_OUT };
enum { OUTSIDE_TAIL = 1024 };

struct outside {
	struct command command;   /* the parent's, before the fork */
	pid_t pid;
	enum outside_end end;
	int code;                 /* exit code or signal */
	bool early, obeyed;       /* it ended before it was told to; told to stop, it did */
	uint64_t cpu_ns;          /* of it and its descendants */
	uint64_t delay_ns, timeslices, migrations; /* of the tasks that were seen */
	unsigned tasks;
	bool more_tasks;
	struct cpumask cpus;      /* that tasks were seen on */
	uint64_t bad_lines;       /* on descriptor 3 */
	char first_bad[128];
	struct tail errors;       /* on stderr */
	char errors_ring[OUTSIDE_TAIL];
};

#endif
