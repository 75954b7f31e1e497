// SPDX-License-Identifier: GPL-2.0-only
/* NumaWorkingSetSweep: memory that moves from NUMA node to NUMA node while it is worked on. */
#include "guest/work/numa.h"
#include "libexec/topo/plan.h"
#include "guest/work/worker.h"
#include <linux/mempolicy.h>
#include <sys/syscall.h>

enum { PAGE = 4096, LINE = 64 };

struct sweep {
	int64_t region_kib, period_ns;
	uint8_t nodes[NUMA_MAX_NODES];
	unsigned n; /* 0: all nodes that have memory */
};

/* Of this worker, from prepare() on. */
static uint8_t targets[NUMA_MAX_NODES];
static unsigned nr_targets;

static size_t region_size(const struct sweep *a)
{
	return (size_t)a->region_kib * 1024 / PAGE * PAGE;
}

/* Every page is there afterwards, or it is an error. The first one is looked at, too. */
static int move_memory(struct worker *w, const struct sweep *a, unsigned node, struct kt_err *err)
{
	uint64_t mask[2] = { UINT64_C(1) << node }; /* the kernel reads one bit less than it is told */
	int at = -1;

	if (syscall(SYS_mbind, w->own, region_size(a), MPOL_BIND, mask, NUMA_MAX_NODES + 1, MPOL_MF_MOVE | MPOL_MF_STRICT))
		return kt_fail(err, "cannot move its memory to node %u: %s", node, strerror(errno));
	if (syscall(SYS_get_mempolicy, &at, NULL, 0, w->own, MPOL_F_NODE | MPOL_F_ADDR))
		return kt_fail(err, "cannot see where its memory is: %s", strerror(errno));
	if (at != (int)node)
		return kt_fail(err, "its memory is on node %d after it was moved to node %u", at, node);
	return 0;
}

static void touch_page(volatile char *page)
{
	for (unsigned i = 0; i < PAGE; i += LINE)
		page[i]++;
}

static void numa_working_set_sweep_run(struct worker *w, const void *args)
{
	const struct sweep *a = args;

	/* Neighbours have theirs on different nodes. */
	for (unsigned i = w->index; worker_running(w); i++) {
		uint64_t until = w->last_ns + a->period_ns;

		if (move_memory(w, a, targets[i % nr_targets], &w->err))
			return;
		worker_woken(w, w->last_ns);
		for (size_t at = 0; worker_running(w) && w->last_ns < until; at = (at + PAGE) % region_size(a)) {
			touch_page((char *)w->own + at);
			worker_tick(w, 1);
		}
		w->iterations++;
	}
}

static int need_several_nodes(unsigned n, struct kt_err *err)
{
	return n > 1 ? 0 : kt_fail(err, "it needs two NUMA nodes that have memory, and there is %u", n);
}

static int need_node(const struct work_place *at, unsigned node, struct kt_err *err)
{
	char list[CPULIST_LEN];

	return cpumask_test(&at->nodes, node) ? 0 :
		kt_fail(err, "its memory cannot be on node %u: cpuset_mems allows %s", node, cpulist_format(&at->nodes, list));
}

static int numa_working_set_sweep_check(const void *args, const struct work_place *at, struct kt_err *err)
{
	const struct topo *plan = at->plan;
	const struct sweep *a = args;
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++) {
		if (a->nodes[i] >= plan->nr_nodes || !plan->nodes[a->nodes[i]].memory_mib)
			return kt_fail(err, "there is no node %u that has memory: plan %s has %u nodes", a->nodes[i], plan->name,
				       plan->nr_nodes);
		if (need_node(at, a->nodes[i], err))
			return -1;
	}
	for (unsigned i = 0; !a->n && i < plan->nr_nodes; i++) {
		if (plan->nodes[i].memory_mib && need_node(at, i, err))
			return -1;
		n += plan->nodes[i].memory_mib > 0;
	}
	return a->n ? 0 : need_several_nodes(n, err);
}

static int numa_working_set_sweep_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct sweep *a = args;
	struct cpumask all;

	nr_targets = a->n;
	memcpy(targets, a->nodes, sizeof(targets));
	if (!nr_targets) {
		if (numa_memory_nodes(&all, err))
			return -1;
		for (unsigned n = cpumask_next(&all, 0); n < NUMA_MAX_NODES; n = cpumask_next(&all, n + 1))
			targets[nr_targets++] = n;
		if (need_several_nodes(nr_targets, err))
			return -1;
	}
	if (work_alloc(w, region_size(a), err))
		return -1;
	for (unsigned i = 0; i < nr_targets; i++)
		if (move_memory(w, a, targets[i], err))
			return -1;
	return 0;
}

static bool parse_nodes(const struct jcur *c, void *out, void *ctx)
{
	struct sweep *a = out;
	bool ok = true;

	(void)ctx;
	if (!jcur_is_array(c, 0))
		return false;
	if (json_array_size(c->j) > NUMA_MAX_NODES)
		return jcur_error(c, "%zu nodes, more than %d", json_array_size(c->j), NUMA_MAX_NODES);
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);
		int64_t node = 0;

		ok &= jcur_int(&e, 0, NUMA_MAX_NODES - 1, &node);
		a->nodes[a->n++] = node;
	}
	return ok;
}

static const struct row rows[] = {
	{ .name = "region_kib", .kind = ROW_INT, .offset = offsetof(struct sweep, region_kib), .min = 4, .max = 1 << 24,
	  .def = 4096, .help = "memory of each worker, rounded down to whole pages" },
	{ .name = "period_ms", .alias = "sweep_period_ms", .kind = ROW_NS, .offset = offsetof(struct sweep, period_ns),
	  .min = 0.001, .max = 3600000, .def = 100, .help = "time on each node" },
	{ .name = "target_nodes", .kind = ROW_CUSTOM, .type = "array of integers", .parse = parse_nodes,
	  .help = "the nodes, in this order, and over again; all that have memory when empty or not given" },
	{ 0 }
};

const struct work_type work_numa_working_set_sweep = {
	.name = "NumaWorkingSetSweep",
	.summary = "Works on memory that moves to the next NUMA node (mbind) again and again: page migration, and tasks whose "
		   "memory is elsewhere.",
	.unit = "4 KiB touched, a byte in every 64",
	.gap = "nothing; the move counts",
	.latency = "from asking for the memory on another node until all of it is there",
	.args = rows,
	.args_size = sizeof(struct sweep),
	.traits = WORK_LASTING,
	.check = numa_working_set_sweep_check,
	.prepare = numa_working_set_sweep_prepare,
	.run = numa_working_set_sweep_run,
};
