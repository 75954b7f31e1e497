// SPDX-License-Identifier: GPL-2.0-only
/* PolicyChurn: one scheduling policy after the other. */
#include "guest/work/policy.h"
#include "guest/work/worker.h"

struct churn { int64_t spin; };

enum { RT_PRIO = 1 };

static const struct { int policy, prio; } steps[] = {
	{ SCHED_OTHER, 0 }, { SCHED_BATCH, 0 }, { SCHED_IDLE, 0 }, { SCHED_FIFO, RT_PRIO }, { SCHED_RR, RT_PRIO },
};

static void policy_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;

	while (worker_running(w)) {
		for (size_t i = 0; i < ARRAY_SIZE(steps) && worker_running(w); i++) {
			if (policy_set(steps[i].policy, steps[i].prio, &w->err))
				return;
			worker_compute(w, a->spin);
			worker_tick(w, 1);
		}
		w->iterations++;
	}
}

static int policy_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)w, (void)args;
	return policy_set(SCHED_RR, RT_PRIO, err) || policy_set(SCHED_OTHER, 0, err) ? -1 : 0;
}

static const struct row rows[] = {
	{ .name = "spin", .alias = "spin_iters", .kind = ROW_INT, .offset = offsetof(struct churn, spin), .max = 1e9,
	  .def = 1024, .help = "spins with each policy" },
	{ 0 }
};

const struct work_type work_policy_churn = {
	.name = "PolicyChurn",
	.summary = "Goes through SCHED_OTHER, BATCH, IDLE, FIFO 1 and RR 1, over and over: running tasks that change their class.",
	.unit = "the spins with one policy",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_ROOT | WORK_COMPUTES,
	.prepare = policy_churn_prepare,
	.run = policy_churn_run,
};
