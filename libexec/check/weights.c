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
#include <math.h>

enum { DEFAULT_CPU_WEIGHT = 100 };

/* The value at a path such as "$.steps[0].setup[1].groups[0]", or NULL. */
static json_t *at_path(json_t *j, const char *path)
{
	if (*path++ != '$')
		return NULL;
	while (j && *path) {
		bool element = *path++ == '[';
		size_t n = strcspn(path, element ? "]" : ".[");
		_cleanup_free_ char *key = xasprintf("%.*s", (int)n, path);

		j = element ? json_array_get(j, strtoul(key, NULL, 10)) : json_object_get(j, key);
		path += n + element;
	}
	return j;
}

/*
 * The object of the spec that started the workers of a cgroup: a CgroupDef, a further group of a CgroupDef, or the parameters of
 * the op Spawn. The path of a Spawn leads to the op, an object with one member, whose value has the parameters.
 */
static const json_t *origin(const struct report *r, const struct report_cgroup *cg)
{
	json_t *spec = json_object_get(r->run, "spec"), *batches = json_object_get(r->run, "batches");
	json_t *batch = json_array_get(batches, cg->index), *group = json_object_get(batch, "group");
	const char *path = json_string_value(json_object_get(batch, "path"));

	if (!batches)
		return json_array_get(json_object_get(spec, "cgroups"), cg->index);
	json_t *j = path ? at_path(spec, path) : NULL, *only = json_object_iter_value(json_object_iter(j));
	if (group)
		return json_array_get(json_object_get(j, "groups"), (size_t)json_integer_value(group) - 1);
	return json_object_size(j) == 1 && json_is_object(only) ? only : j;
}

static double nice_weight(const struct report *r, const struct report_worker *w)
{
	json_int_t nice = json_integer_value(json_object_get(origin(r, w->cgroup), "nice"));

	return pow(1.25, (double)-MAX(-20, MIN(nice, 19)));
}

/* Whether any object in j has this key. */
static bool has_key(const json_t *j, const char *key)
{
	const char *k;
	json_t *v;
	size_t i;

	if (json_object_get(j, key))
		return true;
	json_object_foreach((json_t *)j, k, v) {
		if (has_key(v, key))
			return true;
	}
	json_array_foreach(j, i, v) {
		if (has_key(v, key))
			return true;
	}
	return false;
}

/* Find the cpu_weight of the cgroup of this name in j; 0: it has none. False when two objects of this name have different ones. */
static bool cpu_weight(const json_t *j, const char *cgroup, json_int_t *weight)
{
	const char *k, *name = json_string_value(json_object_get(j, "name"));
	json_int_t own = json_integer_value(json_object_get(json_object_get(j, "limits"), "cpu_weight"));
	json_t *v;
	size_t i;

	if (name && streq(name, cgroup) && own) {
		if (*weight && *weight != own)
			return false;
		*weight = own;
	}
	json_object_foreach((json_t *)j, k, v) {
		if (!cpu_weight(v, cgroup, weight))
			return false;
	}
	json_array_foreach(j, i, v) {
		if (!cpu_weight(v, cgroup, weight))
			return false;
	}
	return true;
}

/* What in the spec makes the workers' weights unknown: a key, an op, or words for people. NULL: nothing, they are known. */
static const char *unknowable(const struct report *r, const json_t *spec, bool grouped)
{
	static const char *const limits[] = { "cpu_max", "cpu_quota_pct" }, *const ops[] = { "SetLimits", "MoveAllTasks" };
	json_int_t ignored;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (has_key(spec, limits[i]))
			return limits[i];
	for (size_t i = 0; grouped && i < ARRAY_SIZE(ops); i++)
		if (has_key(spec, ops[i]))
			return ops[i];
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

static double *weigh(const struct report *r, const json_t *spec, bool grouped)
{
	double *own = xcalloc(r->nr_workers, sizeof(*own)), *weights = xcalloc(r->nr_workers, sizeof(*weights));

	for (unsigned i = 0; i < r->nr_workers; i++)
		own[i] = weights[i] = nice_weight(r, &r->workers[i]);
	for (unsigned i = 0; grouped && i < r->nr_workers; i++) {
		json_int_t weight = 0;
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
	const json_t *spec = json_object_get(r->run, "spec");
	const struct report_worker *worst = NULL;
	bool any = false, grouped = has_key(spec, "cpu_weight");
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
	.key = "max_weight_error_pct",
	.unit = "%",
	.eval_run = eval_run,
};
