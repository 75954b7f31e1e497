// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU time in proportion to weight. Take the workers that share a cpuset and always want to run: each should get that part of
 * their CPU time which its weight is of their weights. Nobody is owed more than he can use: a worker can use one CPU at most, and a
 * worker that hardly ever waited has had what it wanted. What such workers leave of their parts is for the others, by their weights.
 *
 * Which weight a worker has depends on the scheduler and on the spec:
 *   - Under the kernel's own scheduler, or when any cgroup has a cpu_weight: the weight of the worker's cgroup (100 without a
 *     cpu_weight) is divided among the workers of that cgroup by their nice values.
 *   - Under a scheduler that is loaded, which may not know cgroups, when no cgroup has a cpu_weight: the worker's nice value
 *     gives its weight, whatever cgroup the worker is in.
 *
 * From 7.3 on, in the mode "concur" of its cgroups, the kernel's own scheduler counts a cgroup's weight on each CPU that the cgroup
 * has tasks on. A cgroup with fewer workers than its cpuset has CPUs is then worth less than its weight, by how the workers happen
 * to be spread: workers are compared within their cgroups only.
 */
#include "libexec/check/check.h"
#include "libexec/spec/op.h"
#include <math.h>

enum { DEFAULT_CPU_WEIGHT = 100 };
/* A worker that waited for a smaller part of its time got what it wanted. */
static const double waits_from = 0.02;

/* Whether the kernel's own scheduler ran the workers, in the cgroups of a guest. */
static bool kernels_own(const struct report *r)
{
	const struct report_scheduler *s = &r->scheduler;

	return json_object_get(json_object_get(r->run, "plan"), "qemu") && (s->builtin || (!s->wanted && !s->name));
}

/* In the mode concur, which 7.3 has, only cgroups that each have a worker for every CPU share the CPUs by their weights. */
static bool within_cgroups_only(const struct report *r)
{
	unsigned major = 0, minor = 0;
	bool fewer = false, several = false;

	if (!r->kernel || sscanf(r->kernel, "%3u.%3u", &major, &minor) != 2 || major < 7 || (major == 7 && minor < 3))
		return false;
	for (unsigned i = 0; i < r->nr_workers; i++) {
		const struct report_worker *w = &r->workers[i];
		unsigned n = 0;

		for (unsigned k = 0; k < r->nr_workers; k++) {
			bool same_cpus = cpumask_equal(&r->workers[k].cpuset, &w->cpuset);
			bool same_name = streq(r->workers[k].cgroup->name, w->cgroup->name);

			n += same_cpus && same_name;
			several |= same_cpus && !same_name;
		}
		fewer |= n < cpumask_count(&w->cpuset);
	}
	return several && fewer;
}

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
static const char *weights_unknowable(const struct report *r, const struct spec *spec, bool grouped)
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
		if (report_has_op(r, ops[i]))
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

struct part { double got, worth; }; /* in % of the CPU time of all workers that it is compared with */

/* How much of the CPU time that there was this worker could use. */
static double usable_ns(const struct report_worker *w)
{
	bool waited = w->run_delay_ns < 0 || (double)w->run_delay_ns >= waits_from * (double)w->wall_time_ns;

	return (double)(waited ? MAX(w->wall_time_ns, w->cpu_time_ns) : w->cpu_time_ns);
}

/* What worker i is owed of this time by its weight, when workers that cannot use their parts leave the rest to the others. */
static double owed_ns(const struct report *r, const double *weights, const bool *peers, unsigned i, double time)
{
	_cleanup_free_ bool *served = xcalloc(r->nr_workers, sizeof(*served));

	for (bool again = true; again;) {
		double all = 0;

		again = false;
		for (unsigned k = 0; k < r->nr_workers; k++)
			all += peers[k] && !served[k] ? weights[k] : 0;
		for (unsigned k = 0; k < r->nr_workers && !again; k++) {
			double most = usable_ns(&r->workers[k]);

			if (!peers[k] || served[k] || time * weights[k] / all <= most)
				continue;
			if (k == i)
				return most;
			served[k] = again = true;
			time -= most;
		}
		if (!again)
			return time * weights[i] / all;
	}
	BUG("somebody is always left");
}

/*
 * The part of worker i, compared with the workers of its cpuset, or, with `within`, of its cgroup. False, nothing to compare, when
 * all of them have the same weight and the same nice value, or none of them ran.
 */
static bool part_of(const struct report *r, const double *weights, bool within, unsigned i, struct part *ret)
{
	const struct report_worker *w = &r->workers[i];
	_cleanup_free_ bool *peers = xcalloc(r->nr_workers, sizeof(*peers));
	bool differ = false;
	double time = 0;

	for (unsigned k = 0; k < r->nr_workers; k++) {
		const struct report_worker *other = &r->workers[k];

		peers[k] = cpumask_equal(&other->cpuset, &w->cpuset) && (!within || streq(other->cgroup->name, w->cgroup->name));
		if (!peers[k])
			continue;
		time += (double)other->cpu_time_ns;
		/* Nice values that differ and come to nothing, as cgroups halve, are a promise too. */
		differ |= fabs(weights[k] / weights[i] - 1) > 1e-9 || nice_weight(other) != nice_weight(w);
	}
	if (!differ || time <= 0)
		return false;
	*ret = (struct part){ 100 * (double)w->cpu_time_ns / time, 100 * owed_ns(r, weights, peers, i, time) / time };
	return true;
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const struct spec *spec = &r->spec;
	const struct report_worker *worst = NULL;
	bool any = false, own = kernels_own(r), grouped = own || has_limit(spec, offsetof(struct limits, cpu_weight));
	bool within = own && within_cgroups_only(r);
	const char *what = weights_unknowable(r, spec, grouped);
	struct part p, at = { 0 };
	double error = 0;

	if (what) {
		result_add(out, VERDICT_INCONCLUSIVE, 0, "weights say nothing here: the spec has %s", what);
		return;
	}
	_cleanup_free_ double *weights = weigh(r, spec, grouped);
	for (unsigned i = 0; i < r->nr_workers; i++) {
		if (!r->workers[i].completed || !part_of(r, weights, within, i, &p))
			continue;
		any = true;
		double e = p.worth > 0 ? fabs(p.got / p.worth - 1) * 100 : 0;
		if (e < error)
			continue;
		error = e;
		at = p;
		worst = &r->workers[i];
	}
	if (!any && within)
		result_add(out, VERDICT_PASS, 0, "cgroups are not compared: in the kernel's mode concur a cgroup's weight counts on each CPU "
			   "that it has tasks on, and one has fewer than CPUs");
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
	.formula = "any |part of CPU time / part by weight of what it can use - 1| * 100 > threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("max_weight_error_pct", 1e9,
			       "the largest difference between a busy worker's part of CPU time and its part of weight, in %"),
	.unit = "%",
	.eval_run = eval_run,
};
