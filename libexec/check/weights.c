// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU time in proportion to weight. Take the workers that share a cpuset: each should get that part of their CPU time which its
 * weight is of their weights. The check fails when a worker's part is off by more than the threshold.
 *
 * The check is only right for workers that always want to run. A worker that sleeps takes less than its part, and so does a
 * worker whose part is more than one CPU; neither is the scheduler's fault, and both fail the check. So the check is off unless
 * a spec asks for it.
 *
 * The weight of a worker depends on the spec:
 *   - No cgroup has a cpu_weight: the worker's nice value gives its weight, whatever cgroup the worker is in.
 *   - Any cgroup has a cpu_weight: the weight of the worker's cgroup (100 without a cpu_weight) is divided among the workers
 *     of that cgroup by their nice values.
 */
#include "libexec/check/check.h"
#include "libexec/spec/op.h"
#include <math.h>

enum { DEFAULT_CPU_WEIGHT = 100 };

static double nice_weight(const struct report_worker *w)
{
	int64_t nice = w->cgroup->work->nice;

	return pow(1.25, nice == SPEC_NO_NICE ? 0 : (double)-nice);
}

/* Whether the spec gives any cgroup this limit, at first or later. */
static bool has_limit(const struct spec *s, size_t offset)
{
	const struct op *op;

	for (size_t i = 0; i < s->nr_defs; i++)
		if (*(const int64_t *)((const char *)&s->defs[i]->limits + offset) != LIMIT_NONE)
			return true;
	for (size_t i = 0; (op = spec_op(s, i)); i++) {
		const struct limits_args *a = op->args;

		if (op->kind == &op_set_limits && *(const int64_t *)((const char *)&a->limits + offset) != LIMIT_NONE)
			return true;
	}
	return false;
}

static bool has_op(const struct spec *s, const struct op_kind *kind)
{
	const struct op *op;

	for (size_t i = 0; (op = spec_op(s, i)); i++)
		if (op->kind == kind)
			return true;
	return false;
}

/* The cpu_weight that a cgroup of this name has, or 0; false when it has one now and another later. */
static bool cpu_weight(const struct spec *s, const char *cgroup, int64_t *weight)
{
	for (size_t i = 0; i < s->nr_defs; i++) {
		int64_t own = s->defs[i]->limits.cpu_weight;

		if (own == LIMIT_NONE || !streq(s->defs[i]->name, cgroup))
			continue;
		if (*weight && *weight != own)
			return false;
		*weight = own;
	}
	return true;
}

/* What makes it unknown how much CPU time a worker is worth; NULL: nothing. */
static const char *unknowable(const struct report *r, const struct spec *spec, bool grouped)
{
	static const struct { const char *name; size_t offset; } limits[] = {
		{ "cpu_max", offsetof(struct limits, cpu_quota_us) }, { "cpu_quota_pct", offsetof(struct limits, cpu_quota_pct) },
	};
	static const struct op_kind *const ops[] = { &op_set_limits, &op_move_all_tasks };
	int64_t ignored;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (has_limit(spec, limits[i].offset))
			return limits[i].name;
	for (size_t i = 0; grouped && i < ARRAY_SIZE(ops); i++)
		if (has_op(spec, ops[i]))
			return ops[i]->name;
	for (size_t i = 0; grouped && i < r->nr_cgroups; i++) {
		if (strchr(r->cgroups[i].name, '/'))
			return "a cgroup in another";
		ignored = 0;
		if (!cpu_weight(spec, r->cgroups[i].name, &ignored))
			return "a cgroup with one cpu_weight now and another then";
	}
	return NULL;
}

static bool same_cgroup(const struct report_worker *a, const struct report_worker *b)
{
	return streq(a->cgroup->name, b->cgroup->name) && cpumask_equal(&a->cpuset, &b->cpuset);
}

static double *weigh(const struct report *r, const struct spec *spec, bool grouped)
{
	double *own = xcalloc(r->nr_workers, sizeof(*own)), *weights = xcalloc(r->nr_workers, sizeof(*weights));

	for (unsigned i = 0; i < r->nr_workers; i++)
		own[i] = weights[i] = nice_weight(&r->workers[i]);
	for (unsigned i = 0; grouped && i < r->nr_workers; i++) {
		int64_t weight = 0;
		double all = 0;

		for (unsigned k = 0; k < r->nr_workers; k++)
			all += same_cgroup(&r->workers[i], &r->workers[k]) ? own[k] : 0;
		cpu_weight(spec, r->workers[i].cgroup->name, &weight);
		weights[i] = (double)(weight ? weight : DEFAULT_CPU_WEIGHT) * own[i] / all;
	}
	free(own);
	return weights;
}

struct part { double got, worth; }; /* in % of the CPU time, and of the weights, of all workers of the cpuset */

/* The part of worker i. False, nothing to compare, when all workers of its cpuset have the same weight, or none of them ran. */
static bool part_of(const struct report *r, const double *weights, unsigned i, struct part *ret)
{
	const struct report_worker *w = &r->workers[i];
	double time = 0, all = 0;
	bool differ = false;

	for (unsigned k = 0; k < r->nr_workers; k++) {
		const struct report_worker *other = &r->workers[k];

		if (!cpumask_equal(&other->cpuset, &w->cpuset))
			continue;
		time += (double)other->cpu_time_ns;
		all += weights[k];
		differ |= fabs(weights[k] / weights[i] - 1) > 1e-9;
	}
	if (!differ || time <= 0)
		return false;
	*ret = (struct part){ 100 * (double)w->cpu_time_ns / time, 100 * weights[i] / all };
	return true;
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const struct spec *spec = &r->spec;
	const struct report_worker *worst = NULL;
	bool any = false, grouped = has_limit(spec, offsetof(struct limits, cpu_weight));
	const char *what = unknowable(r, spec, grouped);
	struct part p, at = { 0 };
	double error = 0;

	if (what) {
		result_add(out, VERDICT_INCONCLUSIVE, 0, "weights say nothing here: the spec has %s", what);
		return;
	}
	_cleanup_free_ double *weights = weigh(r, spec, grouped);
	for (unsigned i = 0; i < r->nr_workers; i++) {
		if (!r->workers[i].completed || !part_of(r, weights, i, &p))
			continue;
		any = true;
		double e = fabs(p.got / p.worth - 1) * 100;
		if (e < error)
			continue;
		error = e;
		at = p;
		worst = &r->workers[i];
	}
	if (!any)
		return;
	if (error > threshold)
		result_worker(out, VERDICT_FAIL, worst, error, "tid %lld got %.1f%% of its cpuset's CPU time, and its weight is worth "
			      "%.1f%% (error %s%%, threshold %s%%)", (long long)worst->tid, at.got, at.worth,
			      number_beyond(error, threshold, 0).s, number_plain(threshold, 0).s);
	else
		result_add(out, VERDICT_PASS, error, "CPU time follows weights within %.1f%%", error);
}

const struct check check_weights = {
	.name = "weights",
	.summary = "busy workers that share a cpuset get CPU time in proportion to their weights",
	.formula = "any |part of CPU time / part of weight - 1| * 100 > threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("max_weight_error_pct", 1e9,
			       "the largest difference between a busy worker's part of CPU time and its part of weight, in %"),
	.unit = "%",
	.eval_run = eval_run,
};
