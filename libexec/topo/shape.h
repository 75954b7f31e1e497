/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shape.h - from a topology's name to its numbered CPUs.
 *
 * A shape says how many of each thing there are: LLCs in every node, cores in every LLC, threads in a core. It comes
 * from a name NnNlNcNt or from a preset (presets.c), and may be irregular.
 */
#ifndef KT_TOPOLOGY_SHAPE_H
#define KT_TOPOLOGY_SHAPE_H

#include "libexec/topo/plan.h"

struct topo_shape {
	char name[TOPO_NAME_LEN]; /* what makes this shape again: "2n4l2c1t --node-llcs 1,3" */
	unsigned nr_nodes, nr_llcs, threads;
	unsigned node_llcs[TOPO_MAX_NODES]; /* LLCs of each node */
	unsigned llc_cores[CPUMASK_MAX];    /* cores of each LLC */
};

struct topo_preset {
	const char *name, *old_name; /* old_name may be NULL */
	const char *topology;        /* NnNlNcNt */
	const char *llc_cores;       /* as --llc-cores, or NULL */
};
/* Ends with a name of NULL. */
extern const struct topo_preset topo_presets[];

/*
 * A NnNlNcNt name, or a preset by its name or old name. node_llcs and llc_cores, if not NULL, make it irregular: a list
 * like "1,3" of the LLCs of each node, which sum up to the name's, and of the cores of each LLC, the most of which are
 * the name's.
 */
int topo_shape_parse(const char *name, const char *node_llcs, const char *llc_cores, struct topo_shape *ret, struct kt_err *err);
unsigned topo_shape_cpus(const struct topo_shape *s);

/* Number the CPUs by node, LLC, core and thread, with their APIC ids; distances are 10 and 20, memory is none yet. */
void topo_from_shape(const struct topo_shape *s, struct topo *ret);
/* Number the CPUs and nodes of any topology as a guest would: for a virtual machine shaped like a host. */
void topo_renumber(struct topo *t);

/* A list of n numbers, each in [min, max]: "1,3". what names it in the error. */
int topo_parse_list(const char *list, const char *what, unsigned n, int64_t min, int64_t max, int64_t *ret, struct kt_err *err);
/* Share total MiB out over the nodes that have memory, or over all when none has, as evenly as whole MiB allow. */
void topo_set_memory(struct topo *t, uint64_t total_mib);
unsigned topo_nodes_with_memory(const struct topo *t);
/* Add a node without CPUs, at the default distance from all others. */
int topo_add_memory_node(struct topo *t, uint64_t mib, struct kt_err *err);
/* Set distances, each "0,1=30": from node 0 to node 1, and back where the way back is not given as well. */
int topo_set_distances(struct topo *t, const char *const *texts, unsigned n, struct kt_err *err);

#endif
