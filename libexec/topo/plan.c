// SPDX-License-Identifier: GPL-2.0-only
/* The plan: reading it as the untrusted input it is, writing it, and questions about it. See plan.h. */
#include "libexec/lib/kt.h"
#include "libexec/topo/plan.h"

enum { NONE = -1, MAX_MEMORY_MIB = 1 << 30 };

static bool get_uint(const struct jcur *obj, const char *key, int64_t min, int64_t max, unsigned *ret)
{
	struct jcur c;
	int64_t v;

	if (!jcur_need(obj, key, &c) || !jcur_int(&c, min, max, &v))
		return false;
	*ret = v;
	return true;
}

static bool get_text(const struct jcur *obj, const char *key, char *ret, size_t size)
{
	const char *s;
	struct jcur c;

	if (!jcur_need(obj, key, &c) || !jcur_str(&c, &s))
		return false;
	if (strlen(s) >= size)
		return jcur_error(&c, "longer than %zu bytes", size - 1);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return jcur_error(&c, "has a control character");
	snprintf(ret, size, "%s", s);
	return true;
}

static void read_head(const struct jcur *root, struct topo *t)
{
	const char *kind;
	unsigned version;
	struct jcur c;

	if (jcur_need(root, "kind", &c) && jcur_str(&c, &kind) && !streq(kind, "plan"))
		jcur_error(&c, "must be \"plan\"");
	get_uint(root, "ktstr", 1, 1, &version);
	get_text(root, "name", t->name, sizeof(t->name));
}

static bool read_cpu(const struct jcur *c, struct topo_cpu *cpu)
{
	static const char *const keys[] = { "cpu", "node", "llc", "core", "thread", "apic_id", NULL };
	struct jcur apic;
	bool ok;

	if (!jcur_is_object(c))
		return false;
	ok = jcur_known(c, keys);
	ok &= get_uint(c, "cpu", 0, CPUMASK_MAX - 1, &cpu->cpu);
	ok &= get_uint(c, "node", 0, TOPO_MAX_NODES - 1, &cpu->node);
	ok &= get_uint(c, "llc", 0, CPUMASK_MAX - 1, &cpu->llc);
	ok &= get_uint(c, "core", 0, CPUMASK_MAX - 1, &cpu->core);
	ok &= get_uint(c, "thread", 0, CPUMASK_MAX - 1, &cpu->thread);
	cpu->apic_id = TOPO_NO_APIC_ID;
	if (jcur_get(c, "apic_id", &apic))
		ok &= get_uint(c, "apic_id", 0, TOPO_NO_APIC_ID - INT64_C(1), &cpu->apic_id);
	return ok;
}

/* What is known so far of the ids that the CPUs name: where each one was seen first. */
struct ids {
	int llc_node[CPUMASK_MAX], core_llc[CPUMASK_MAX];
	unsigned core_threads[CPUMASK_MAX], nr_llcs, nr_cores;
};

static bool id_error(const struct jcur *c, const char *key, const char *fmt, ...) KT_PRINTF(3, 4);
static bool id_error(const struct jcur *c, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *msg = NULL;
	struct jcur at;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	return jcur_error(jcur_get(c, key, &at) ? &at : c, "%s", msg);
}

/*
 * An id that is new must be the next one: ids then have no holes, and two plans of the same machine are equal number
 * by number. *nr follows what is there, so that one hole is one error.
 */
static void check_next(const struct jcur *c, const char *key, unsigned id, unsigned *nr)
{
	if (id != *nr)
		id_error(c, key,
			 "%s %u is new here, but the next one is %u: ids count up from 0 in the order of their first CPU",
			 key, id, *nr);
	*nr = MAX(*nr, id + 1);
}

static void check_cpu(const struct jcur *c, const struct topo_cpu *cpu, struct ids *ids)
{
	if (ids->llc_node[cpu->llc] == NONE) {
		ids->llc_node[cpu->llc] = cpu->node;
		check_next(c, "llc", cpu->llc, &ids->nr_llcs);
	} else if (ids->llc_node[cpu->llc] != (int)cpu->node) {
		id_error(c, "node", "llc %u is in node %d already: an LLC lies in one node", cpu->llc,
			 ids->llc_node[cpu->llc]);
	}
	if (ids->core_llc[cpu->core] == NONE) {
		ids->core_llc[cpu->core] = cpu->llc;
		check_next(c, "core", cpu->core, &ids->nr_cores);
	} else if (ids->core_llc[cpu->core] != (int)cpu->llc) {
		id_error(c, "llc", "core %u is in llc %d already: a core lies in one LLC", cpu->core,
			 ids->core_llc[cpu->core]);
	}
	if (cpu->thread != ids->core_threads[cpu->core])
		id_error(c, "thread", "must be %u: the threads of a core count up from 0 in the order of CPUs",
			 ids->core_threads[cpu->core]);
	ids->core_threads[cpu->core]++;
}

/* APIC ids differ, and either every CPU has one or none has. */
static void check_apic_ids(const struct jcur *cpus, const struct topo *t)
{
	for (unsigned i = 0; i < t->nr_cpus; i++) {
		struct jcur c = jcur_at(cpus, i);
		unsigned id = t->cpus[i].apic_id;

		if ((id == TOPO_NO_APIC_ID) != (t->cpus[0].apic_id == TOPO_NO_APIC_ID)) {
			jcur_error(&c, "some CPUs have an apic_id and some have none");
			return;
		}
		for (unsigned j = 0; id != TOPO_NO_APIC_ID && j < i; j++)
			if (t->cpus[j].apic_id == id) {
				id_error(&c, "apic_id", "cpu %u has APIC id %u already", t->cpus[j].cpu, id);
				break;
			}
	}
}

/* Returns false when any CPU is malformed: then what needs all of them is not checked. */
static bool read_cpus(const struct jcur *root, struct topo *t)
{
	_cleanup_free_ struct ids *ids = xcalloc(1, sizeof(*ids));
	int last = NONE;
	bool ok = true;
	struct jcur cpus;
	size_t n;

	if (!jcur_need(root, "cpus", &cpus) || !jcur_is_array(&cpus, 1))
		return false;
	n = json_array_size(cpus.j);
	if (n > CPUMASK_MAX)
		return jcur_error(&cpus, "%zu CPUs are more than %d", n, CPUMASK_MAX);
	memset(ids->llc_node, 0xff, sizeof(ids->llc_node));
	memset(ids->core_llc, 0xff, sizeof(ids->core_llc));
	t->cpus = xcalloc(n, sizeof(*t->cpus));
	for (size_t i = 0; i < n; i++) {
		struct topo_cpu *cpu = &t->cpus[i];
		struct jcur c = jcur_at(&cpus, i);

		if (!read_cpu(&c, cpu)) {
			ok = false;
			continue;
		}
		if ((int)cpu->cpu <= last)
			ok = id_error(&c, "cpu", "%u after %d: CPUs are in rising order, each once", cpu->cpu,
				      last);
		last = MAX(last, (int)cpu->cpu);
		/* After a CPU that cannot be read, nobody knows which ids come next. */
		if (ok)
			check_cpu(&c, cpu, ids);
	}
	if (!ok)
		return false;
	t->nr_cpus = n;
	t->nr_llcs = ids->nr_llcs;
	t->nr_cores = ids->nr_cores;
	check_apic_ids(&cpus, t);
	return true;
}

static void read_distances(const struct jcur *node, unsigned i, unsigned nr_nodes, unsigned *ret)
{
	struct jcur c;

	if (!jcur_need(node, "distances", &c) || !jcur_is_array(&c, 0))
		return;
	if (json_array_size(c.j) != nr_nodes) {
		jcur_error(&c, "has %zu distances, but there are %u nodes", json_array_size(c.j), nr_nodes);
		return;
	}
	for (unsigned j = 0; j < nr_nodes; j++) {
		struct jcur d = jcur_at(&c, j);
		int64_t v;

		if (!jcur_int(&d, TOPO_LOCAL_DISTANCE, TOPO_MAX_DISTANCE, &v))
			continue;
		if (i == j && v != TOPO_LOCAL_DISTANCE)
			jcur_error(&d, "the distance of a node to itself is %d", TOPO_LOCAL_DISTANCE);
		ret[j] = v;
	}
}

static void read_node_cpus(const struct jcur *c, unsigned i, const struct topo *t, struct cpumask *ret)
{
	struct kt_err err;
	struct jcur list;

	if (!jcur_need(c, "cpus", &list))
		return;
	if (!json_is_string(list.j)) {
		jcur_error(&list, "must be a cpulist in a string");
		return;
	}
	if (cpulist_parse(json_string_value(list.j), ret, &err)) {
		jcur_error(&list, "%s", err.msg);
		return;
	}
	struct cpumask want = topo_node_cpus(t, i);
	if (t->nr_cpus && !cpumask_equal(&want, ret)) {
		char buf[CPULIST_LEN];
		jcur_error(&list, "$.cpus says '%s'", cpulist_format(&want, buf));
	}
}

static void read_nodes(const struct jcur *root, bool cpus_ok, struct topo *t)
{
	static const char *const keys[] = { "node", "cpus", "memory_mib", "distances", NULL };
	struct jcur nodes;
	size_t n;

	if (!jcur_need(root, "nodes", &nodes) || !jcur_is_array(&nodes, 1))
		return;
	n = json_array_size(nodes.j);
	if (n > TOPO_MAX_NODES) {
		jcur_error(&nodes, "%zu nodes are more than %d", n, TOPO_MAX_NODES);
		return;
	}
	t->nodes = xcalloc(n, sizeof(*t->nodes));
	t->nr_nodes = n;
	for (unsigned i = 0; i < n; i++) {
		struct topo_node *node = &t->nodes[i];
		struct jcur c = jcur_at(&nodes, i), at;
		unsigned id, mib;

		if (!jcur_is_object(&c))
			continue;
		jcur_known(&c, keys);
		if (get_uint(&c, "node", 0, TOPO_MAX_NODES - 1, &id) && id != i && jcur_get(&c, "node", &at))
			jcur_error(&at, "must be %u: nodes are in order and without holes", i);
		if (get_uint(&c, "memory_mib", 0, MAX_MEMORY_MIB, &mib))
			node->memory_mib = mib;
		read_node_cpus(&c, i, t, &node->cpus);
		read_distances(&c, i, n, node->distances);
	}
	for (unsigned i = 0; cpus_ok && i < t->nr_cpus; i++)
		if (t->cpus[i].node >= n)
			kt_errs_add(root->doc->errs, "%s: $.cpus[%u].node: there is no node %u in $.nodes",
				    root->doc->file, i, t->cpus[i].node);
}

/* What a plan can tell QEMU: nothing but the machine's shape. */
static bool is_topology_option(const char *s)
{
	static const char *const options[] = { "-cpu", "-smp", "-numa", "-device", "-machine" };

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (streq(s, options[i]))
			return true;
	return false;
}

static void read_args(const struct jcur *args, struct topo *t)
{
	size_t n = json_array_size(args->j);

	t->qemu_args = xcalloc(n + 1, sizeof(*t->qemu_args));
	for (size_t i = 0; i < n; i++) {
		struct jcur c = jcur_at(args, i);
		const char *s = "";

		if (jcur_str(&c, &s) && i % 2 == 0 && !is_topology_option(s))
			jcur_error(&c, "'%.40s' is not -cpu, -smp, -numa, -device or -machine", s);
		t->qemu_args[i] = xstrdup(s);
	}
	if (n % 2)
		jcur_error(args, "has an option without its value");
}

static void read_qemu(const struct jcur *root, struct topo *t)
{
	static const char *const keys[] = { "version", "args", NULL };
	struct jcur qemu, args;
	uint64_t memory = 0;

	if (!jcur_get(root, "qemu", &qemu) || !jcur_is_object(&qemu))
		return;
	jcur_known(&qemu, keys);
	get_text(&qemu, "version", t->qemu_version, sizeof(t->qemu_version));
	if (jcur_need(&qemu, "args", &args) && jcur_is_array(&args, 2))
		read_args(&args, t);
	for (unsigned i = 0; i < t->nr_cpus; i++) {
		if (t->cpus[i].cpu == i)
			continue;
		jcur_error(&qemu,
			   "the plan has no CPU %u: a machine that QEMU makes has no holes in its CPU numbers",
			   i);
		break;
	}
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		memory += t->nodes[i].memory_mib;
		if (!t->nodes[i].memory_mib && !cpumask_count(&t->nodes[i].cpus))
			jcur_error(&qemu, "node %u has neither CPUs nor memory: a guest does not see such a node", i);
	}
	if (t->nr_nodes && !memory)
		jcur_error(&qemu, "no node has memory");
}

int topo_from_json(json_t *plan, const char *file, struct topo *ret, struct kt_errs *errs)
{
	static const char *const keys[] = { "kind", "ktstr", "name", "cpus", "nodes", "qemu", NULL };
	const struct jdoc doc = { .file = file, .errs = errs };
	struct jcur root = jcur_root(&doc, plan);
	size_t before = errs->n;
	struct topo t = { 0 };

	if (jcur_is_object(&root)) {
		jcur_known(&root, keys);
		read_head(&root, &t);
		bool cpus_ok = read_cpus(&root, &t);
		read_nodes(&root, cpus_ok, &t);
		read_qemu(&root, &t);
	}
	if (errs->n > before) {
		topo_deinit(&t);
		return -1;
	}
	*ret = t;
	return 0;
}

static json_t *node_to_json(const struct topo *t, unsigned i)
{
	json_t *distances = json_array();
	char buf[CPULIST_LEN];

	for (unsigned j = 0; j < t->nr_nodes; j++)
		json_array_append_new(distances, json_integer(t->nodes[i].distances[j]));
	return KT_PACK("{s:i, s:s, s:I, s:o}", "node", (int)i, "cpus", cpulist_format(&t->nodes[i].cpus, buf),
		       "memory_mib", (json_int_t)t->nodes[i].memory_mib, "distances", distances);
}

json_t *topo_to_json(const struct topo *t)
{
	json_t *cpus = json_array(), *nodes = json_array(), *args, *plan;

	for (unsigned i = 0; i < t->nr_cpus; i++) {
		const struct topo_cpu *c = &t->cpus[i];
		json_t *cpu = KT_PACK("{s:i, s:i, s:i, s:i, s:i}", "cpu", c->cpu, "node", c->node, "llc",
				      c->llc, "core", c->core, "thread", c->thread);

		if (c->apic_id != TOPO_NO_APIC_ID)
			json_object_set_new(cpu, "apic_id", json_integer(c->apic_id));
		json_array_append_new(cpus, cpu);
	}
	for (unsigned i = 0; i < t->nr_nodes; i++)
		json_array_append_new(nodes, node_to_json(t, i));
	plan = KT_PACK("{s:s, s:i, s:s, s:o, s:o}", "kind", "plan", "ktstr", 1, "name", t->name, "cpus", cpus,
		       "nodes", nodes);
	if (t->qemu_args) {
		args = json_array();
		for (char **a = t->qemu_args; *a; a++)
			json_array_append_new(args, json_string(*a));
		json_object_set_new(plan, "qemu",
				    KT_PACK("{s:s, s:o}", "version", t->qemu_version, "args", args));
	}
	return plan;
}
