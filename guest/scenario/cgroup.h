/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cgroup.h - cgroups in a cgroup2 file system: each function does one thing to one of them, and verifies it.
 *
 * A cgroup is named by its path from the root directory of the scenario, "outer/inner". All return 0 or -1 and err, or
 * an outcome, which is OUTCOME_UNSUPPORTED where this kernel lacks what was asked for.
 */
#ifndef KT_CGROUP_H
#define KT_CGROUP_H

#include "libexec/lib/outcome.h"
#include "libexec/spec/spec.h"

/* root must be a cgroup2 directory. Let what is made in it have the controllers that are there. */
enum outcome cgroup_open_root(const char *root, struct kt_err *err);
/* Let what is made in a cgroup have the controllers that the cgroup has. name "" is the root. */
int cgroup_delegate(const char *root, const char *name, struct kt_err *err);
/*
 * Take that back, but for what the list keep has (words; NULL: none) and what another needs by now. Until then nobody can be
 * put into a cgroup, whether there is still one in it or not.
 */
int cgroup_undelegate(const char *root, const char *name, const char *keep, struct kt_err *err);
int cgroup_make(const char *root, const char *name, struct kt_err *err);
/* Remove it. Whatever process is left in it, such as a worker's child, is killed. */
int cgroup_remove(const char *root, const char *name, struct kt_err *err);
/*
 * fork() into a cgroup: the child is born there. Moving it afterwards would make every fork wait for an RCU grace period.
 */
pid_t cgroup_fork(const char *root, const char *name, struct kt_err *err);

/* NULL clears it. effective is what must come of it. */
enum outcome cgroup_set_cpus(const char *root, const char *name, const struct cpumask *cpus,
			     const struct cpumask *effective, struct kt_err *err);
enum outcome cgroup_set_mems(const char *root, const char *name, const struct cpumask *mems,
			     const struct cpumask *effective, struct kt_err *err);
enum outcome cgroup_set_limits(const char *root, const char *name, const struct limits *l, struct kt_err *err);
/* Ask for it: all of its tasks, and those of the cgroups in it, freeze when they run next. */
enum outcome cgroup_freeze(const char *root, const char *name, struct kt_err *err);
/* 0 when all are frozen; 1 when they are not after limit_ms without news; -1 and err. */
int cgroup_await_frozen(const char *root, const char *name, int limit_ms, struct kt_err *err);
enum outcome cgroup_thaw(const char *root, const char *name, struct kt_err *err);
/* The processes that are in it, in rising order; -1 terminated. The caller frees it. */
pid_t *cgroup_procs(const char *root, const char *name, struct kt_err *err);
/* Move a process into it. One that is gone by now is no error. */
int cgroup_attach(const char *root, const char *name, pid_t pid, struct kt_err *err);

#endif
