// SPDX-License-Identifier: GPL-2.0-only
/* What cannot be in a scenario: see scene.h. */
#include "libexec/spec/scene.h"
#include "libexec/spec/affinity.h"
#include "guest/work/work.h"
#include <linux/mempolicy.h>

bool work_is_deadline(const struct work_spec *work)
{
	return work->policy.kind == POLICY_DEADLINE || work_traits(work->type, work->args) & WORK_DEADLINE;
}

bool scene_check_cpus(const struct scene *sc, const char *path, const struct scene_cgroup *cg, const struct cpumask *cpus)
{
	struct cpumask outer = scene_cpus(sc, cg->parent), usable = cpumask_and(cpus, &outer);
	struct cpumask stray = cpumask_minus(cpus, &outer), off = cpumask_minus(&stray, &sc->online);
	char a[CPULIST_LEN], b[CPULIST_LEN];

	stray = cpumask_minus(&stray, &off);
	if (cpumask_count(&stray))
		return scene_error_at(sc, path, "cpuset %s is not within that of '%s', which is %s", cpulist_format(cpus, a),
				      cg->parent->name, cpulist_format(&outer, b));
	if (!cpumask_count(&usable))
		return scene_error_at(sc, path, "no CPU of cpuset %s is on at this point", cpulist_format(cpus, a));
	return true;
}

bool scene_check_mems(const struct scene *sc, const char *path, const struct scene_cgroup *cg, const struct cpumask *mems)
{
	struct cpumask outer = scene_nodes(sc, cg->parent), stray = cpumask_minus(mems, &outer);
	char a[CPULIST_LEN], b[CPULIST_LEN];

	return !cpumask_count(&stray) ||
		scene_error_at(sc, path, "nodes %s are not within those of '%s', which are %s", cpulist_format(mems, a),
			       cg->parent->name, cpulist_format(&outer, b));
}

bool scene_check_affinity(const struct scene *sc, const char *path, const struct scene_cgroup *cg,
			  const struct affinity *a, const struct work_spec *work)
{
	struct cpumask pool = scene_cpus(sc, cg), in = cpumask_and(&a->cpus, &pool), off = cpumask_minus(&sc->online, &pool);
	char x[CPULIST_LEN], y[CPULIST_LEN];

	if ((a->kind == AFFINITY_EXACT || a->kind == AFFINITY_RANDOM_SUBSET) && !cpumask_count(&in))
		return scene_error_at(sc, path, "affinity %s has no CPU of those that %s%s%s may use, which are %s",
				      cpulist_format(&a->cpus, x), cg ? "cgroup '" : "the runner", cg ? cg->name : "", cg ? "'" : "",
				      cpulist_format(&pool, y));
	if (a->kind == AFFINITY_SMT_SIBLING_PAIR && !affinity_smt_cores(sc->plan, &pool))
		return scene_error_at(sc, path, "SmtSiblingPair needs a core with two threads: plan %s has none in CPUs %s",
				      sc->plan->name, cpulist_format(&pool, y));
	if (work_is_deadline(work) && (cpumask_count(&off) || (a->kind != AFFINITY_INHERIT &&
	    a->kind != AFFINITY_CROSS_CGROUP)))
		return scene_error_at(sc, path, "policy deadline needs every CPU: it goes with no cpuset and no affinity");
	return true;
}

/* Policy nodes are those of the cpuset: its cpuset_mems, or where its CPUs are. Relative ones are numbered in it. */
static bool check_mem_policy(const struct scene *sc, const char *path, const struct scene_cgroup *cg,
			     const struct mem_policy *mem)
{
	struct cpumask nodes = scene_nodes(sc, cg), of_cpus = { 0 };
	char a[CPULIST_LEN], b[CPULIST_LEN];
	bool confined = false, has_mems = false;

	for (const struct scene_cgroup *c = cg; c; c = c->parent) {
		confined |= c->has_cpus;
		has_mems |= c->has_mems;
	}
	if (confined && !has_mems) {
		struct cpumask cpus = scene_cpus(sc, cg);
		for (unsigned i = 0; i < sc->plan->nr_cpus; i++)
			if (cpumask_test(&cpus, sc->plan->cpus[i].cpu))
				cpumask_set(&of_cpus, sc->plan->cpus[i].node);
		nodes = of_cpus;
	}
	struct cpumask stray = cpumask_minus(&mem->nodes, &nodes);
	return mem->flags & MPOL_F_RELATIVE_NODES || !cpumask_count(&stray) ||
		scene_error_at(sc, path, "mem_policy nodes %s are not within the nodes of the cpuset, which are %s",
			       cpulist_format(&mem->nodes, a), cpulist_format(&nodes, b));
}

/* What does not go together in one work group, wherever it is. */
static bool check_traits(const struct scene *sc, const char *path, const struct scene_cgroup *cg, const struct work_spec *work)
{
	unsigned traits = work_traits(work->type, work->args);
	const char *name = work->type->name;

	if (traits & WORK_ROOT && work->uid > 0)
		return scene_error_at(sc, path, "%s does what only root may: it goes with no uid other than 0", name);
	if (traits & WORK_CGROUP && !cg)
		return scene_error_at(sc, path, "%s needs a cgroup to be in", name);
	if (traits & WORK_FORKS && work->policy.kind == POLICY_DEADLINE)
		return scene_error_at(sc, path, "%s has children or threads, and a task of policy deadline can have none", name);
	if (traits & WORK_PINS && work->policy.kind == POLICY_DEADLINE)
		return scene_error_at(sc, path, "%s sets CPU affinities, and policy deadline needs every CPU", name);
	return true;
}

/* Tasks there at the least: one that forks has a child besides itself, at times. */
static int64_t tasks_of(const struct work_spec *work)
{
	return work->workers * (work_traits(work->type, work->args) & WORK_FORKS ? 2 : 1);
}

static bool is_in(const struct scene_cgroup *cg, const struct scene_cgroup *outer)
{
	while (cg && cg != outer)
		cg = cg->parent;
	return cg;
}

/* Is there room for so many tasks more, in the cgroup and in those that it is in? */
static bool check_pids(const struct scene *sc, const char *path, const struct scene_cgroup *cg, int64_t more)
{
	for (; cg; cg = cg->parent) {
		int64_t tasks = more;

		if (cg->pids_max < 0)
			continue;
		for (size_t i = 0; i < sc->nr_batches; i++)
			if (sc->batches[i].running && is_in(sc->batches[i].cgroup, cg))
				tasks += tasks_of(sc->batches[i].b.work);
		if (tasks > cg->pids_max)
			return scene_error_at(sc, path, "cgroup '%s' would have %lld tasks, and its pids_max is %lld", cg->name,
					      (long long)tasks, (long long)cg->pids_max);
	}
	return true;
}

/* Every CPU that any of the workers may use. */
static struct cpumask cpus_of(const struct scene *sc, const struct scene_cgroup *cg, const struct affinity *a, int64_t workers)
{
	struct cpumask pool = scene_cpus(sc, cg), cpus = { 0 };

	if (a->kind == AFFINITY_INHERIT)
		return pool;
	if (a->kind == AFFINITY_RANDOM_SUBSET)
		return cpumask_and(&a->cpus, &pool);
	for (unsigned i = 0; i < workers; i++) {
		uint64_t random = 0;
		struct cpumask one = affinity_resolve(a, sc->plan, &pool, i, &random);

		cpus = cpumask_or(&cpus, &one);
	}
	return cpus;
}

/* What the work type itself asks of its place. */
static int check_work(const struct scene *sc, const struct scene_cgroup *cg, const struct work_spec *work,
		      const struct affinity *a, const struct cpumask *first, struct kt_err *err)
{
	struct work_place at = { .plan = sc->plan, .nodes = scene_nodes(sc, cg), .cpus = cpus_of(sc, cg, a, work->workers) };

	if (!work->type->check)
		return 0;
	at.first_cpus = first ? *first : at.cpus;
	return work->type->check(work->args, &at, err);
}

bool scene_check_workers(const struct scene *sc, const char *path, const struct scene_cgroup *cg,
			 const struct work_spec *work)
{
	struct kt_err err;

	if (!check_traits(sc, path, cg, work) || !scene_check_affinity(sc, path, cg, &work->affinity, work) ||
	    !check_mem_policy(sc, path, cg, &work->mem) || !check_pids(sc, path, cg, tasks_of(work)))
		return false;
	return !check_work(sc, cg, work, &work->affinity, NULL, &err) ||
		scene_error_at(sc, path, "%s: %s", work->type->name, err.msg);
}

/* The cgroup beside its own that the batch moves tasks to: one that may have them, and lets them die. */
static int check_dest(const struct scene *sc, const struct scene_batch *b, struct kt_err *err)
{
	const char *own = b->b.cgroup, *slash = strrchr(own, '/'), *dest = b->b.work->type->dest(b->b.work->args);
	_cleanup_free_ char *name = xasprintf("%.*s%s", slash ? (int)(slash + 1 - own) : 0, own, dest);
	const struct scene_cgroup *cg = scene_find(sc, name);

	if (!cg)
		return sc->guess ? 0 : kt_fail(err, "dest '%s': there is no cgroup '%s'", dest, name);
	if (cg == b->cgroup)
		return kt_fail(err, "dest '%s' is the cgroup that they are in", dest);
	if (scene_child_of(sc, cg))
		return kt_fail(err, "dest '%s': cgroup '%s' has '%s' in it, and a cgroup with cgroups in it can have no tasks", dest, name,
			       scene_child_of(sc, cg)->name);
	if (scene_frozen(cg))
		return kt_fail(err, "dest '%s': cgroup '%s' is frozen, and nobody can die there", dest, name);
	return 0;
}

static int check_batch(const struct scene *sc, const struct scene_batch *b, struct kt_err *err)
{
	const struct work_spec *work = b->b.work;

	if (work->type->dest && check_dest(sc, b, err))
		return -1;
	return work_traits(work->type, work->args) & WORK_LASTING ?
		check_work(sc, b->cgroup, work, &b->affinity, &b->first_cpus, err) : 0;
}

static bool check_forking(const struct scene *sc, const char *path, const struct scene_batch *b)
{
	return !(work_traits(b->b.work->type, b->b.work->args) & WORK_FORKS) || check_pids(sc, path, b->cgroup, 0);
}

bool scene_check_running(struct scene *sc, const char *path)
{
	bool ok = true;

	for (size_t i = 0; i < sc->nr_batches; i++) {
		struct scene_batch *b = &sc->batches[i];
		const char *name = b->b.work->type->name;
		struct kt_err err;

		if (!b->running || b->broken)
			continue;
		if (check_batch(sc, b, &err)) {
			if (b->begun)
				scene_error_at(sc, path, "%s of %s, which is running: %s", name, b->b.path, err.msg);
			else
				scene_error_at(sc, b->b.path, "%s: %s", name, err.msg);
			b->broken = true;
		} else if (b->begun && !check_forking(sc, path, b)) {
			b->broken = true;
		}
		b->begun = true;
		ok &= !b->broken;
	}
	return ok;
}

/* Others of its cgroup, at whatever time: may it set their affinities? */
static bool check_others(const struct scene *sc, const struct scene_batch *b)
{
	const char *own = batch_cgroup(&b->b), *name = b->b.work->type->name;
	int64_t uid = b->b.work->uid;
	unsigned n = 0;

	for (size_t i = 0; i < sc->nr_batches; i++) {
		const struct work_spec *other = sc->batches[i].b.work;

		if (!streq(own, batch_cgroup(&sc->batches[i].b)))
			continue;
		n += sc->batches[i].b.n;
		if (work_is_deadline(other))
			return scene_error_at(sc, b->b.path, "%s sets CPU affinities, and the workers of %s need every CPU (deadline)",
					      name, sc->batches[i].b.path);
		if (uid > 0 && other->uid != uid)
			return scene_error_at(sc, b->b.path, "%s with uid %lld may do nothing to the workers of %s, who have another",
					      name, (long long)uid, sc->batches[i].b.path);
	}
	return n > 1 || scene_error_at(sc, b->b.path, "%s needs another worker in its cgroup, and is alone", name);
}

bool scene_check_companions(const struct scene *sc)
{
	bool ok = true;

	for (size_t i = 0; i < sc->nr_batches && !sc->guess; i++)
		if (sc->batches[i].b.work->type->traits & WORK_OTHERS)
			ok &= check_others(sc, &sc->batches[i]);
	return ok;
}
