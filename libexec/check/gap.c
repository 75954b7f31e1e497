// SPDX-License-Identifier: GPL-2.0-only
/* The longest time a worker did not get to its next checkpoint: nobody is left waiting. */
#include "libexec/check/check.h"

static void eval_gap(const struct report_cgroup *cg, double threshold, struct results *out)
{
	double worst = 0;
	bool stuck = false;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];
		/* Not threshold * 1e6: this quotient is the double that the same threshold is read as. */
		double gap_ms = (double)w->max_gap_ns / NSEC_PER_MSEC;

		worst = MAX(worst, gap_ms);
		if (gap_ms <= threshold)
			continue;
		stuck = true;
		result_worker(out, VERDICT_FAIL, w, gap_ms,
			      "tid %lld stuck %sms on cpu%lld at +%lldms (threshold %sms)", (long long)w->tid,
			      number_beyond(gap_ms, threshold, 0).s, (long long)w->max_gap_cpu,
			      (long long)w->max_gap_at_ns / NSEC_PER_MSEC, number_plain(threshold, 0).s);
	}
	if (!stuck)
		result_add(out, VERDICT_PASS, worst, "worst gap %.3fms", worst);
}

const struct check check_gap = {
	.name = "gap",
	.summary = "no worker waits too long between two checkpoints of its work",
	.formula = "any worker with max_gap_ns / 10^6 > threshold",
	.on = CHECK_DEFAULT,
	.row = CHECK_THRESHOLD("max_gap_ms", 1e9, "longest gap between two units of a worker"),
	.unit = "ms",
	.virtual_default = 2000,
	.real_default = 3000,
	.eval = eval_gap,
};
