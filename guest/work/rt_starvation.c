// SPDX-License-Identifier: GPL-2.0-only
/*
 * RtStarvation: real-time tasks that never give their CPUs up, and tasks that want some of them.
 *
 * What is left for the others is the kernel's policy: kernel.sched_rt_runtime_us before 6.12, a deadline server for them
 * since. With all CPUs taken also ktstr-work itself gets no more than that.
 */
#include "guest/work/policy.h"
#include "guest/work/worker.h"

struct starvation {
	unsigned rt, cfs, prio;
	int64_t burst;
};

static void rt_starvation_run(struct worker *w, const void *args)
{
	const struct starvation *a = args;

	while (worker_running(w))
		w->iterations += worker_compute_until(w, (uint64_t)a->burst, 1, UINT64_MAX);
}

static int rt_starvation_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct starvation *a = args;

	return w->member < a->rt ? policy_set(SCHED_FIFO, (int)a->prio, err) : 0;
}

static unsigned rt_starvation_group_size(const void *args)
{
	const struct starvation *a = args;

	return a->rt + a->cfs;
}

static const char *rt_starvation_role(const struct worker *w, const void *args)
{
	return w->member < ((const struct starvation *)args)->rt ? "rt" : "cfs";
}

static const struct row rows[] = {
	{ .name = "rt", .alias = "rt_workers", .kind = ROW_UINT, .offset = offsetof(struct starvation, rt), .min = 1,
	  .max = 1024, .def = 1, .help = "SCHED_FIFO workers, the first ones of the group" },
	{ .name = "cfs", .alias = "cfs_workers", .kind = ROW_UINT, .offset = offsetof(struct starvation, cfs), .min = 1,
	  .max = 1024, .def = 1, .help = "workers of the policy they were given" },
	{ .name = "prio", .alias = "rt_priority", .kind = ROW_UINT, .offset = offsetof(struct starvation, prio), .min = 1,
	  .max = 99, .def = 50, .help = "priority of the SCHED_FIFO workers" },
	{ .name = "burst", .alias = "burst_iters", .kind = ROW_INT, .offset = offsetof(struct starvation, burst), .min = 1,
	  .max = 1e9, .def = 1024, .help = "spins for a unit" },
	{ 0 }
};

const struct work_type work_rt_starvation = {
	.name = "RtStarvation",
	.summary = "SCHED_FIFO tasks keep their CPUs from others for as long as the kernel lets them (kernel.sched_rt_runtime_us, "
		   "deadline servers): what a starved task does to a scheduler.",
	.unit = "a burst of spins",
	.args = rows,
	.args_size = sizeof(struct starvation),
	.group_size = rt_starvation_group_size,
	.role = rt_starvation_role,
	.traits = WORK_ROOT | WORK_COMPUTES,
	.prepare = rt_starvation_prepare,
	.run = rt_starvation_run,
};
