// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quotas are kept: the workers of a cgroup with cpu_max or cpu_quota_pct, and of the cgroups in it, have no more CPU time than the
 * quota gives. A sched_ext scheduler has to see to that itself, and most do not.
 *
 * The workers of a cgroup that ran through the same phases ran side by side, for as long as the one among them that ran longest.
 * That time, of so many whole periods, touches two periods more at most, and each of these gives one quota. So the bound is never
 * less than what the kernel gives, and is loose where a run is a few periods long. Payloads and children of workers are not
 * counted, so what is over the bound is over the quota.
 *
 * Not judged: a cgroup with real-time or deadline tasks, which no quota binds; and any cgroup of a spec that changes limits or moves
 * tasks while it runs, or whose scheduler died.
 */
#include "libexec/check/check.h"
#include "libexec/spec/op.h"

struct quota { double quota_ns, period_ns; };

/* The quota of a cgroup of this name: the loosest one, for a name can come twice. False: none. */
static bool find_quota(const struct spec *s, const char *cgroup, struct quota *ret)
{
	bool found = false;

	for (size_t i = 0; i < s->nr_defs; i++) {
		const struct limits *l = &s->defs[i]->limits;
		struct quota own = { (double)l->cpu_quota_us * NSEC_PER_USEC, (double)l->cpu_period_us * NSEC_PER_USEC };

		if (l->cpu_quota_pct > 0)
			own = (struct quota){ (double)l->cpu_quota_pct * NSEC_PER_MSEC, 100 * NSEC_PER_MSEC };
		if (!streq(s->defs[i]->name, cgroup) || own.quota_ns <= 0)
			continue;
		found = true;
		if (own.quota_ns / own.period_ns > ret->quota_ns / ret->period_ns)
			*ret = own;
	}
	return found;
}

/* No quota binds a task of these classes. */
static bool is_unbound(const struct work_spec *w)
{
	return w->policy.kind == POLICY_FIFO || w->policy.kind == POLICY_RR || w->policy.kind == POLICY_DEADLINE;
}

static bool has_unbound_policy(const struct spec *s)
{
	const struct work_spec *w;
	const struct op *op;

	for (size_t i = 0; i < s->nr_defs; i++)
		for (size_t k = 0; (w = cgroup_def_group(s->defs[i], k)); k++)
			if (is_unbound(w))
				return true;
	for (size_t i = 0; (op = spec_op(s, i)); i++)
		if (op->kind == &op_spawn && is_unbound(&((const struct spawn_args *)op->args)->work))
			return true;
	return false;
}

/* Whether a worker is in the cgroup of this name, or in one below. */
static bool is_in(const struct report_worker *w, const char *cgroup)
{
	size_t n = strlen(cgroup);

	return w->present && !strncmp(w->cgroup->name, cgroup, n) && (!w->cgroup->name[n] || w->cgroup->name[n] == '/');
}

/* Tasks that no quota binds: by a policy, anywhere in the spec, or in this cgroup by a work type. */
static bool has_unbound(const struct report *r, const char *cgroup)
{
	static const char *const works[] = { "AsymmetricWaker", "PolicyChurn", "PreemptStorm", "PriorityInversion", "RtStarvation" };

	if (has_unbound_policy(&r->spec))
		return true;
	for (unsigned i = 0; i < r->nr_workers; i++)
		for (size_t k = 0; k < ARRAY_SIZE(works); k++)
			if (is_in(&r->workers[i], cgroup) && streq(r->workers[i].work, works[k]))
				return true;
	return false;
}

/* What makes it unknown in which cgroup, or under which quota, a worker was; NULL: nothing. */
static const char *quota_unknowable(const struct report *r)
{
	static const struct op_kind *const ops[] = { &op_set_limits, &op_move_all_tasks };
	static const char *const works[] = { "CgroupChurn", "CgroupAttachStorm" };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (report_has_op(r, ops[i]))
			return ops[i]->name;
	for (unsigned i = 0; i < r->nr_workers; i++)
		for (size_t k = 0; k < ARRAY_SIZE(works); k++)
			if (r->workers[i].present && streq(r->workers[i].work, works[k]))
				return works[k];
	return NULL;
}

static bool same_phases(const struct report_worker *a, const struct report_worker *b)
{
	return a->first_phase == b->first_phase && a->last_phase == b->last_phase;
}

/* Whether workers of the cgroup that ran through the same phases come before worker i. */
static bool is_judged(const struct report *r, const char *cgroup, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (is_in(&r->workers[k], cgroup) && same_phases(&r->workers[k], &r->workers[i]))
			return true;
	return false;
}

/* The workers of the cgroup that ran through the same phases as worker i. */
static void judge_quota(const struct report *r, const char *cgroup, struct quota q, unsigned i, double threshold, struct results *out)
{
	double cpu_ns = 0, wall_ns = 0;

	for (unsigned k = 0; k < r->nr_workers; k++) {
		const struct report_worker *w = &r->workers[k];

		if (!is_in(w, cgroup) || !same_phases(w, &r->workers[i]))
			continue;
		cpu_ns += (double)w->cpu_time_ns;
		wall_ns = MAX(wall_ns, (double)w->wall_time_ns);
	}
	double most_ns = q.quota_ns * ((double)(int64_t)(wall_ns / q.period_ns) + 2);
	double excess = MAX(0, (cpu_ns / most_ns - 1) * 100);
	if (excess > threshold)
		result_add(out, VERDICT_FAIL, excess, "quota not kept: cgroup '%s' used %.0f ms of CPU time in %.0f ms, and %.0f ms per "
			   "%.0f ms give it %.0f (%s%% more, threshold %s%%)", cgroup, cpu_ns / NSEC_PER_MSEC,
			   wall_ns / NSEC_PER_MSEC, q.quota_ns / NSEC_PER_MSEC, q.period_ns / NSEC_PER_MSEC,
			   most_ns / NSEC_PER_MSEC, number_beyond(excess, threshold, 0).s, number_plain(threshold, 0).s);
	else
		result_add(out, VERDICT_PASS, excess, "quota kept: cgroup '%s' used %.0f of at most %.0f ms of CPU time", cgroup,
			   cpu_ns / NSEC_PER_MSEC, most_ns / NSEC_PER_MSEC);
}

static void judge_cgroup(const struct report *r, const char *cgroup, double threshold, struct results *out)
{
	struct quota q = { 0, 1 };

	if (!find_quota(&r->spec, cgroup, &q))
		return;
	const char *what = quota_unknowable(r);
	if (what) {
		result_add(out, VERDICT_SKIP, 0, "the quota of cgroup '%s' says nothing here: the spec has %s", cgroup, what);
		return;
	}
	if (has_unbound(r, cgroup)) {
		result_add(out, VERDICT_SKIP, 0, "the quota of cgroup '%s' does not bind real-time and deadline tasks", cgroup);
		return;
	}
	for (unsigned i = 0; i < r->nr_workers; i++)
		if (is_in(&r->workers[i], cgroup) && !is_judged(r, cgroup, i))
			judge_quota(r, cgroup, q, i, threshold, out);
}

/* Every cgroup that has workers, and every one above it, once. */
static void eval_run(const struct report *r, double threshold, struct results *out)
{
	_cleanup_json_ json_t *seen = json_object();

	if (r->scheduler.died)
		return;
	for (size_t i = 0; i < r->nr_cgroups; i++) {
		const char *name = r->cgroups[i].name;

		for (size_t n = 1; n <= strlen(name); n++) {
			if (name[n] && name[n] != '/')
				continue;
			_cleanup_free_ char *cgroup = xasprintf("%.*s", (int)n, name);
			if (!json_object_get(seen, cgroup))
				judge_cgroup(r, cgroup, threshold, out);
			json_object_set_new(seen, cgroup, json_true());
		}
	}
}

const struct check check_quota = {
	.name = "quota",
	.summary = "the workers of a cgroup have no more CPU time than its cpu_max or cpu_quota_pct gives",
	.formula = "(sum of CPU time / (quota * (whole periods + 2)) - 1) * 100 > threshold",
	.on = CHECK_ALWAYS,
	.row = CHECK_THRESHOLD("max_quota_excess_pct", 1e9,
			       "the most by which the CPU time of a cgroup may exceed what its quota gives, in %"),
	.unit = "%",
	.virtual_default = 10,
	.real_default = 10,
	.eval_run = eval_run,
};
