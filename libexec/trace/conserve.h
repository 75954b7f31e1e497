/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conserve.h - work conservation, by the events of a trace: for how long a CPU was idle while a task waited that may run there.
 *
 * A task waits from when it may run until it runs. It may run on a CPU when that is among those that it may use, and is online, and
 * when the task's cgroup is not throttled on the CPU that it waits on. A deadline task may be throttled by itself, which no event
 * tells, and counts for nothing; nor does a task that waited before the trace began.
 */
#ifndef TRACE_CONSERVE_H
#define TRACE_CONSERVE_H

#include "libexec/trace/tasks.h"

struct conserve_cpu {
	bool idle, active;
	unsigned waiting;        /* tasks that wait and may run here */
	int64_t since_ns;        /* both are so since then; INT64_MAX: they are not */
	int64_t sum_ns, longest_ns, longest_until_ns;
	char longest_task[64];   /* of those that waited then, the one that had waited longest: "NAME[TID]" */
};

struct conserve {
	unsigned nr_cpus;
	struct conserve_cpu *cpus;
	struct cpumask active;
	struct throttled { char *cgroup; unsigned cpu; int depth; } *throttled;
	size_t nr_throttled;
	int64_t from_ns, to_ns;  /* what is before and after is not counted */
};

void conserve_init(struct conserve *c, unsigned nr_cpus, int64_t from_ns, int64_t to_ns);
void conserve_deinit(struct conserve *c);
/* An event that was applied to the tasks. */
void conserve_apply(struct conserve *c, struct tracked_tasks *tasks, const struct trace_event *e);
/* The trace is over, at that time. */
void conserve_end(struct conserve *c, const struct tracked_tasks *tasks, int64_t ns);
/* All of the trace in this file, from the first phase to to_ns: into c. -1 and err: it is not whole. */
int conserve_read(const char *path, int64_t to_ns, struct conserve *c, struct kt_err *err);
/* The CPU with the longest; NULL: none was idle while a task waited. */
const struct conserve_cpu *conserve_worst(const struct conserve *c);

#endif
