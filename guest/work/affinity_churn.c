// SPDX-License-Identifier: GPL-2.0-only
/* AffinityChurn: pins itself to one CPU after the other, by chance. */
#include "guest/work/affinity.h"
#include "guest/work/worker.h"

struct churn { int64_t spin; };

enum { LOOK_AGAIN = 256 };

/* What was allowed is not any more (a cpuset changed, a CPU went): take what there is of it, or else what there is. */
static bool look_again(struct worker *w, struct cpumask *cpus)
{
	struct cpumask all, now;

	memset(&all, 0xff, sizeof(all));
	if (affinity_set(0, &all)) {
		worker_fail(w, "cannot use every CPU that is allowed: %s", strerror(errno));
		return false;
	}
	if (affinity_get(&now, &w->err))
		return false;
	*cpus = cpumask_and(&now, &w->cpus_allowed);
	if (!cpumask_count(cpus))
		*cpus = now;
	return true;
}

/* Any CPU but the one it is on, all with the same chance. */
static unsigned another_cpu(struct worker *w, struct cpumask cpus)
{
	if (cpumask_count(&cpus) > 1)
		cpumask_clear(&cpus, w->last_cpu);
	return cpumask_nth(&cpus, worker_random(w) % cpumask_count(&cpus));
}

static void affinity_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;
	struct cpumask cpus = w->cpus_allowed;

	while (worker_running(w)) {
		/* What was taken may be back. */
		if (w->iterations % LOOK_AGAIN == 0 && !cpumask_equal(&cpus, &w->cpus_allowed) && !look_again(w, &cpus))
			return;
		unsigned cpu = another_cpu(w, cpus);

		if (!affinity_set_cpu(0, cpu)) {
			if (cpu != w->last_cpu)
				worker_woken(w, w->last_ns);
		} else if (errno != EINVAL) {
			return worker_fail(w, "cannot move to CPU %u: %s", cpu, strerror(errno));
		} else {
			if (!look_again(w, &cpus))
				return;
			atomic_store(&w->mail.word, 1);
			continue;
		}
		worker_compute(w, a->spin);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static int affinity_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)args;
	return affinity_need_several(&w->cpus_allowed, err);
}

/* Each time to another CPU, unless they were taken from under it. */
static int affinity_churn_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)n, (void)args;
	if (atomic_load(&group->mail.word) || group->migrations >= group->work_units)
		return 0;
	return kt_fail(err, "of %ju moves only %ju were to another CPU", (uintmax_t)group->work_units,
		       (uintmax_t)group->migrations);
}

static const struct row rows[] = {
	{ .name = "spin", .alias = "spin_iters", .kind = ROW_INT, .offset = offsetof(struct churn, spin), .max = 1e9,
	  .def = 1024, .help = "spins on each CPU" },
	{ 0 }
};

const struct work_type work_affinity_churn = {
	.name = "AffinityChurn",
	.summary = "Pins itself to another of its CPUs all the time: migrations of a running task that it asked for itself.",
	.unit = "one move and the spins after it",
	.gap = "nothing; the move counts",
	.latency = "from asking to be on another CPU to running there",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_PINS | WORK_COMPUTES,
	.check = affinity_check_several,
	.prepare = affinity_churn_prepare,
	.run = affinity_churn_run,
	.verify = affinity_churn_verify,
};
