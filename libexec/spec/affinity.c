// SPDX-License-Identifier: GPL-2.0-only
/* CPUs of an affinity: see affinity.h. */
#include "libexec/spec/affinity.h"
#include "libexec/lib/random.h"

static struct cpumask core_cpus(const struct topo *plan, unsigned core, const struct cpumask *pool)
{
	struct cpumask m = { 0 };

	for (unsigned i = 0; i < plan->nr_cpus; i++)
		if (plan->cpus[i].core == core && cpumask_test(pool, plan->cpus[i].cpu))
			cpumask_set(&m, plan->cpus[i].cpu);
	return m;
}

/* The core number n (from 0) of those with two threads in the pool, in *ret; how many there are up to it. */
static unsigned smt_core(const struct topo *plan, const struct cpumask *pool, unsigned n, struct cpumask *ret)
{
	unsigned found = 0;

	for (unsigned core = 0; core < plan->nr_cores && found <= n; core++) {
		struct cpumask m = core_cpus(plan, core, pool);

		if (cpumask_count(&m) < 2)
			continue;
		*ret = m;
		found++;
	}
	return found;
}

unsigned affinity_smt_cores(const struct topo *plan, const struct cpumask *pool)
{
	struct cpumask ignored;

	return smt_core(plan, pool, plan->nr_cores, &ignored);
}

static struct cpumask llc_of(const struct topo *plan, const struct cpumask *pool)
{
	struct cpumask best = { 0 };

	for (unsigned llc = 0; llc < plan->nr_llcs; llc++) {
		struct cpumask all = topo_llc_cpus(plan, llc), m = cpumask_and(&all, pool);

		if (cpumask_count(&m) > cpumask_count(&best))
			best = m;
	}
	return best;
}

static struct cpumask draw_subset(struct cpumask from, unsigned count, uint64_t *random)
{
	struct cpumask m = { 0 };

	for (unsigned n; count && (n = cpumask_count(&from)); count--) {
		unsigned k = random_next(random) % n, cpu = cpumask_next(&from, 0);

		while (k--)
			cpu = cpumask_next(&from, cpu + 1);
		cpumask_set(&m, cpu);
		cpumask_clear(&from, cpu);
	}
	return m;
}

uint64_t affinity_random(int64_t seed, unsigned worker, unsigned time)
{
	uint64_t state = (uint64_t)seed;

	state = random_next(&state) + worker;
	state = random_next(&state) + time;
	return random_next(&state);
}

struct cpumask affinity_resolve(const struct affinity *a, const struct topo *plan, const struct cpumask *pool,
				unsigned index, uint64_t *random)
{
	struct cpumask m = { 0 };

	switch (a->kind) {
	case AFFINITY_LLC_ALIGNED: return llc_of(plan, pool);
	case AFFINITY_CROSS_CGROUP: return topo_all_cpus(plan);
	case AFFINITY_EXACT: return a->cpus;
	case AFFINITY_RANDOM_SUBSET: return draw_subset(cpumask_and(&a->cpus, pool), a->count, random);
	case AFFINITY_SINGLE_CPU:
		cpumask_set(&m, cpumask_next(pool, 0));
		return m;
	case AFFINITY_SMT_SIBLING_PAIR:
		smt_core(plan, pool, index / 2 % affinity_smt_cores(plan, pool), &m);
		return m;
	case AFFINITY_INHERIT: break;
	}
	BUG("no affinity to resolve");
}
