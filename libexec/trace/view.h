/* SPDX-License-Identifier: GPL-2.0-only */
/* view.h - what ktstr-trace prints of a trace, and which events of it. */
#ifndef TRACE_VIEW_H
#define TRACE_VIEW_H

#include "libexec/lib/cpulist.h"
#include "libexec/trace/tasks.h"

struct filter {
	struct cpumask cpus;
	const char *task;        /* a name; NULL: any */
	int64_t tid;             /* -1: any */
	const char *cgroup;      /* this one and all below; NULL: any */
	int64_t from_ns, to_ns;
};

/* Whether an event at that time on that CPU, of this task, is wanted. */
bool filter_passes(const struct filter *f, int64_t ns, unsigned cpu, const struct trace_task *task);

/* How the trace is printed. Each function may be NULL. */
struct view {
	const char *name, *what;
	void (*begin)(const struct filter *f, const struct trace_reader *r);
	/* After it was applied to the tasks. prev: see tracked_apply(). */
	void (*event)(const struct filter *f, const struct trace_event *e, const struct tracked *prev, struct tracked_tasks *tasks);
	void (*end)(const struct filter *f, const struct trace_reader *r, struct tracked_tasks *tasks);
};
extern const struct view view_timehist, view_events, view_latency, view_conservation, view_chrome;

/* "R", "S", "D" ..., as ps has it; "R+": preempted. */
const char *view_state(const struct trace_event *e);
/* "NAME[TID]", printable; of an idle task "idle". In a buffer of the program's. */
const char *view_task(const struct trace_task *t);
/* Milliseconds to the ns. In one of eight buffers. */
const char *view_ms(int64_t ns);

#endif
