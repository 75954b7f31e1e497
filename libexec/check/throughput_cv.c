// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throughput parity: a second on the CPU should be worth the same to every worker. The coefficient
 * of variation is the population's standard deviation over its mean. Workers of different work
 * types, and with different roles, count different things, so each of these in a cgroup is a population of its own.
 */
#include "libexec/check/check.h"

#include <math.h>

double worker_rate(const struct report_worker *w)
{
	return w->cpu_time_ns ? (double)w->work_units * NSEC_PER_SEC / w->cpu_time_ns : -1;
}

static bool same_work(const struct report_worker *a, const struct report_worker *b)
{
	return streq(a->work, b->work) && streq(a->role, b->role);
}

static void eval_work(const struct report_cgroup *cg, const struct report_worker *of, double threshold, struct results *out)
{
	unsigned measured = 0, unmeasured = 0;
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];

		if (!w->completed || !same_work(w, of))
			continue;
		if (worker_rate(w) < 0) {
			unmeasured++;
			continue;
		}
		measured++;
		sum += worker_rate(w);
	}
	if (measured + unmeasured < 2) {
		result_add(out, VERDICT_SKIP, 0, "a throughput CV needs two workers of work type %s%s%s", of->work, *of->role ? " with role " : "",
			   of->role);
		return;
	}
	double mean = measured ? sum / measured : 0;
	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];

		if (w->completed && same_work(w, of) && worker_rate(w) >= 0)
			squares += (worker_rate(w) - mean) * (worker_rate(w) - mean);
	}
	double cv = mean > 0 ? sqrt(squares / measured) / mean : 0;
	if (measured >= 2 && mean > 0 && cv > threshold)
		result_add(out, VERDICT_FAIL, cv, "throughput CV %s exceeds limit %s (mean=%.0f work/cpu_s)",
			   number_beyond(cv, threshold, 3).s, number_plain(threshold, 3).s, mean);
	else if (unmeasured)
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "throughput CV not measured: %u of %u workers have no CPU time", unmeasured,
			   measured + unmeasured);
	else if (!(mean > 0))
		result_add(out, VERDICT_INCONCLUSIVE, 0, "throughput CV not measured: no worker did any work");
	else
		result_add(out, VERDICT_PASS, cv, "throughput CV %.3f (mean=%.0f work/cpu_s)", cv, mean);
}

static void eval_throughput_cv(const struct report_cgroup *cg, double threshold, struct results *out)
{
	for (unsigned i = 0; i < cg->nr_workers; i++) {
		unsigned first = 0;

		while (!same_work(&cg->workers[first], &cg->workers[i]))
			first++;
		if (first == i)
			eval_work(cg, &cg->workers[i], threshold, out);
	}
}

const struct check check_throughput_cv = {
	.name = "throughput_cv",
	.summary = "a CPU second yields the same work for all workers of a work type and role in a cgroup",
	.formula = "stddev / mean over the workers of work_units / CPU s, > threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("max_throughput_cv", 1e9, "the largest coefficient of variation of work units per CPU second"),
	.unit = "",
	.eval = eval_throughput_cv,
};
