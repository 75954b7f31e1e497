/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.h - CPU topologies and the plan: what ktstr-topo writes and every other program reads.
 *
 * A topology name is NnNlNcNt: NUMA nodes, LLCs (the total over all nodes, which must divide evenly), cores per
 * LLC, threads per core. LLC: last-level cache, the CPUs that share an L3. Node: NUMA node. CPUs are numbered as the
 * guest numbers them: by node, LLC, core, thread.
 *
 * The plan is one JSON object (share/schema/plan.schema.json):
 *   {"kind":"plan","ktstr":1,"name":"1n2l2c1t",
 *    "cpus":[{"cpu":0,"node":0,"llc":0,"core":0,"thread":0,"apic_id":0}, ...],
 *    "nodes":[{"node":0,"cpus":"0-3","memory_mib":2048,"distances":[10]}, ...],
 *    "qemu":{"version":"7.2.22","args":["-cpu","...","-smp","...","-numa","...", ...]}}
 * llc and core count through the whole machine, in the order of their first CPU; thread counts within its core, in the
 * order of CPUs. So two plans of one machine are equal number by number. A core lies in one LLC, an LLC in one node.
 * CPUs are in rising order; in a plan with "qemu" they are 0..n-1, in one of a host they are the host's own numbers
 * and may have holes. apic_id is absent where nobody knows it (a host). A memory-only node has "cpus":"". The sum
 * of memory_mib is the machine's memory; ktstr-boot scales it, keeping proportions, when a spec sets memory_mb.
 * qemu.args name the memory backend of a node i with memory "ram<i>" (-numa node,memdev=ram<i>; or, when there is one node, the
 * machine's memory-backend=ram0, and no -numa); ktstr-boot adds -m and those objects. A plan made with --no-qemu
 * has no "qemu" member and cannot be booted, only looked at, or run on a bare host. args are pairs of an option and its
 * value, the option one of -cpu -smp -numa -device -machine.
 */
#ifndef KT_PLAN_H
#define KT_PLAN_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/json.h"

enum { TOPO_MAX_NODES = 64, TOPO_NAME_LEN = 128 };
enum { TOPO_LOCAL_DISTANCE = 10, TOPO_REMOTE_DISTANCE = 20, TOPO_MAX_DISTANCE = 255 };
#define TOPO_NO_APIC_ID UINT32_MAX /* not known */

struct topo_cpu {
	unsigned cpu, node, llc, core, thread, apic_id;
};

struct topo_node {
	struct cpumask cpus;
	uint64_t memory_mib;
	unsigned distances[TOPO_MAX_NODES];
};

struct topo {
	char name[TOPO_NAME_LEN];
	unsigned nr_cpus, nr_llcs, nr_cores, nr_nodes;
	struct topo_cpu *cpus;   /* nr_cpus of them, in order */
	struct topo_node *nodes; /* nr_nodes of them */
	char qemu_version[64];   /* "" without a "qemu" member */
	char **qemu_args;        /* NULL-terminated, or NULL */
};

/* Read a plan and check it (ids in range and consistent, each CPU once, distances 10 to itself and 10..255 to others); file
 * is what errors call it. All errors are added to errs; -1 if there were any. */
int topo_from_json(json_t *plan, const char *file, struct topo *ret, struct kt_errs *errs);
json_t *topo_to_json(const struct topo *t);
void topo_deinit(struct topo *t);

/*
 * Read the topology of the machine whose /sys is at sysroot/sys ("" is this machine): what is online, numbered as in
 * a plan, with the CPU and node numbers that the kernel uses. The LLC is the highest cache that the kernel shows for a
 * CPU, cut at node borders as the kernel's scheduling domains are; without cache information it is the package. The
 * name is NnNlNcNt, or "host" when the machine is not so regular; there are no APIC ids and no QEMU arguments. A plan takes
 * no holes in the numbers of nodes: with close_holes the nodes are counted instead, else a machine with holes is refused.
 */
int topo_from_sysfs(const char *sysroot, bool close_holes, struct topo *ret, struct kt_err *err);

/*
 * 0 when both have the same CPUs, with the same node, LLC, core and thread, and the same nodes and distances; else 1
 * and the first difference in words. Memory is not compared: a guest does not see all it was given.
 */
int topo_diff(const struct topo *plan, const struct topo *seen, char *buf, size_t size);

struct cpumask topo_all_cpus(const struct topo *t);
struct cpumask topo_llc_cpus(const struct topo *t, unsigned llc);
struct cpumask topo_node_cpus(const struct topo *t, unsigned node);
/* All CPUs, but without the last one when there are more than two: it is left to the root cgroup. The fractional
 * cpusets of a spec divide these. */
struct cpumask topo_usable_cpus(const struct topo *t);

#endif
