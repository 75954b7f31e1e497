// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU time in proportion to weight: of workers that share a cpuset and always want to run, each gets the part of the CPU time
 * of all of them that its weight, which its nice value gives it, is of all their weights. Made for a scenario that is made
 * for it: what sleeps, or could not use its part on one CPU, is not treated badly.
 */
#include "check.h"
#include <math.h>

/* The nice value that a list of CgroupDefs gives this cgroup; 0 if it has none. */
static int64_t nice_in(const json_t *defs, const char *cgroup)
{
	json_t *def;
	size_t i;

	json_array_foreach(defs, i, def) {
		const char *name = json_string_value(json_object_get(def, "name"));

		if (name && streq(name, cgroup))
			return json_integer_value(json_object_get(def, "nice"));
	}
	return 0;
}

static double weight(const struct report *r, const struct report_worker *w)
{
	const json_t *spec = json_object_get(r->run, "spec"), *steps = json_object_get(spec, "steps");
	int64_t nice = nice_in(json_object_get(spec, "cgroups"), w->cgroup->name) +
		       nice_in(json_object_get(json_object_get(spec, "backdrop"), "cgroups"), w->cgroup->name);
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) {
		nice += nice_in(json_object_get(step, "setup"), w->cgroup->name);
	}
	return pow(1.25, (double)-MAX(-20, MIN(nice, 19)));
}

struct part { double got, worth; }; /* in % of its cpuset */

/* False when nobody in its cpuset has another weight, or nobody ran. */
static bool part_of(const struct report *r, const struct report_worker *w, struct part *ret)
{
	double time = 0, weights = 0, own = weight(r, w);
	bool differ = false;

	for (unsigned i = 0; i < r->nr_workers; i++) {
		const struct report_worker *other = &r->workers[i];

		if (!cpumask_equal(&other->cpuset, &w->cpuset))
			continue;
		time += (double)other->cpu_time_ns;
		weights += weight(r, other);
		differ |= weight(r, other) != own;
	}
	if (!differ || time <= 0)
		return false;
	*ret = (struct part){ 100 * (double)w->cpu_time_ns / time, 100 * own / weights };
	return true;
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const struct report_worker *worst = NULL;
	struct part p, at = { 0 };
	double error = 0;
	bool any = false;

	for (unsigned i = 0; i < r->nr_workers; i++) {
		if (!r->workers[i].completed || !part_of(r, &r->workers[i], &p))
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
	.key = "max_weight_error_pct",
	.unit = "%",
	.eval_run = eval_run,
};
