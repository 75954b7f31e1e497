/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpulist.h - sets of CPUs (or nodes).
 *
 * cpuset:  a set of CPUs, as an idea, and the cgroup controller of that name.
 * cpumask: a set of CPUs as bits: struct cpumask.
 * cpulist: a set of CPUs as text, the kernel's format: "0-3,8,10-11"; the empty set is "".
 */
#ifndef KT_CPULIST_H
#define KT_CPULIST_H

#include "libexec/lib/kt.h"

enum { CPUMASK_MAX = 1024, CPUMASK_WORDS = CPUMASK_MAX / 64, CPULIST_LEN = CPUMASK_MAX * 5 };

struct cpumask {
	uint64_t bits[CPUMASK_WORDS];
};

static inline void cpumask_set(struct cpumask *m, unsigned cpu) { m->bits[cpu / 64] |= UINT64_C(1) << cpu % 64; }
static inline void cpumask_clear(struct cpumask *m, unsigned cpu) { m->bits[cpu / 64] &= ~(UINT64_C(1) << cpu % 64); }
static inline bool cpumask_test(const struct cpumask *m, unsigned cpu) { return m->bits[cpu / 64] >> cpu % 64 & 1; }
unsigned cpumask_count(const struct cpumask *m);
bool cpumask_equal(const struct cpumask *a, const struct cpumask *b);
/* a without b */
struct cpumask cpumask_minus(const struct cpumask *a, const struct cpumask *b);
struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b);
struct cpumask cpumask_or(const struct cpumask *a, const struct cpumask *b);
/* The first CPU at or after cpu, or CPUMASK_MAX. */
unsigned cpumask_next(const struct cpumask *m, unsigned cpu);

/* Parse a cpulist (a trailing newline, as sysfs writes it, is fine; a CPU >= CPUMASK_MAX, a falling range or anything
 * else is an error). */
int cpulist_parse(const char *text, struct cpumask *ret, struct kt_err *err);
/* Format into buf, which must hold CPULIST_LEN bytes; returns buf. */
char *cpulist_format(const struct cpumask *m, char *buf);

#endif
