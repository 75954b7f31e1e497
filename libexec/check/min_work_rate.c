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
	const struct report_worker *slowest = NULL, *without = NULL;
	double worst = INFINITY;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];
		double rate = worker_rate(w);

		if (!w->completed)
			continue;
		judged++;
		if (rate < 0) {
			unmeasured++;
			without = w;
			continue;
		}
		slowest = rate < worst ? w : slowest;
		worst = MIN(worst, rate);
		if (rate >= threshold)
			continue;
		slow++;
		result_worker(out, VERDICT_FAIL, w, rate,
			      "worker %lld throughput %s %s below floor %s", (long long)w->tid,
			      number_beyond(rate, threshold, 0).s, rate_unit(w), number_plain(threshold, 0).s);
	}
	if (!judged)
		result_add(out, VERDICT_SKIP, 0, "no worker completed");
	else if (unmeasured && !slow)
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "work rate not measured: %u of %u workers %s", unmeasured, judged, rate_missing(without));
	else if (!slow)
		result_add(out, VERDICT_PASS, worst, "slowest worker %.0f %s", worst, rate_unit(slowest));
}

const struct check check_min_work_rate = {
	.name = "min_work_rate",
	.summary = "every worker does at least this much work per CPU second; modelled work, per runnable second",
	.formula = "any worker with work_units / CPU s, or / (CPU + run_delay) s, < threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("min_work_rate", 1e12, "work units per CPU second that every worker reaches; of modelled work, per runnable second"),
	.unit = "work/s",
	.less_is_worse = true,
	.eval = eval_min_work_rate,
};
