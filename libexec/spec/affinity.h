/* SPDX-License-Identifier: GPL-2.0-only */
/* affinity.h - the CPUs that an affinity of a spec means for a worker. */
#ifndef KT_SPEC_AFFINITY_H
#define KT_SPEC_AFFINITY_H

#include "libexec/spec/spec.h"

/* How many cores have two threads or more in the pool. */
unsigned affinity_smt_cores(const struct topo *plan, const struct cpumask *pool);
/* A start for affinity_resolve()'s draws: another for every seed, worker (of all) and time that it is asked. */
uint64_t affinity_random(int64_t seed, unsigned worker, unsigned time);
/*
 * The mask for worker number index of its group. pool is what its cgroup may use, not empty. Not for AFFINITY_INHERIT.
 * The draws of AFFINITY_RANDOM_SUBSET come from *random.
 */
struct cpumask affinity_resolve(const struct affinity *a, const struct topo *plan, const struct cpumask *pool,
				unsigned index, uint64_t *random);

#endif
