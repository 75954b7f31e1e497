// SPDX-License-Identifier: GPL-2.0-only
/* CPU affinities: see affinity.h. */
#include "guest/work/affinity.h"
#include <sys/syscall.h>

/* The kernel's mask is an array of unsigned long, which is what struct cpumask has: no copy to a cpu_set_t. */
_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "a cpumask is not the kernel's");

int affinity_get(struct cpumask *ret, struct kt_err *err)
{
	struct cpumask m = { 0 };

	if (syscall(SYS_sched_getaffinity, 0, sizeof(m), &m) < 0)
		return kt_fail(err, "cannot read its CPU affinity: %s", strerror(errno));
	*ret = m;
	return 0;
}

int affinity_set(pid_t tid, const struct cpumask *cpus)
{
	return syscall(SYS_sched_setaffinity, tid, sizeof(*cpus), cpus) < 0 ? -1 : 0;
}

int affinity_set_cpu(pid_t tid, unsigned cpu)
{
	struct cpumask m = { 0 };

	cpumask_set(&m, cpu);
	return affinity_set(tid, &m);
}

int affinity_need_several(const struct cpumask *allowed, struct kt_err *err)
{
	char list[CPULIST_LEN];

	if (cpumask_count(allowed) > 1)
		return 0;
	return kt_fail(err, "it needs two CPUs or more, but may only use CPU %s", cpulist_format(allowed, list));
}

int affinity_check_several(const void *args, const struct work_place *at, struct kt_err *err)
{
	(void)args;
	return affinity_need_several(&at->cpus, err);
}

unsigned cpumask_nth(const struct cpumask *m, unsigned n)
{
	unsigned cpu = cpumask_next(m, 0);

	while (n--)
		cpu = cpumask_next(m, cpu + 1);
	return cpu;
}
