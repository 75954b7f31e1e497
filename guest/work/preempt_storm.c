// SPDX-License-Identifier: GPL-2.0-only
/* PreemptStorm: a real-time task that wakes about a thousand times a second among tasks that spin. */
#include "guest/work/policy.h"
#include "guest/work/worker.h"

enum { SPINS = 1024, RT_PRIO = 1 };

struct storm {
	unsigned cfs_workers;
	int64_t rt_burst, rt_sleep_ns;
};

static bool is_rt(const struct worker *w)
{
	return w->member == 0;
}

static void preempt_others(struct worker *w, const struct storm *a)
{
	uint64_t until = w->last_ns + a->rt_sleep_ns;

	if (!worker_sleep_until(w, until))
		return;
	histogram_record(&w->wake_latency, w->last_ns - until);
	worker_compute(w, a->rt_burst);
	w->iterations++;
	worker_tick(w, 1);
}

static void preempt_storm_run(struct worker *w, const void *args)
{
	while (worker_running(w)) {
		if (is_rt(w)) {
			preempt_others(w, args);
		} else {
			w->iterations += worker_compute_until(w, SPINS, 1, UINT64_MAX);
		}
	}
}

static int preempt_storm_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)args;
	return is_rt(w) ? policy_set(SCHED_FIFO, RT_PRIO, err) : 0;
}

static unsigned preempt_storm_group_size(const void *args)
{
	return ((const struct storm *)args)->cfs_workers + 1;
}

static const char *preempt_storm_role(const struct worker *w, const void *args)
{
	(void)args;
	return is_rt(w) ? "rt" : "cfs";
}

static const struct row rows[] = {
	{ .name = "cfs_workers", .kind = ROW_UINT, .offset = offsetof(struct storm, cfs_workers), .min = 1, .max = 4095,
	  .def = 2, .help = "workers that spin, with the policy they were given" },
	{ .name = "rt_burst", .alias = "rt_burst_iters", .kind = ROW_INT, .offset = offsetof(struct storm, rt_burst),
	  .min = 1, .max = 1e9, .def = 1024, .help = "spins of the real-time worker each time it wakes" },
	{ .name = "rt_sleep_us", .kind = ROW_NS, .offset = offsetof(struct storm, rt_sleep_ns), .min = 1, .max = 60e6,
	  .def = 1000, .help = "its sleep in between" },
	{ 0 }
};

const struct work_type work_preempt_storm = {
	.name = "PreemptStorm",
	.summary = "A SCHED_FIFO 1 task, the first of its group, keeps waking among tasks that spin: preemption by another class, "
		   "and where the preempted go.",
	.unit = "of the real-time worker, its spins after one sleep; of the others, 1024 spins",
	.gap = "of the real-time worker, the sleep that was asked for; beyond it counts",
	.latency = "of the real-time worker, from the end of the sleep that was asked for to running",
	.args = rows,
	.args_size = sizeof(struct storm),
	.group_size = preempt_storm_group_size,
	.role = preempt_storm_role,
	.traits = WORK_ROOT | WORK_COMPUTES,
	.prepare = preempt_storm_prepare,
	.run = preempt_storm_run,
};
