/* SPDX-License-Identifier: GPL-2.0-only */
/* cpuset.h - which CPUs a cgroup's workers may use: the "cpuset" of a spec, worked out against the plan. */
#ifndef KT_CPUSET_H
#define KT_CPUSET_H

#include "rows.h"
#include "spec.h"

extern const struct row cpuset_rows[];

/*
 * Read c into def->cpuset_kind and def->cpus. Without a plan (NULL) only what needs no CPUs is checked, and cpus is
 * left empty. Errors go through c.
 */
bool cpuset_parse(const struct jcur *c, const struct topo *plan, struct cgroup_def *def);

#endif
