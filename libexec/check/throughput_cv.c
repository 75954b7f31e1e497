// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throughput parity: a second on the CPU should be worth the same to every worker. The coefficient
 * of variation is the population's standard deviation over its mean. Workers of different work
 * types, and with different roles, count different things, so each of these in a cgroup is a population of its own.
 *
 * What a modelled worker computes in a second of CPU time is the model's, and a check of it would be empty. A second in which it wanted
 * to run is worth as much as the scheduler made of it.
 */
#include "libexec/check/check.h"

#include <math.h>

static bool same_work(const struct report_worker *a, const struct report_worker *b)
{
	return streq(a->work, b->work) && streq(a->role, b->role);
}

/* One that never came to compute is judged as those are that do the same. */
static bool is_modelled(const struct report_worker *w)
{
	for (unsigned i = 0; i < w->cgroup->nr_workers; i++)
		if (w->cgroup->workers[i].modelled_ns && same_work(&w->cgroup->workers[i], w))
			return true;
	return false;
}

double worker_rate(const struct report_worker *w)
{
	bool modelled = is_modelled(w);
	int64_t ns = w->cpu_time_ns + (modelled ? w->run_delay_ns : 0);

	return ns > 0 && !(modelled && w->run_delay_ns < 0) ? (double)w->work_units * NSEC_PER_SEC / ns : -1;
}

const char *rate_unit(const struct report_worker *w)
{
	return is_modelled(w) ? "work/runnable_s" : "work/cpu_s";
}

const char *rate_missing(const struct report_worker *w)
{
	return is_modelled(w) ? "have no run_delay_ns, which modelled work is judged with" : "have no CPU time";
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
		result_add(out, VERDICT_FAIL, cv, "throughput CV %s exceeds limit %s (mean=%.0f %s)",
			   number_beyond(cv, threshold, 3).s, number_plain(threshold, 3).s, mean, rate_unit(of));
	else if (unmeasured)
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "throughput CV not measured: %u of %u workers %s", unmeasured, measured + unmeasured, rate_missing(of));
	else if (!(mean > 0))
		result_add(out, VERDICT_INCONCLUSIVE, 0, "throughput CV not measured: no worker did any work");
	else
		result_add(out, VERDICT_PASS, cv, "throughput CV %.3f (mean=%.0f %s)", cv, mean, rate_unit(of));
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
	.summary = "a CPU second yields the same work for all workers of a work type and role in a cgroup; of modelled work, a runnable second",
	.formula = "stddev / mean over the workers of work_units / CPU s, or / (CPU + run_delay) s, > threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("max_throughput_cv", 1e9, "the largest coefficient of variation of work units per CPU second; of modelled work, per runnable second"),
	.unit = "",
	.eval = eval_throughput_cv,
};
