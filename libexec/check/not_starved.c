// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that never finished one unit of work was starved. One that died is not judged: it had no
 * chance to.
 */
#include "libexec/check/check.h"

static void eval_not_starved(const struct report_cgroup *cg, double threshold, struct results *out)
{
	unsigned judged = 0, starved = 0;

	(void)threshold;
	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];

		if (!w->completed && w->end != WORKER_TIMED_OUT)
			continue;
		judged++;
		if (w->work_units)
			continue;
		starved++;
		result_worker(out, VERDICT_FAIL, w, 0, "tid %lld starved (0 work units)", (long long)w->tid);
	}
	if (!judged)
		result_add(out, VERDICT_SKIP, 0, "no worker lived to be judged");
	else if (!starved)
		result_add(out, VERDICT_PASS, 0, "all %u workers made progress", judged);
}

const struct check check_not_starved = {
	.name = "not_starved",
	.summary = "every worker makes progress",
	.formula = "any worker with work_units == 0",
	.on = CHECK_DEFAULT,
	.gates_defaults = true,
	.row = CHECK_SWITCH("not_starved", true, "all checks that are on by default: starvation, spread, gap, and those of the monitor"),
	.eval = eval_not_starved,
};
