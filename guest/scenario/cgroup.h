/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup.h - the cgroups of a scenario, in a cgroup2 file system. */
#ifndef KT_CGROUP_H
#define KT_CGROUP_H

#include "outcome.h"
#include "spec.h"

struct cgroups {
	const char *root;
	const struct spec *spec;
	size_t nr_made; /* the first of the spec's that exist, and are ours to remove */
};

/*
 * Under root, which must be a cgroup2 directory: enable the controllers that are there (cpuset, cpu,
 * memory, pids, io), make a cgroup for every one of the spec, and set and verify its cpuset. A missing
 * cpuset controller matters only to a spec that has a cpuset. On a failure, which may be
 * OUTCOME_UNSUPPORTED, nothing is left behind.
 */
enum outcome cgroups_create(struct cgroups *c, const char *root, const struct spec *spec, struct kt_err *err);
/* Remove them. 0, or -1 and err when one is left. */
int cgroups_destroy(struct cgroups *c, struct kt_err *err);
/*
 * fork() into cgroup number i: the child is born there. Moving it afterwards would make every fork wait for an RCU grace
 * period. -1 and err on failure.
 */
pid_t cgroups_fork(const struct cgroups *c, size_t i, struct kt_err *err);

#endif
