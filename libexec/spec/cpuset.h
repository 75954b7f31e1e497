/* SPDX-License-Identifier: GPL-2.0-only */
/* cpuset.h - which CPUs a cgroup's workers may use: the "cpuset" of a spec, worked out against the plan. */
#ifndef KT_CPUSET_H
#define KT_CPUSET_H

#include "libexec/lib/rows.h"
#include "libexec/spec/spec.h"

extern const struct row cpuset_rows[];

/*
 * Read c. Without a plan (NULL) only what needs no CPUs is checked, and the CPUs are left alone. Errors go through c.
 */
bool cpuset_parse(const struct jcur *c, const struct topo *plan, struct cpuset *ret);
/* A set of CPUs of the plan, as an array or a cpulist; not empty. */
bool cpus_parse(const struct jcur *c, const struct topo *plan, struct cpumask *ret);

#endif
