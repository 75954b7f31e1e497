// SPDX-License-Identifier: GPL-2.0-only
/* A work group of a spec: what its workers do, and as whom. See spec.h. */
#include "libexec/spec/spec.h"
#include "libexec/spec/cpuset.h"
#include "guest/work/work.h"
#include <linux/mempolicy.h>

enum { MAX_COMM = 15 };

static bool unknown_work(const struct jcur *c, const char *name)
{
	_cleanup_free_ const char **names = xcalloc(work_types_count() + 1, sizeof(*names));

	for (size_t i = 0; work_types[i]; i++)
		names[i] = work_types[i]->name;
	const char *near = nearest_name(name, names);
	if (near)
		return jcur_error(c, "unknown work type '%s' (did you mean '%s'?)", name, near);
	_cleanup_free_ char *all = join_names(names);
	return jcur_error(c, "unknown work type '%s' (known: %s)", name, all);
}

/* Names that work types had before. */
static const struct work_type *find_work(const struct jcur *c, const char *name)
{
	static const struct { const char *old, *now; } renamed[] = {
		{ "CpuSpin", "SpinWait" }, { "IoSync", "IoSyncWrite" },
	};
	const struct work_type *type = work_type_find(name);

	for (size_t i = 0; !type && i < ARRAY_SIZE(renamed); i++) {
		if (!streq(name, renamed[i].old))
			continue;
		type = work_type_find(renamed[i].now);
		if (type)
			jcur_note(c, "%s is called %s now", name, renamed[i].now);
	}
	return type;
}

bool spec_parse_work(const struct jcur *c, void *out, void *ctx)
{
	static const struct row no_rows[] = { { 0 } };
	struct work_spec *work = out;
	struct jcur params;
	const char *name;

	work->type = NULL;
	if (!jcur_variant(c, &name, &params))
		return false;
	const struct work_type *type = find_work(c, name);
	if (!type)
		return unknown_work(c, name);
	const struct row *rows = type->args ? type->args : no_rows;
	free(work->args);
	work->args = xcalloc(1, type->args_size);
	work->type = type;
	if (params.j) {
		if (!rows_parse(&params, rows, work->args, NULL))
			return false;
		if (type->program)
			spec_add_program(((struct spec_reader *)ctx)->spec, type->program(work->args));
		return true;
	}
	rows_default(rows, work->args);
	bool ok = true;
	for (const struct row *r = rows; r->name; r++)
		if (r->required)
			ok = jcur_error(c, "%s needs '%s': {\"%s\": {\"%s\": ...}}", name, r->name, name, r->name);
	return ok;
}

struct name { const char *name; int value; };

/* The value of a variant without parameters; says what there is when the name is none of them. */
static bool parse_plain_variant(const struct jcur *c, const struct name *names, size_t n, const struct row *with_params, int *ret)
{
	const char *known[32], *s = NULL;
	size_t k = 0;

	if (!jcur_str(c, &s))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (streq(s, names[i].name)) {
			*ret = names[i].value;
			return true;
		}
		known[k++] = names[i].name;
	}
	for (const struct row *r = with_params; r->name; r++) {
		if (streq(s, r->name))
			return jcur_error(c, "'%s' needs parameters: {\"%s\": ...}", s, s);
		known[k++] = r->name;
	}
	known[k] = NULL;
	const char *near = nearest_name(s, known);
	if (near)
		return jcur_error(c, "unknown '%s' (did you mean '%s'?)", s, near);
	_cleanup_free_ char *all = join_names(known);
	return jcur_error(c, "unknown '%s' (known here: %s)", s, all);
}

static bool parse_priority(const struct jcur *c, void *out, void *ctx)
{
	struct policy *p = out;
	int64_t priority;

	(void)ctx;
	p->kind = streq(c->key, "fifo") ? POLICY_FIFO : POLICY_RR;
	if (!jcur_int(c, 1, 99, &priority))
		return false;
	p->priority = priority;
	return true;
}

/* The kernel takes no shorter and no longer period: kernel.sched_deadline_period_min_us and _max_us. */
enum { MIN_PERIOD_US = 100, MAX_PERIOD_US = 1 << 22 };

static const struct row deadline_rows[] = {
	{ .name = "runtime_us", .kind = ROW_NS, .required = true, .offset = offsetof(struct policy, runtime_ns), .min = 2,
	  .max = MAX_PERIOD_US, .help = "CPU time in each period" },
	{ .name = "deadline_us", .kind = ROW_NS, .required = true, .offset = offsetof(struct policy, deadline_ns),
	  .min = 2, .max = MAX_PERIOD_US, .help = "how far into the period that CPU time may come" },
	{ .name = "period_us", .kind = ROW_NS, .offset = offsetof(struct policy, period_ns), .min = 0,
	  .max = MAX_PERIOD_US, .help = "the period, 100 or more; 0: as long as the deadline" },
	{ 0 }
};

static bool parse_deadline(const struct jcur *c, void *out, void *ctx)
{
	struct policy *p = out;

	(void)ctx;
	if (!rows_parse(c, deadline_rows, p, NULL))
		return false;
	p->kind = POLICY_DEADLINE;
	if (!p->period_ns)
		p->period_ns = p->deadline_ns;
	if (p->runtime_ns > p->deadline_ns || p->deadline_ns > p->period_ns)
		return jcur_error(c, "runtime %.15g us <= deadline %.15g us <= period %.15g us must hold", p->runtime_ns / 1e3,
				  p->deadline_ns / 1e3, p->period_ns / 1e3);
	if (p->period_ns < MIN_PERIOD_US * NSEC_PER_USEC)
		return jcur_error(c, "a period of %.15g us is shorter than %d us, the shortest that the kernel takes",
				  p->period_ns / 1e3, MIN_PERIOD_US);
	return true;
}

const struct row spec_policy_rows[] = {
	{ .name = "fifo", .kind = ROW_CUSTOM, .type = "integer from 1 to 99", .parse = parse_priority,
	  .help = "SCHED_FIFO with this priority" },
	{ .name = "rr", .kind = ROW_CUSTOM, .type = "integer from 1 to 99", .parse = parse_priority,
	  .help = "SCHED_RR with this priority" },
	{ .name = "deadline", .kind = ROW_CUSTOM, .type = "object", .parse = parse_deadline, .sub = deadline_rows,
	  .help = "SCHED_DEADLINE; runtime <= deadline <= period" },
	{ 0 }
};

bool spec_parse_policy(const struct jcur *c, void *out, void *ctx)
{
	static const struct name names[] = {
		{ "Normal", POLICY_NORMAL }, { "Batch", POLICY_BATCH }, { "Idle", POLICY_IDLE }, { "Ext", POLICY_EXT },
	};
	struct work_spec *work = out;
	const struct row *which;
	int kind;

	(void)ctx;
	if (!json_is_string(c->j))
		return rows_parse_one(c, spec_policy_rows, &work->policy, NULL, &which);
	if (!parse_plain_variant(c, names, ARRAY_SIZE(names), spec_policy_rows, &kind))
		return false;
	work->policy.kind = kind;
	return true;
}

struct subset { unsigned count; struct cpumask from; };

static bool parse_from(const struct jcur *c, void *out, void *ctx)
{
	return cpus_parse(c, ((struct spec_reader *)ctx)->plan, &((struct subset *)out)->from);
}

static const struct row subset_rows[] = {
	{ .name = "from", .kind = ROW_CUSTOM, .required = true, .type = "array of integers, or cpulist", .parse = parse_from,
	  .help = "CPUs to draw from" },
	{ .name = "count", .kind = ROW_UINT, .required = true, .offset = offsetof(struct subset, count), .min = 1,
	  .max = CPUMASK_MAX, .help = "how many; all when there are fewer" },
	{ 0 }
};

static bool parse_subset(const struct jcur *c, void *out, void *ctx)
{
	struct affinity *a = out;
	struct subset s = { 0 };

	a->kind = AFFINITY_RANDOM_SUBSET;
	if (!rows_parse(c, subset_rows, &s, ctx))
		return false;
	a->cpus = s.from;
	a->count = s.count;
	return true;
}

static bool parse_exact(const struct jcur *c, void *out, void *ctx)
{
	struct affinity *a = out;

	a->kind = AFFINITY_EXACT;
	return cpus_parse(c, ((struct spec_reader *)ctx)->plan, &a->cpus);
}

const struct row spec_affinity_rows[] = {
	{ .name = "RandomSubset", .kind = ROW_CUSTOM, .type = "object", .parse = parse_subset, .sub = subset_rows,
	  .help = "random CPUs, drawn anew for each worker" },
	{ .name = "Exact", .kind = ROW_CUSTOM, .type = "array of integers, or cpulist", .parse = parse_exact,
	  .help = "these CPUs" },
	{ 0 }
};

bool spec_parse_affinity(const struct jcur *c, struct affinity *ret, struct spec_reader *rd)
{
	static const struct name names[] = {
		{ "Inherit", AFFINITY_INHERIT }, { "LlcAligned", AFFINITY_LLC_ALIGNED },
		{ "CrossCgroup", AFFINITY_CROSS_CGROUP }, { "SingleCpu", AFFINITY_SINGLE_CPU },
		{ "SmtSiblingPair", AFFINITY_SMT_SIBLING_PAIR },
	};
	const struct row *which;
	int kind;

	if (!json_is_string(c->j))
		return rows_parse_one(c, spec_affinity_rows, ret, rd, &which);
	if (!parse_plain_variant(c, names, ARRAY_SIZE(names), spec_affinity_rows, &kind))
		return false;
	ret->kind = kind;
	return true;
}

bool spec_parse_work_affinity(const struct jcur *c, void *out, void *ctx)
{
	return spec_parse_affinity(c, &((struct work_spec *)out)->affinity, ctx);
}

bool spec_parse_nodes(const struct jcur *c, const struct topo *plan, struct cpumask *ret)
{
	bool ok = true;

	*ret = (struct cpumask){ 0 };
	if (!jcur_is_array(c, 1))
		return false;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);
		int64_t node = 0;

		if (!jcur_int(&e, 0, TOPO_MAX_NODES - 1, &node))
			ok = false;
		else if (cpumask_test(ret, node))
			ok = jcur_error(&e, "node %d is in the list already", (int)node);
		else if (plan && node >= plan->nr_nodes)
			ok = jcur_error(&e, "there is no node %d: plan %s has %u, counted from 0", (int)node, plan->name,
					plan->nr_nodes);
		else
			cpumask_set(ret, node);
	}
	return ok;
}

static const struct name modes[] = {
	{ "Default", MPOL_DEFAULT }, { "Local", MPOL_LOCAL }, { "Bind", MPOL_BIND }, { "Preferred", MPOL_PREFERRED },
	{ "Interleave", MPOL_INTERLEAVE }, { "PreferredMany", MPOL_PREFERRED_MANY },
	{ "WeightedInterleave", 6 /* MPOL_WEIGHTED_INTERLEAVE: newer than the headers */ },
};
enum { PLAIN_MODES = 2 };

static bool parse_mode_nodes(const struct jcur *c, void *out, void *ctx)
{
	const struct spec_reader *rd = ctx;
	struct mem_policy *mem = out;

	for (size_t i = PLAIN_MODES; i < ARRAY_SIZE(modes); i++)
		if (streq(c->key, modes[i].name))
			mem->mode = modes[i].value;
	return spec_parse_nodes(c, rd->plan, &mem->nodes);
}

static bool parse_preferred(const struct jcur *c, void *out, void *ctx)
{
	const struct spec_reader *rd = ctx;
	struct mem_policy *mem = out;
	int64_t node;

	mem->mode = MPOL_PREFERRED;
	if (!jcur_int(c, 0, TOPO_MAX_NODES - 1, &node))
		return false;
	if (rd->plan && node >= rd->plan->nr_nodes)
		return jcur_error(c, "there is no node %d: plan %s has %u, counted from 0", (int)node, rd->plan->name,
				  rd->plan->nr_nodes);
	cpumask_set(&mem->nodes, node);
	return true;
}

#define NODES_ROW(mode, text) \
	{ .name = mode, .kind = ROW_CUSTOM, .type = "array of integers", .parse = parse_mode_nodes, .help = text }

const struct row spec_mem_policy_rows[] = {
	NODES_ROW("Bind", "memory of these nodes only"),
	{ .name = "Preferred", .kind = ROW_CUSTOM, .type = "integer", .parse = parse_preferred,
	  .help = "memory of this node while it has some" },
	NODES_ROW("Interleave", "pages of these nodes in turn"),
	NODES_ROW("PreferredMany", "memory of these nodes while they have some; Linux 5.15"),
	NODES_ROW("WeightedInterleave", "pages of these nodes in turn, by weight; Linux 6.9"),
	{ 0 }
};

bool spec_parse_mem_policy(const struct jcur *c, void *out, void *ctx)
{
	struct mem_policy *mem = &((struct work_spec *)out)->mem;
	const struct row *which;
	int mode;

	mem->given = true;
	if (!json_is_string(c->j))
		return rows_parse_one(c, spec_mem_policy_rows, mem, ctx, &which);
	if (!parse_plain_variant(c, modes, PLAIN_MODES, spec_mem_policy_rows, &mode))
		return false;
	mem->mode = mode;
	return true;
}

bool spec_parse_mpol_flags(const struct jcur *c, void *out, void *ctx)
{
	static const struct name flags[] = {
		{ "STATIC_NODES", MPOL_F_STATIC_NODES }, { "RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
		{ "NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	};
	static const struct row none[] = { { 0 } };
	struct mem_policy *mem = &((struct work_spec *)out)->mem;
	bool ok = true;

	(void)ctx;
	if (!jcur_is_array(c, 1))
		return false;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);
		int flag = 0;

		ok &= parse_plain_variant(&e, flags, ARRAY_SIZE(flags), none, &flag);
		mem->flags |= (unsigned)flag;
	}
	if ((mem->flags & MPOL_F_STATIC_NODES) && (mem->flags & MPOL_F_RELATIVE_NODES))
		return jcur_error(c, "STATIC_NODES and RELATIVE_NODES exclude each other");
	if (ok && (!mem->given || mem->mode == MPOL_DEFAULT || mem->mode == MPOL_LOCAL))
		return jcur_error(c, "flags are for a mem_policy that names nodes");
	if (ok && (mem->flags & MPOL_F_NUMA_BALANCING) && mem->mode != MPOL_BIND && mem->mode != MPOL_PREFERRED_MANY)
		return jcur_error(c, "NUMA_BALANCING is for Bind and PreferredMany");
	return ok;
}

bool spec_parse_comm(const struct jcur *c, void *out, void *ctx)
{
	struct work_spec *work = out;

	(void)ctx;
	if (!jcur_str(c, &work->comm))
		return false;
	return strlen(work->comm) <= MAX_COMM || jcur_error(c, "is longer than %d bytes", MAX_COMM);
}
