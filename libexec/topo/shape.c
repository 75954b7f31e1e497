// SPDX-License-Identifier: GPL-2.0-only
/* Names, shapes and numbering: see shape.h. */
#include "libexec/lib/kt.h"
#include "libexec/topo/qemu.h"
#include "libexec/topo/shape.h"

static const char rule[] = "a topology is NnNlNcNt: nodes, LLCs in all, cores per LLC, threads per core";

struct part {
	char letter;
	const char *what;
	unsigned max;
};

static const struct part parts[] = {
	{ 'n', "nodes", TOPO_MAX_NODES },
	{ 'l', "LLCs", CPUMASK_MAX },
	{ 'c', "cores per LLC", CPUMASK_MAX },
	{ 't', "threads per core", CPUMASK_MAX },
};

/* One number and its letter at *p. */
static int parse_part(const char *name, const char **p, const struct part *part, unsigned *ret,
		      struct kt_err *err)
{
	size_t digits = strspn(*p, "0123456789");

	if (!**p)
		return kt_fail(err, "'%s' ends before its %s, a number and '%c': %s", name, part->what,
			       part->letter, rule);
	if (!digits || (*p)[digits] != part->letter)
		return kt_fail(err, "'%s' has '%.20s' where its %s should be, a number and '%c': %s", name, *p,
			       part->what, part->letter, rule);
	unsigned long v = strtoul(*p, NULL, 10); /* ULONG_MAX when it is more */
	if (v < 1 || v > part->max)
		return kt_fail(err, "'%s': %.*s %s are not in 1..%u", name, (int)MIN(digits, 40u), *p,
			       part->what, part->max);
	*p += digits + 1;
	*ret = v;
	return 0;
}

/* The four numbers of a name. */
static int parse_numbers(const char *name, unsigned n[static ARRAY_SIZE(parts)], struct kt_err *err)
{
	const char *p = name;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parse_part(name, &p, &parts[i], &n[i], err))
			return -1;
	if (*p)
		return kt_fail(err, "'%s' has junk at its end, '%.20s': %s", name, p, rule);
	/* Each factor is at most 1024: the product fits easily. */
	uint64_t cpus = (uint64_t)n[1] * n[2] * n[3];
	if (cpus > CPUMASK_MAX)
		return kt_fail(err, "'%s': %llu CPUs are more than %d", name, (unsigned long long)cpus,
			       CPUMASK_MAX);
	return 0;
}

int topo_parse_list(const char *list, const char *what, unsigned n, int64_t min, int64_t max, int64_t *ret,
		    struct kt_err *err)
{
	_cleanup_free_ char *copy = xstrdup(list);
	unsigned i = 0;

	for (char *rest = copy, *item; (item = strsep(&rest, ",")); i++) {
		if (i < n && kt_parse_i64(item, what, min, max, &ret[i], err))
			return -1;
	}
	if (i != n)
		return kt_fail(err, "%s: '%s' has %u number%s, and %u %s needed", what, list, i,
			       i == 1 ? "" : "s", n, n == 1 ? "is" : "are");
	return 0;
}

static void add_to_name(struct topo_shape *s, const char *option, const char *list)
{
	size_t len = strlen(s->name);

	/* A very long list is cut; the name is for people. */
	snprintf(s->name + len, sizeof(s->name) - len, " %s %s", option, list);
}

/* The name says how many LLCs there are, the list where they are. */
static int set_node_llcs(struct topo_shape *s, const char *list, struct kt_err *err)
{
	int64_t llcs[TOPO_MAX_NODES];
	unsigned sum = 0;

	if (!list) {
		for (unsigned i = 0; i < s->nr_nodes; i++)
			s->node_llcs[i] = s->nr_llcs / s->nr_nodes;
		if (s->nr_llcs % s->nr_nodes)
			return kt_fail(err,
				       "'%s': %u LLCs do not divide evenly over %u nodes: LLCs are the total over all nodes",
				       s->name, s->nr_llcs, s->nr_nodes);
		return 0;
	}
	if (topo_parse_list(list, "--node-llcs", s->nr_nodes, 1, CPUMASK_MAX, llcs, err))
		return -1;
	for (unsigned i = 0; i < s->nr_nodes; i++)
		sum += s->node_llcs[i] = llcs[i];
	if (sum != s->nr_llcs)
		return kt_fail(err, "--node-llcs: %s are %u LLCs in all, but '%s' has %u", list, sum, s->name,
			       s->nr_llcs);
	add_to_name(s, "--node-llcs", list);
	return 0;
}

/* The name says how many cores the biggest LLC has. */
static int set_llc_cores(struct topo_shape *s, unsigned most, const char *list, struct kt_err *err)
{
	int64_t cores[CPUMASK_MAX];
	unsigned max = 0;

	if (!list) {
		for (unsigned i = 0; i < s->nr_llcs; i++)
			s->llc_cores[i] = most;
		return 0;
	}
	if (topo_parse_list(list, "--llc-cores", s->nr_llcs, 1, CPUMASK_MAX, cores, err))
		return -1;
	for (unsigned i = 0; i < s->nr_llcs; i++) {
		s->llc_cores[i] = cores[i];
		max = MAX(max, s->llc_cores[i]);
	}
	if (max != most)
		return kt_fail(err, "--llc-cores: the most of %s is %u, but '%s' has %u cores per LLC", list,
			       max, s->name, most);
	add_to_name(s, "--llc-cores", list);
	return 0;
}

int topo_shape_parse(const char *name, const char *node_llcs, const char *llc_cores, struct topo_shape *ret,
		     struct kt_err *err)
{
	const struct topo_preset *p = topo_presets;
	size_t digits = strspn(name, "0123456789");
	unsigned n[ARRAY_SIZE(parts)];

	while (p->name && !streq(name, p->name) && !(p->old_name && streq(name, p->old_name)))
		p++;
	if (!p->name && (!digits || name[digits] != 'n'))
		return kt_fail(err, "'%s' is no preset (ktstr-topo --list), and %s", name, rule);
	if (p->name) {
		name = p->topology;
		llc_cores = llc_cores ? llc_cores : p->llc_cores;
	}
	if (parse_numbers(name, n, err))
		return -1;
	struct topo_shape s = { .nr_nodes = n[0], .nr_llcs = n[1], .threads = n[3] };
	/* Made from the numbers: 02n is 2n, and the plan of a preset is that of its topology. */
	snprintf(s.name, sizeof(s.name), "%un%ul%uc%ut", n[0], n[1], n[2], n[3]);
	if (set_node_llcs(&s, node_llcs, err) || set_llc_cores(&s, n[2], llc_cores, err))
		return -1;
	*ret = s;
	return 0;
}

unsigned topo_shape_cpus(const struct topo_shape *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nr_llcs; i++)
		n += s->llc_cores[i] * s->threads;
	return n;
}

static void set_distances(struct topo *t)
{
	for (unsigned i = 0; i < t->nr_nodes; i++)
		for (unsigned j = 0; j < t->nr_nodes; j++)
			t->nodes[i].distances[j] = i == j ? TOPO_LOCAL_DISTANCE : TOPO_REMOTE_DISTANCE;
}

static void set_node_cpus(struct topo *t)
{
	for (unsigned i = 0; i < t->nr_nodes; i++)
		t->nodes[i].cpus = topo_node_cpus(t, i);
}

void topo_from_shape(const struct topo_shape *s, struct topo *ret)
{
	struct topo t = { .nr_llcs = s->nr_llcs, .nr_nodes = s->nr_nodes };
	unsigned llc = 0;

	snprintf(t.name, sizeof(t.name), "%s", s->name);
	t.cpus = xcalloc(topo_shape_cpus(s), sizeof(*t.cpus));
	t.nodes = xcalloc(s->nr_nodes, sizeof(*t.nodes));
	for (unsigned node = 0; node < s->nr_nodes; node++)
		for (unsigned i = 0; i < s->node_llcs[node]; i++, llc++)
			for (unsigned j = 0; j < s->llc_cores[llc]; j++, t.nr_cores++)
				for (unsigned k = 0; k < s->threads; k++, t.nr_cpus++)
					t.cpus[t.nr_cpus] = (struct topo_cpu){ t.nr_cpus, node, llc, t.nr_cores, k };
	set_node_cpus(&t);
	set_distances(&t);
	topo_set_apic_ids(&t);
	*ret = t;
}

static int by_place(const void *a, const void *b)
{
	const struct topo_cpu *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->llc != y->llc)
		return x->llc < y->llc ? -1 : 1;
	if (x->core != y->core)
		return x->core < y->core ? -1 : 1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

void topo_renumber(struct topo *t)
{
	unsigned to[TOPO_MAX_NODES] = { 0 }, nr = 0;
	struct topo_node *nodes = xcalloc(t->nr_nodes, sizeof(*nodes));

	/* A guest numbers its nodes as it meets them: first those of CPUs, then the ones with only memory. */
	for (int memory_only = 0; memory_only <= 1; memory_only++)
		for (unsigned i = 0; i < t->nr_nodes; i++)
			if ((cpumask_count(&t->nodes[i].cpus) == 0) == memory_only)
				to[i] = nr++;
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		nodes[to[i]].memory_mib = t->nodes[i].memory_mib;
		for (unsigned j = 0; j < t->nr_nodes; j++)
			nodes[to[i]].distances[to[j]] = t->nodes[i].distances[j];
	}
	free(t->nodes);
	t->nodes = nodes;
	for (unsigned i = 0; i < t->nr_cpus; i++)
		t->cpus[i].node = to[t->cpus[i].node];
	qsort(t->cpus, t->nr_cpus, sizeof(*t->cpus), by_place);

	unsigned llc = 0, core = 0;
	for (unsigned i = 0, was_llc = 0, was_core = 0; i < t->nr_cpus; i++) {
		struct topo_cpu *c = &t->cpus[i];

		llc += i && c->llc != was_llc;
		core += i && c->core != was_core;
		was_llc = c->llc;
		was_core = c->core;
		c->cpu = i;
		c->llc = llc;
		c->core = core;
	}
	set_node_cpus(t);
	topo_set_apic_ids(t);
}

void topo_set_memory(struct topo *t, uint64_t total_mib)
{
	unsigned with = topo_nodes_with_memory(t), left = with ? with : t->nr_nodes;

	for (unsigned i = 0; i < t->nr_nodes; i++) {
		if (with && !t->nodes[i].memory_mib)
			continue;
		t->nodes[i].memory_mib = (total_mib + left - 1) / left;
		total_mib -= t->nodes[i].memory_mib;
		left--;
	}
}

unsigned topo_nodes_with_memory(const struct topo *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->nr_nodes; i++)
		n += t->nodes[i].memory_mib > 0;
	return n;
}

int topo_add_memory_node(struct topo *t, uint64_t mib, struct kt_err *err)
{
	unsigned n = t->nr_nodes;

	if (n == TOPO_MAX_NODES)
		return kt_fail(err, "--memory-node: more than %d nodes", TOPO_MAX_NODES);
	t->nodes = xrealloc(t->nodes, n + 1, sizeof(*t->nodes));
	t->nodes[n] = (struct topo_node){ .memory_mib = mib };
	t->nodes[n].distances[n] = TOPO_LOCAL_DISTANCE;
	for (unsigned i = 0; i < n; i++)
		t->nodes[i].distances[n] = t->nodes[n].distances[i] = TOPO_REMOTE_DISTANCE;
	t->nr_nodes++;
	return 0;
}

/* "0,1=30", within the plan. */
static int parse_distance(const struct topo *t, const char *text, int64_t *node, int64_t *distance, struct kt_err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *value = strchr(copy, '=');

	if (!value)
		return kt_fail(err, "--distance: '%s' is not like 0,1=30", text);
	*value++ = '\0';
	if (topo_parse_list(copy, "--distance", 2, 0, t->nr_nodes - 1, node, err) ||
	    kt_parse_i64(value, "--distance", TOPO_LOCAL_DISTANCE + 1, TOPO_MAX_DISTANCE - 1, distance, err))
		return -1;
	if (node[0] == node[1])
		return kt_fail(err, "--distance: '%s': the distance of a node to itself is always %d", text,
			       TOPO_LOCAL_DISTANCE);
	return 0;
}

int topo_set_distances(struct topo *t, const char *const *texts, unsigned n, struct kt_err *err)
{
	bool given[TOPO_MAX_NODES][TOPO_MAX_NODES] = { 0 };
	int64_t node[2], distance;

	for (unsigned i = 0; i < n; i++) {
		if (parse_distance(t, texts[i], node, &distance, err))
			return -1;
		if (given[node[0]][node[1]])
			return kt_fail(err, "--distance: '%s': the distance from node %d to node %d is given twice", texts[i],
				       (int)node[0], (int)node[1]);
		given[node[0]][node[1]] = true;
		t->nodes[node[0]].distances[node[1]] = distance;
		if (!given[node[1]][node[0]])
			t->nodes[node[1]].distances[node[0]] = distance;
	}
	return 0;
}
