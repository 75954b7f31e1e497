/* SPDX-License-Identifier: GPL-2.0-only */
/* numa.h - the NUMA nodes of the machine that a worker is on, as /sys lists them; a struct cpumask holds nodes too. */
#ifndef KT_NUMA_H
#define KT_NUMA_H

#include "libexec/lib/cpulist.h"

/* Most of what a plan can have. */
enum { NUMA_MAX_NODES = 64 };

/* The nodes that have memory. */
int numa_memory_nodes(struct cpumask *ret, struct kt_err *err);
/* The nodes that are online, and the CPUs of one. */
int numa_online_nodes(struct cpumask *ret, struct kt_err *err);
int numa_node_cpus(unsigned node, struct cpumask *ret, struct kt_err *err);

#endif
