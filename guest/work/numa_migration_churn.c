// SPDX-License-Identifier: GPL-2.0-only
/* NumaMigrationChurn: lives on one NUMA node after the other. */
#include "guest/work/affinity.h"
#include "guest/work/numa.h"
#include "libexec/topo/plan.h"
#include "guest/work/worker.h"

enum { SPINS = 1024 };

struct churn { int64_t period_ns; };

/* Of this worker, from prepare() on: what it may use of each node that has any of it. */
static struct cpumask nodes[NUMA_MAX_NODES];
static unsigned nr_nodes;

static bool move_to_node(struct worker *w, const struct cpumask *cpus)
{
	bool there = cpumask_test(cpus, w->last_cpu);

	if (affinity_set(0, cpus)) {
		worker_fail(w, "cannot move to another node: %s", strerror(errno));
		return false;
	}
	if (!there)
		worker_woken(w, w->last_ns);
	return true;
}

static void numa_migration_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;

	/* Neighbours are on different nodes. */
	for (unsigned i = w->index; worker_running(w); i++) {
		uint64_t until = w->last_ns + a->period_ns;

		if (!move_to_node(w, &nodes[i % nr_nodes]))
			return;
		while (worker_running(w) && w->last_ns < until) {
			worker_spin(SPINS);
			worker_tick(w, 1);
		}
		w->iterations++;
	}
}

static int need_several_nodes(unsigned n, const struct cpumask *cpus, struct kt_err *err)
{
	char list[CPULIST_LEN];

	if (n > 1)
		return 0;
	return kt_fail(err, "it needs CPUs of two NUMA nodes or more, but those it may use, %s, are of one",
		       cpulist_format(cpus, list));
}

/* It knows the nodes by the CPUs that it had when it started. */
static int numa_migration_churn_check(const void *args, const struct work_place *at, struct kt_err *err)
{
	unsigned n = 0;

	(void)args;
	for (unsigned i = 0; i < at->plan->nr_nodes; i++) {
		struct cpumask first = cpumask_and(&at->first_cpus, &at->plan->nodes[i].cpus), now = cpumask_and(&at->cpus, &first);

		if (cpumask_count(&first) && !cpumask_count(&now))
			return kt_fail(err, "the worker may use no CPU of node %u any more", i);
		n += cpumask_count(&now) > 0;
	}
	return need_several_nodes(n, &at->cpus, err);
}

static int numa_migration_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	struct cpumask online, cpus;

	(void)args;
	if (numa_online_nodes(&online, err))
		return -1;
	for (unsigned node = cpumask_next(&online, 0); node < NUMA_MAX_NODES; node = cpumask_next(&online, node + 1)) {
		if (numa_node_cpus(node, &cpus, err))
			return -1;
		cpus = cpumask_and(&cpus, &w->cpus_allowed);
		if (cpumask_count(&cpus))
			nodes[nr_nodes++] = cpus;
	}
	return need_several_nodes(nr_nodes, &w->cpus_allowed, err);
}

/* Every move but the first is from a CPU of another node. */
static int numa_migration_churn_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)n, (void)args;
	if (group->migrations + 1 >= group->iterations)
		return 0;
	return kt_fail(err, "it changed CPUs %ju times, but nodes %ju times", (uintmax_t)group->migrations,
		       (uintmax_t)group->iterations);
}

static const struct row rows[] = {
	{ .name = "period_ms", .kind = ROW_NS, .offset = offsetof(struct churn, period_ns), .min = 0.001, .max = 3600000,
	  .def = 100, .help = "time on each node" },
	{ 0 }
};

const struct work_type work_numa_migration_churn = {
	.name = "NumaMigrationChurn",
	.summary = "Spins on the CPUs of one NUMA node, then on those of the next: migrations across nodes, and balancing inside.",
	.unit = "1024 spins",
	.gap = "nothing; the move counts",
	.latency = "from asking to be on another node to running there",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_PINS | WORK_LASTING,
	.check = numa_migration_churn_check,
	.prepare = numa_migration_churn_prepare,
	.run = numa_migration_churn_run,
	.verify = numa_migration_churn_verify,
};
