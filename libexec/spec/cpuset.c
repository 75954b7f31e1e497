// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUs of a cpuset.
 *
 * llc, numa and exact name CPUs of the plan. range, disjoint and overlap divide the usable CPUs: all but the last
 * one, which is left to the root cgroup when there are more than two. With n usable CPUs in P partitions, a chunk is
 * n / P CPUs and the last partition takes the remainder too; overlap widens a partition on both sides by the whole
 * part of chunk * frac, and stops at the ends.
 */
#include "libexec/spec/cpuset.h"

enum { MAX_PARTITIONS = CPUMASK_MAX };

static bool parse_llc(const struct jcur *c, void *out, void *ctx)
{
	const struct topo *plan = ctx;
	struct cpuset *set = out;
	int64_t llc;

	set->kind = CPUSET_LLC;
	if (!jcur_int(c, 0, CPUMASK_MAX - 1, &llc))
		return false;
	if (!plan)
		return true;
	if (llc >= plan->nr_llcs)
		return jcur_error(c, "there is no LLC %d: plan %s has %u, counted from 0", (int)llc, plan->name,
				  plan->nr_llcs);
	set->cpus = topo_llc_cpus(plan, llc);
	return true;
}

static bool parse_numa(const struct jcur *c, void *out, void *ctx)
{
	const struct topo *plan = ctx;
	struct cpuset *set = out;
	int64_t node;

	set->kind = CPUSET_NUMA;
	if (!jcur_int(c, 0, TOPO_MAX_NODES - 1, &node))
		return false;
	if (!plan)
		return true;
	if (node >= plan->nr_nodes)
		return jcur_error(c, "there is no node %d: plan %s has %u, counted from 0", (int)node, plan->name,
				  plan->nr_nodes);
	set->cpus = topo_node_cpus(plan, node);
	if (!cpumask_count(&set->cpus))
		return jcur_error(c, "node %d of plan %s has memory and no CPUs", (int)node, plan->name);
	return true;
}

/* The usable CPUs number first..end-1, counted among the usable ones. */
static struct cpumask usable_part(const struct cpumask *usable, unsigned first, unsigned end)
{
	struct cpumask part = { 0 };
	unsigned i = 0;

	for (unsigned cpu = cpumask_next(usable, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(usable, cpu + 1), i++)
		if (i >= first && i < end)
			cpumask_set(&part, cpu);
	return part;
}

/* The whole part; 0.29 * 100 is 28.999999999999996, and means 29. */
static unsigned round_down(double x)
{
	return x + 1e-9;
}

struct range { double start, end; };

static const struct row range_rows[] = {
	{ .name = "start", .kind = ROW_REAL, .required = true, .offset = offsetof(struct range, start), .min = 0, .max = 1,
	  .help = "from this fraction of the usable CPUs" },
	{ .name = "end", .kind = ROW_REAL, .required = true, .offset = offsetof(struct range, end), .min = 0, .max = 1,
	  .help = "up to this fraction" },
	{ 0 }
};

static bool parse_range(const struct jcur *c, void *out, void *ctx)
{
	const struct topo *plan = ctx;
	struct cpuset *set = out;
	struct range r;

	set->kind = CPUSET_RANGE;
	if (!rows_parse(c, range_rows, &r, NULL))
		return false;
	if (r.start >= r.end)
		return jcur_error(c, "start %.15g must be below end %.15g", r.start, r.end);
	if (!plan)
		return true;
	struct cpumask usable = topo_usable_cpus(plan);
	unsigned n = cpumask_count(&usable);
	set->cpus = usable_part(&usable, round_down(n * r.start), round_down(n * r.end));
	if (!cpumask_count(&set->cpus))
		return jcur_error(c, "%.15g to %.15g of %u usable CPUs is no CPU at all", r.start, r.end, n);
	return true;
}

struct partition { unsigned index, of; double frac; };

#define PARTITION_ROWS \
	{ .name = "index", .kind = ROW_UINT, .required = true, .offset = offsetof(struct partition, index), \
	  .max = MAX_PARTITIONS - 1, .help = "which partition, counted from 0" }, \
	{ .name = "of", .kind = ROW_UINT, .required = true, .offset = offsetof(struct partition, of), .min = 1, \
	  .max = MAX_PARTITIONS, .help = "how many partitions of the usable CPUs there are" }

static const struct row disjoint_rows[] = { PARTITION_ROWS, { 0 } };
static const struct row overlap_rows[] = {
	PARTITION_ROWS,
	{ .name = "frac", .kind = ROW_REAL, .required = true, .offset = offsetof(struct partition, frac), .min = 0,
	  .max = 1, .help = "how far it reaches into its neighbours, as a fraction of a partition" },
	{ 0 }
};

static bool parse_partition(const struct jcur *c, const struct row *rows, struct cpuset *set,
			    const struct topo *plan)
{
	struct partition p = { 0 };

	if (!rows_parse(c, rows, &p, NULL))
		return false;
	if (p.index >= p.of)
		return jcur_error(c, "CpusetSpec validation failed: index %u >= partition count %u", p.index, p.of);
	if (!plan)
		return true;
	struct cpumask usable = topo_usable_cpus(plan);
	unsigned n = cpumask_count(&usable), chunk = n / p.of, widen = round_down(chunk * p.frac);
	if (!chunk)
		return jcur_error(c, "CpusetSpec validation failed: not enough usable CPUs (%u) for %u partitions", n,
				  p.of);
	unsigned first = p.index * chunk, end = p.index + 1 == p.of ? n : first + chunk;
	set->cpus = usable_part(&usable, first > widen ? first - widen : 0, MIN(end + widen, n));
	return true;
}

static bool parse_disjoint(const struct jcur *c, void *out, void *ctx)
{
	((struct cpuset *)out)->kind = CPUSET_DISJOINT;
	return parse_partition(c, disjoint_rows, out, ctx);
}

static bool parse_overlap(const struct jcur *c, void *out, void *ctx)
{
	((struct cpuset *)out)->kind = CPUSET_OVERLAP;
	return parse_partition(c, overlap_rows, out, ctx);
}

static bool parse_cpulist(const struct jcur *c, struct cpumask *ret)
{
	const char *text;
	struct kt_err err;

	if (!jcur_str(c, &text))
		return false;
	if (cpulist_parse(text, ret, &err))
		return jcur_error(c, "%s", err.msg);
	return true;
}

static bool in_plan(const struct jcur *c, const struct topo *plan, unsigned cpu)
{
	struct cpumask all;
	char list[CPULIST_LEN];

	if (!plan)
		return true;
	all = topo_all_cpus(plan);
	return cpumask_test(&all, cpu) ||
		jcur_error(c, "there is no CPU %u: plan %s has %s", cpu, plan->name, cpulist_format(&all, list));
}

static bool parse_cpu_array(const struct jcur *c, const struct topo *plan, struct cpumask *ret)
{
	bool ok = true;

	if (!jcur_is_array(c, 1))
		return false;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);
		int64_t cpu = 0;

		if (!jcur_int(&e, 0, CPUMASK_MAX - 1, &cpu))
			ok = false;
		else if (cpumask_test(ret, cpu))
			ok = jcur_error(&e, "CPU %d is in the list already", (int)cpu);
		else if (!in_plan(&e, plan, cpu))
			ok = false;
		else
			cpumask_set(ret, cpu);
	}
	return ok;
}

bool cpus_parse(const struct jcur *c, const struct topo *plan, struct cpumask *ret)
{
	struct cpumask cpus = { 0 };

	if (!json_is_string(c->j)) {
		if (!parse_cpu_array(c, plan, &cpus))
			return false;
	} else {
		if (!parse_cpulist(c, &cpus))
			return false;
		for (unsigned cpu = cpumask_next(&cpus, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(&cpus, cpu + 1))
			if (!in_plan(c, plan, cpu))
				return false;
	}
	*ret = cpus;
	return true;
}

static bool parse_exact(const struct jcur *c, void *out, void *ctx)
{
	const struct topo *plan = ctx;
	struct cpuset *set = out;
	struct cpumask cpus;

	set->kind = CPUSET_EXACT;
	if (!cpus_parse(c, plan, &cpus))
		return false;
	if (plan)
		set->cpus = cpus;
	return true;
}

const struct row cpuset_rows[] = {
	{ .name = "llc", .kind = ROW_CUSTOM, .type = "integer", .parse = parse_llc, .help = "the CPUs of this LLC" },
	{ .name = "numa", .kind = ROW_CUSTOM, .type = "integer", .parse = parse_numa, .help = "the CPUs of this NUMA node" },
	{ .name = "range", .kind = ROW_CUSTOM, .type = "object", .parse = parse_range, .sub = range_rows,
	  .help = "the usable CPUs between two fractions" },
	{ .name = "disjoint", .kind = ROW_CUSTOM, .type = "object", .parse = parse_disjoint, .sub = disjoint_rows,
	  .help = "one of several equal partitions of the usable CPUs" },
	{ .name = "overlap", .kind = ROW_CUSTOM, .type = "object", .parse = parse_overlap, .sub = overlap_rows,
	  .help = "such a partition, widened into its neighbours" },
	{ .name = "exact", .kind = ROW_CUSTOM, .type = "array of integers, or cpulist", .parse = parse_exact,
	  .help = "these CPUs" },
	{ 0 }
};

bool cpuset_parse(const struct jcur *c, const struct topo *plan, struct cpuset *ret)
{
	const struct row *which;

	return rows_parse_one(c, cpuset_rows, ret, (void *)plan, &which);
}
