// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine's own view of its topology, from /sys: see topo_from_sysfs() in plan.h. Used on hosts, on fixtures
 * below a --sysroot, and by the guest to say what it sees. No JSON here.
 *
 * What is missing gets the least surprising answer: no cache information makes a package one LLC, no NUMA support makes
 * the machine one node, no topology information makes a CPU a core.
 */
#include "libexec/lib/kt.h"
#include "libexec/topo/plan.h"

enum { TEXT_LEN = CPULIST_LEN, MAX_CACHES = 16 };

/* The first line of a file below /sys/devices/system. */
static int read_text(const char *root, char *buf, size_t size, struct kt_err *err, const char *fmt, ...)
	KT_PRINTF(5, 6);
static int read_text(const char *root, char *buf, size_t size, struct kt_err *err, const char *fmt, ...)
{
	char path[4096], name[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (snprintf(path, sizeof(path), "%s/sys/devices/system/%s", root, name) >= (int)sizeof(path))
		return kt_fail(err, "the path of %s is too long", name);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	if (!f)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	*buf = '\0'; /* an empty file is an empty line */
	if (!fgets(buf, size, f) && ferror(f))
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* A cpulist, of which only the online CPUs count; false when there is none or it leaves out its own CPU. */
static bool read_group(const char *root, unsigned cpu, const char *file, const struct cpumask *online,
		       struct cpumask *ret)
{
	char buf[TEXT_LEN];
	struct cpumask m;

	if (read_text(root, buf, sizeof(buf), NULL, "cpu/cpu%u/%s", cpu, file) || cpulist_parse(buf, &m, NULL))
		return false;
	m = cpumask_and(&m, online);
	if (!cpumask_test(&m, cpu))
		return false;
	*ret = m;
	return true;
}

/* The CPUs that share this one's highest cache level; the package, or all CPUs, when nothing is known of caches. */
static struct cpumask llc_of(const char *root, unsigned cpu, const struct cpumask *online)
{
	struct cpumask best = *online, m;
	int64_t best_level = 0, level;
	char buf[TEXT_LEN];

	for (unsigned i = 0; i < MAX_CACHES; i++) {
		char file[64];

		if (read_text(root, buf, sizeof(buf), NULL, "cpu/cpu%u/cache/index%u/level", cpu, i) ||
		    kt_parse_i64(buf, "level", 1, 100, &level, NULL))
			continue;
		snprintf(file, sizeof(file), "cache/index%u/shared_cpu_list", i);
		if (level > best_level && read_group(root, cpu, file, online, &m)) {
			best = m;
			best_level = level;
		}
	}
	if (!best_level && !read_group(root, cpu, "topology/package_cpus_list", online, &best))
		read_group(root, cpu, "topology/core_siblings_list", online, &best);
	return best;
}

static struct cpumask core_of(const char *root, unsigned cpu, const struct cpumask *online)
{
	struct cpumask m = { 0 };

	cpumask_set(&m, cpu);
	if (!read_group(root, cpu, "topology/thread_siblings_list", online, &m))
		read_group(root, cpu, "topology/core_cpus_list", online, &m);
	return m;
}

/* "Node 0 MemTotal:  123 kB" of a node, or "MemTotal: 123 kB" of a machine without nodes; 0 when not there. */
static uint64_t read_memory_mib(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	unsigned long long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		const char *p = strstr(line, "MemTotal:");

		if (p && sscanf(p, "MemTotal: %llu kB", &kib) == 1)
			break;
	}
	return kib / 1024;
}

static int read_distances(const char *root, unsigned node, unsigned nr_nodes, unsigned *ret, struct kt_err *err)
{
	char buf[TEXT_LEN], *rest = buf, *item;
	unsigned n = 0;
	int64_t v;

	if (read_text(root, buf, sizeof(buf), err, "node/node%u/distance", node))
		return -1;
	while ((item = strsep(&rest, " "))) {
		if (!*item)
			continue;
		if (n == nr_nodes ||
		    kt_parse_i64(item, "distance", TOPO_LOCAL_DISTANCE, TOPO_MAX_DISTANCE, &v, err))
			return kt_fail(err, "node %u: bad distance '%s', or more than %u of them", node, item,
				       nr_nodes);
		ret[n++] = v;
	}
	if (n != nr_nodes)
		return kt_fail(err, "node %u has %u distances, but there are %u nodes", node, n, nr_nodes);
	return 0;
}

/* The node of this number, as the i-th of the plan. */
static int read_node(const char *root, unsigned node, unsigned i, const struct cpumask *online, struct topo *t,
		     struct kt_err *err)
{
	struct topo_node *n = &t->nodes[i];
	char buf[TEXT_LEN], path[4096];

	if (read_text(root, buf, sizeof(buf), err, "node/node%u/cpulist", node) ||
	    cpulist_parse(buf, &n->cpus, err))
		return kt_context(err, "node %u", node);
	n->cpus = cpumask_and(&n->cpus, online);
	snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%u/meminfo", root, node);
	n->memory_mib = read_memory_mib(path);
	return read_distances(root, node, t->nr_nodes, n->distances, err);
}

/* What is online, by the file that lists it; where a dump of a machine lacks that, by the directories that are there. */
static int read_online(const char *root, const char *what, struct cpumask *ret, struct kt_err *err)
{
	char buf[TEXT_LEN];

	*ret = (struct cpumask){ 0 };
	if (!read_text(root, buf, sizeof(buf), NULL, "%s/online", what))
		return cpulist_parse(buf, ret, err) ? kt_context(err, "%s/online", what) : 0;
	for (unsigned i = 0; i < CPUMASK_MAX; i++) {
		_cleanup_free_ char *dir = xasprintf("%s/sys/devices/system/%s/%s%u", root, what, what, i);
		bool off = !read_text(root, buf, sizeof(buf), NULL, "%s/%s%u/online", what, what, i) && streq(buf, "0");

		if (!off && !access(dir, F_OK))
			cpumask_set(ret, i);
	}
	return 0;
}

static int read_nodes(const char *root, const struct cpumask *online, bool close_holes, struct topo *t, struct kt_err *err)
{
	char buf[TEXT_LEN], path[4096];
	struct cpumask nodes;
	unsigned i = 0;

	if (read_online(root, "node", &nodes, err))
		return -1;
	if (!cpumask_count(&nodes) && read_text(root, buf, sizeof(buf), NULL, "node/online")) {
		t->nr_nodes = 1;
		t->nodes = xcalloc(1, sizeof(*t->nodes));
		snprintf(path, sizeof(path), "%s/proc/meminfo", root);
		t->nodes[0] = (struct topo_node){ .cpus = *online,
						  .memory_mib = read_memory_mib(path),
						  .distances = { TOPO_LOCAL_DISTANCE } };
		return 0;
	}
	t->nr_nodes = cpumask_count(&nodes);
	if (!t->nr_nodes || t->nr_nodes > TOPO_MAX_NODES)
		return kt_fail(err, "nodes '%s' are online: a plan takes 1 to %d nodes", cpulist_format(&nodes, buf), TOPO_MAX_NODES);
	if (!close_holes && cpumask_next(&nodes, t->nr_nodes) != CPUMASK_MAX)
		return kt_fail(err, "nodes '%s' are online: a plan takes nodes without holes in their numbers (--renumber closes them)",
			       cpulist_format(&nodes, buf));
	t->nodes = xcalloc(t->nr_nodes, sizeof(*t->nodes));
	for (unsigned n = cpumask_next(&nodes, 0); n < CPUMASK_MAX; n = cpumask_next(&nodes, n + 1))
		if (read_node(root, n, i++, online, t, err))
			return -1;
	return 0;
}

static const struct topo_cpu *cpu_lookup(const struct topo *t, unsigned cpu)
{
	for (unsigned i = 0; i < t->nr_cpus; i++)
		if (t->cpus[i].cpu == cpu)
			return &t->cpus[i];
	return NULL;
}

/* Add the next online CPU. Groups are numbered in the order of their first CPU: a CPU is the first of its group, or
 * has the number of that first one. */
static int add_cpu(const char *root, unsigned cpu, const struct cpumask *online, struct topo *t,
		   struct kt_err *err)
{
	struct topo_cpu *c = &t->cpus[t->nr_cpus];
	struct cpumask llc, core;
	const struct topo_cpu *first;

	*c = (struct topo_cpu){ .cpu = cpu, .apic_id = TOPO_NO_APIC_ID };
	while (c->node < t->nr_nodes && !cpumask_test(&t->nodes[c->node].cpus, cpu))
		c->node++;
	if (c->node == t->nr_nodes)
		return kt_fail(err, "cpu %u is online but in no node", cpu);
	llc = llc_of(root, cpu, online);
	llc = cpumask_and(&llc, &t->nodes[c->node].cpus);
	core = core_of(root, cpu, online);

	/* The second half of each condition holds on any sane machine; without it nonsense would make a bad plan. */
	first = cpu_lookup(t, cpumask_next(&llc, 0));
	c->llc = first && first->node == c->node ? first->llc : t->nr_llcs++;
	first = cpu_lookup(t, cpumask_next(&core, 0));
	c->core = first && first->llc == c->llc ? first->core : t->nr_cores++;
	for (unsigned i = 0; i < t->nr_cpus; i++)
		c->thread += t->cpus[i].core == c->core;
	t->nr_cpus++;
	return 0;
}

/* NnNlNcNt when the counts say so and every group has the same size, else "host". */
static void set_name(struct topo *t)
{
	unsigned cpu_nodes = 0, per_llc = t->nr_cpus / t->nr_llcs, per_core = t->nr_cpus / t->nr_cores;
	bool regular = true;

	for (unsigned i = 0; i < t->nr_nodes; i++)
		cpu_nodes += cpumask_count(&t->nodes[i].cpus) > 0;
	for (unsigned i = 0; i < t->nr_cpus && regular; i++) {
		struct cpumask llc = topo_llc_cpus(t, t->cpus[i].llc);
		unsigned in_core = 0;

		for (unsigned j = 0; j < t->nr_cpus; j++)
			in_core += t->cpus[j].core == t->cpus[i].core;
		regular = cpumask_count(&llc) == per_llc && in_core == per_core &&
			  cpumask_count(&t->nodes[t->cpus[i].node].cpus) * cpu_nodes == t->nr_cpus;
	}
	if (regular)
		snprintf(t->name, sizeof(t->name), "%un%ul%uc%ut", cpu_nodes, t->nr_llcs, per_llc / per_core,
			 per_core);
	else
		snprintf(t->name, sizeof(t->name), "host");
}

int topo_from_sysfs(const char *sysroot, bool close_holes, struct topo *ret, struct kt_err *err)
{
	_cleanup_(topo_deinit) struct topo t = { 0 };
	struct cpumask online;

	if (read_online(sysroot, "cpu", &online, err))
		return -1;
	if (!cpumask_count(&online))
		return kt_fail(err, "%s/sys/devices/system/cpu names no CPU that is online", sysroot);
	if (read_nodes(sysroot, &online, close_holes, &t, err))
		return -1;
	t.cpus = xcalloc(cpumask_count(&online), sizeof(*t.cpus));
	for (unsigned cpu = cpumask_next(&online, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(&online, cpu + 1))
		if (add_cpu(sysroot, cpu, &online, &t, err))
			return -1;
	for (unsigned i = 0; i < t.nr_nodes; i++)
		t.nodes[i].cpus = topo_node_cpus(&t, i);
	set_name(&t);
	*ret = t;
	t = (struct topo){ 0 };
	return 0;
}
