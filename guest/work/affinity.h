/* SPDX-License-Identifier: GPL-2.0-only */
/* affinity.h - the CPUs that a thread may use, as a struct cpumask. */
#ifndef KT_WORK_AFFINITY_H
#define KT_WORK_AFFINITY_H

#include "guest/work/work.h"
#include <sys/types.h>

/* Of this thread. */
int affinity_get(struct cpumask *ret, struct kt_err *err);
/* As sched_setaffinity(): of thread tid, 0 for this one; 0, or -1 and errno. One system call. */
int affinity_set(pid_t tid, const struct cpumask *cpus);
int affinity_set_cpu(pid_t tid, unsigned cpu);
/* For types that move between CPUs: an error when there is only one. */
int affinity_need_several(const struct cpumask *allowed, struct kt_err *err);
/* The check() of such types. */
int affinity_check_several(const void *args, const struct work_place *at, struct kt_err *err);
/* CPU number n of them, from 0. */
unsigned cpumask_nth(const struct cpumask *m, unsigned n);

#endif
