/* SPDX-License-Identifier: GPL-2.0-only */
/* tasks.h - what each task does, by the events of a trace: runs, waits for a CPU, or sleeps, and since when. */
#ifndef TRACE_TASKS_H
#define TRACE_TASKS_H

#include "libexec/lib/histogram.h"
#include "libexec/trace/read.h"

enum task_state { TASK_UNKNOWN, TASK_RUNS, TASK_WAITS, TASK_SLEEPS };

struct tracked {
	int64_t key;             /* its tid; of an idle task: -1 - its CPU */
	struct trace_task task;  /* as it was seen last; its cgroup is a copy */
	enum task_state state;
	unsigned cpu;            /* where it is, or was */
	int64_t since_ns;        /* of its state */
	int64_t slept_ns, waited_ns; /* before it ran, the last time; -1: not known */
	/* Sums. */
	int64_t run_ns, sleep_ns, wait_ns, worst_wait_ns, worst_wait_at_ns;
	uint64_t switches, preemptions, wakeups;
	struct histogram *wakes; /* from the wake-up to the CPU; NULL: none */
	bool woken;              /* it waits for the first time since a wake-up */
	/* conserve.h's: */
	bool counted;            /* as one that waits for these CPUs */
	struct cpumask counted_on;
	int64_t counted_since_ns;
};

struct tracked_tasks {
	struct tracked *v;
	size_t n, max;
	uint32_t *slots;         /* a hash of the keys: places in v, from 1 */
	size_t nr_slots;
	unsigned nr_cpus;
	int64_t *running;        /* the key of what runs on each CPU; INT64_MAX: not known */
	uint64_t unexplained;    /* switches to a task that slept, or from one that did not run: something was not recorded */
};

void tracked_init(struct tracked_tasks *t, unsigned nr_cpus);
void tracked_deinit(struct tracked_tasks *t);
/* The task of an event. Good until the next one is added. */
struct tracked *tracked_find(struct tracked_tasks *t, const struct trace_task *task, unsigned cpu);
/* An event has happened. Of a switch: what ran is in *prev as it was while it ran, with its end in e->ns; NULL: it was not known. */
void tracked_apply(struct tracked_tasks *t, const struct trace_event *e, struct tracked *prev);
bool tracked_is_idle(const struct tracked *t);

#endif
