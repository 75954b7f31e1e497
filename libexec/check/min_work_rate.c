// SPDX-License-Identifier: GPL-2.0-only
/*
 * A floor under every worker's throughput: parity alone would be content with workers that are all
 * equally slow.
 */
#include "libexec/check/check.h"

#include <math.h>

static void eval_min_work_rate(const struct report_cgroup *cg, double threshold, struct results *out)
{
	unsigned judged = 0, unmeasured = 0, slow = 0;
	double worst = INFINITY;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];
		double rate = worker_rate(w);

		if (!w->completed)
			continue;
		judged++;
		if (rate < 0) {
			unmeasured++;
			continue;
		}
		worst = MIN(worst, rate);
		if (rate >= threshold)
			continue;
		slow++;
		result_worker(out, VERDICT_FAIL, w, rate,
			      "worker %lld throughput %s work/cpu_s below floor %s", (long long)w->tid,
			      number_beyond(rate, threshold, 0).s, number_plain(threshold, 0).s);
	}
	if (!judged)
		result_add(out, VERDICT_SKIP, 0, "no worker completed");
	else if (unmeasured && !slow)
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "work rate not measured: %u of %u workers have no CPU time", unmeasured, judged);
	else if (!slow)
		result_add(out, VERDICT_PASS, worst, "slowest worker %.0f work/cpu_s", worst);
}

const struct check check_min_work_rate = {
	.name = "min_work_rate",
	.summary = "every worker does at least this much work per CPU second",
	.formula = "any worker with work_units / CPU s < threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("min_work_rate", 1e12, "work units per CPU second that every worker reaches"),
	.unit = "work/cpu_s",
	.less_is_worse = true,
	.eval = eval_min_work_rate,
};
