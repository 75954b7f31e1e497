// SPDX-License-Identifier: GPL-2.0-only
/*
 * CrossAffinityChurn: takes a CPU from another worker of its cgroup, then gives it back.
 *
 * The others are those of this scenario's spec, of whatever type: nobody else is touched.
 */
#include "guest/work/affinity.h"
#include "guest/work/worker.h"

struct churn { int64_t spin; };

/* Of this worker, from prepare() on: the others of its cgroup, whether they run by then or not. */
static unsigned *others, nr_others;

static bool is_other(const struct worker *w, const struct worker *x)
{
	return x != w && x->home == w->home;
}

/* One that runs, or NULL. */
static struct worker *pick_victim(struct worker *w)
{
	unsigned at = worker_random(w) % nr_others;

	for (unsigned i = 0; i < nr_others; i++) {
		struct worker *x = &w->go->workers[others[(at + i) % nr_others]];

		if (atomic_load(&x->tid))
			return x;
	}
	return NULL;
}

/* Dead ones are left alone, and so are those whose CPUs were changed from outside. */
static bool rewrite_affinity(struct worker *w, const struct worker *other, const struct cpumask *cpus)
{
	pid_t tid = atomic_load(&other->tid);

	if (!tid || !affinity_set(tid, cpus) || errno == ESRCH || errno == EINVAL)
		return true;
	worker_fail(w, "cannot set the CPUs of worker %u: %s", other->index, strerror(errno));
	return false;
}

static void cross_affinity_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;
	struct worker *other = NULL;

	while (worker_running(w)) {
		bool drop = !other;

		if (drop && !(other = pick_victim(w)))
			return worker_wait_stop(w);
		struct cpumask cpus = other->cpus_allowed;
		if (drop && cpumask_count(&cpus) > 1)
			cpumask_clear(&cpus, cpumask_nth(&cpus, worker_random(w) % cpumask_count(&cpus)));
		if (!rewrite_affinity(w, other, &cpus))
			return;
		if (drop)
			worker_woken(w, w->last_ns);
		else
			other = NULL;
		worker_compute(w, a->spin);
		w->iterations++;
		worker_tick(w, 1);
	}
	if (other)
		rewrite_affinity(w, other, &other->cpus_allowed);
}

static int cross_affinity_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct go *go = w->go;

	(void)args;
	if (affinity_need_several(&w->cpus_allowed, err) || work_alloc(w, go->n * sizeof(*others), err))
		return -1;
	others = w->own;
	for (unsigned i = 0; i < go->n; i++)
		if (is_other(w, &go->workers[i]))
			others[nr_others++] = i;
	if (!nr_others)
		BUG("a worker is alone, and was not when the scenario was rehearsed");
	return 0;
}

static const struct row rows[] = {
	{ .name = "spin", .alias = "spin_iters", .kind = ROW_INT, .offset = offsetof(struct churn, spin), .max = 1e9,
	  .def = 1024, .help = "spins after each change" },
	{ 0 }
};

const struct work_type work_cross_affinity_churn = {
	.name = "CrossAffinityChurn",
	.summary = "Takes a CPU, by chance, from another worker of its cgroup and gives it back, over and over: affinities that "
		   "change from outside, under tasks that run there or wait.",
	.unit = "one change and the spins after it",
	.gap = "nothing; the change counts",
	.latency = "from asking for it until the other may not use the CPU any more: the change that takes one",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_PINS | WORK_OTHERS | WORK_COMPUTES,
	.check = affinity_check_several,
	.prepare = cross_affinity_churn_prepare,
	.run = cross_affinity_churn_run,
};
