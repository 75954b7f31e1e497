// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ktstr-topo [options] NnNlNcNt|PRESET  |  --spec FILE  |  --host [options]  |  --check FILE  |  --list
 *
 * Writes the plan of a topology to stdout, as one line of JSON: every CPU with its place, the nodes with their memory
 * and distances, and the arguments that make the QEMU at hand build it. Everything that can be wrong with a topology
 * is said here, before anything boots.
 */
#include "libexec/lib/kt.h"
#include "libexec/topo/qemu.h"
#include "libexec/topo/shape.h"
#include <getopt.h>

/* The tutorial's: one node, one LLC, two cores. */
#define SPEC_TOPOLOGY_DEFAULT "1n1l2c1t"

/* A kernel drops smaller nodes. */
enum { MIN_NODE_MIB = 4, MAX_MIB = 1 << 30, DEFAULT_MIB = 2048 };

struct options {
	const char *place; /* of the topology, for errors: "FILE: $.topology: ", or "" */
	const char *name, *spec, *sysroot, *check, *qemu;
	const char *memory, *node_memory, *node_llcs, *llc_cores;
	const char **memory_nodes, **distances;
	unsigned nr_memory_nodes, nr_distances;
	bool host, renumber, no_qemu, list;
};

static void print_help(void)
{
	puts("usage: ktstr-topo [options] NnNlNcNt|PRESET\n"
	     "       ktstr-topo [options] --spec FILE\n"
	     "       ktstr-topo --host [--sysroot DIR] [--renumber]\n"
	     "       ktstr-topo --check FILE\n"
	     "       ktstr-topo --list\n"
	     "Write the plan of a CPU topology: nodes, LLCs in all, cores per LLC, threads per core.\n"
	     "A topology may be one word with the options that make it: '1n2l2c1t --llc-cores 1,3'.\n"
	     "\n"
	     "      --spec FILE        the topology that a spec names (1n1l2c1t if it names none)\n"
	     "      --node-llcs LIST   LLCs of each node, instead of as many in each\n"
	     "      --llc-cores LIST   cores of each LLC, instead of as many in each\n"
	     "      --memory MIB       memory in all, shared out evenly over the nodes (2048)\n"
	     "      --node-memory LIST memory of each node, in MiB\n"
	     "      --memory-node MIB  add a node that has only memory; may be repeated\n"
	     "      --distance A,B=N   distance between two nodes (20); may be repeated\n"
	     "      --host             the topology of this machine, with its own CPU numbers\n"
	     "      --sysroot DIR      with --host: the machine whose /sys and /proc are in DIR\n"
	     "      --renumber         with --host: a virtual machine of that shape\n"
	     "      --qemu BINARY      the QEMU to plan for ($KTSTR_QEMU, else qemu-system-x86_64)\n"
	     "      --no-qemu          plan without QEMU: nothing to boot\n"
	     "      --check FILE       read a plan (- is stdin) and say what is wrong with it\n"
	     "      --list             list the presets\n"
	     "  -h, --help             this text");
}

static void append_string(const char ***list, unsigned *n, const char *s)
{
	*list = xrealloc(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = s;
}

enum {
	OPT_NODE_LLCS = 256, OPT_SPEC,
	OPT_LLC_CORES,
	OPT_MEMORY,
	OPT_NODE_MEMORY,
	OPT_MEMORY_NODE,
	OPT_DISTANCE,
	OPT_HOST,
	OPT_SYSROOT,
	OPT_RENUMBER,
	OPT_QEMU,
	OPT_NO_QEMU,
	OPT_CHECK,
	OPT_LIST
};

/* With the place of a topology that has the option, or with the word to ask for help. */
static KT_PRINTF(2, 3) _Noreturn void refuse(const struct options *o, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (*o->place)
		die(KT_USAGE, "%s%s", o->place, text);
	die_usage("%s", text);
}

static _Noreturn void bad_option(const struct options *o, const char *last)
{
	/* A short option may be in the middle of its argument: only getopt knows which one it was. */
	if (optopt > 0 && optopt < OPT_NODE_LLCS)
		refuse(o, "unknown option '-%c'", optopt);
	refuse(o, "unknown option, or one without its value or with one too many: '%s'", last);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "spec", required_argument, NULL, OPT_SPEC },
		{ "node-llcs", required_argument, NULL, OPT_NODE_LLCS },
		{ "llc-cores", required_argument, NULL, OPT_LLC_CORES },
		{ "memory", required_argument, NULL, OPT_MEMORY },
		{ "node-memory", required_argument, NULL, OPT_NODE_MEMORY },
		{ "memory-node", required_argument, NULL, OPT_MEMORY_NODE },
		{ "distance", required_argument, NULL, OPT_DISTANCE },
		{ "host", no_argument, NULL, OPT_HOST },
		{ "sysroot", required_argument, NULL, OPT_SYSROOT },
		{ "renumber", no_argument, NULL, OPT_RENUMBER },
		{ "qemu", required_argument, NULL, OPT_QEMU },
		{ "no-qemu", no_argument, NULL, OPT_NO_QEMU },
		{ "check", required_argument, NULL, OPT_CHECK },
		{ "list", no_argument, NULL, OPT_LIST },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		switch (c) {
		case OPT_SPEC: o->spec = optarg; break;
		case OPT_NODE_LLCS: o->node_llcs = optarg; break;
		case OPT_LLC_CORES: o->llc_cores = optarg; break;
		case OPT_MEMORY: o->memory = optarg; break;
		case OPT_NODE_MEMORY: o->node_memory = optarg; break;
		case OPT_MEMORY_NODE: append_string(&o->memory_nodes, &o->nr_memory_nodes, optarg); break;
		case OPT_DISTANCE: append_string(&o->distances, &o->nr_distances, optarg); break;
		case OPT_HOST: o->host = true; break;
		case OPT_SYSROOT: o->sysroot = optarg; break;
		case OPT_RENUMBER: o->renumber = true; break;
		case OPT_QEMU: o->qemu = optarg; break;
		case OPT_NO_QEMU: o->no_qemu = true; break;
		case OPT_CHECK: o->check = optarg; break;
		case OPT_LIST: o->list = true; break;
		case 'h':
			if (*o->place)
				refuse(o, "--help is no part of a topology");
			print_help();
			exit(KT_OK);
		default: bad_option(o, argv[optind - 1]);
		}
	}
	o->name = argv[optind];
	if (optind + 1 < argc)
		refuse(o, "one topology is enough: '%s'", argv[optind + 1]);
}

static bool changes_machine(const struct options *o)
{
	return o->node_llcs || o->llc_cores || o->memory || o->node_memory || o->nr_memory_nodes || o->nr_distances || o->sysroot ||
		o->renumber;
}

/* A topology with options in one word, as a spec and ktstr run -T have it: what stands there stands for the command line's. */
static void take_options_of_topology(struct options *o)
{
	static char self[] = "ktstr-topo";
	struct options in_topology = { .place = *o->place ? o->place : "topology: " };
	char *argv[64] = { self }, *rest = xstrdup(o->name); /* the options point into it */
	int argc = 1;

	if (changes_machine(o))
		refuse(o, "'%s' has options of its own: no others go with it", o->name);
	for (char *word; (word = strtok_r(rest, " \t", &rest));) {
		if (argc == ARRAY_SIZE(argv) - 1)
			refuse(o, "more than %zu words", ARRAY_SIZE(argv) - 2);
		argv[argc++] = word;
	}
	optind = 0; /* glibc: from the beginning */
	parse_options(argc, argv, &in_topology);
	if (in_topology.spec || in_topology.check || in_topology.list || in_topology.qemu || in_topology.no_qemu)
		refuse(o, "--spec, --check, --list, --qemu and --no-qemu are no part of a topology");
	in_topology.qemu = o->qemu;
	in_topology.no_qemu = o->no_qemu;
	*o = in_topology;
}

static void check_options(const struct options *o)
{
	bool shape = o->node_llcs || o->llc_cores;
	bool change = o->memory || o->node_memory || o->nr_memory_nodes || o->nr_distances;

	if (!!o->name + !!o->spec + o->host + !!o->check + o->list != 1)
		refuse(o, "one of a topology, --spec, --host, --check and --list is needed");
	if (shape && !o->name && !o->spec)
		refuse(o, "--node-llcs and --llc-cores change a named topology");
	if (change && !o->name && !o->spec && !(o->host && o->renumber))
		refuse(o, "memory and distances can be set for a named topology, or with --host --renumber");
	if ((o->sysroot || o->renumber) && !o->host)
		refuse(o, "--sysroot and --renumber go with --host");
	if (o->memory && o->node_memory)
		refuse(o, "--memory and --node-memory exclude each other");
	if (o->qemu && o->no_qemu)
		refuse(o, "--qemu and --no-qemu exclude each other");
}

static void list_presets(void)
{
	static const char row[] = "%-24s %-19s %5s %5s %6s %4s  %s%s%s\n";

	printf(row, "NAME", "OLD NAME", "CPUS", "LLCS", "NODES", "SMT", "TOPOLOGY", "", "");
	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		char cpus[16], llcs[16], nodes[16];
		struct topo_shape s;
		struct kt_err err;

		if (topo_shape_parse(p->name, NULL, NULL, &s, &err))
			BUG("preset %s: %s", p->name, err.msg);
		snprintf(cpus, sizeof(cpus), "%u", topo_shape_cpus(&s));
		snprintf(llcs, sizeof(llcs), "%u", s.nr_llcs);
		snprintf(nodes, sizeof(nodes), "%u", s.nr_nodes);
		printf(row, p->name, p->old_name ? p->old_name : "-", cpus, llcs, nodes,
		       s.threads > 1 ? "yes" : "no", p->topology, p->llc_cores ? " --llc-cores " : "",
		       p->llc_cores ? p->llc_cores : "");
	}
}

static void named_topology(const struct options *o, struct topo *ret)
{
	struct topo_shape s;
	struct kt_err err;

	if (topo_shape_parse(o->name, o->node_llcs, o->llc_cores, &s, &err))
		die(KT_USAGE, "%s%s", o->place, err.msg);
	topo_from_shape(&s, ret);
}

/* The topology a spec asks for. The rest of the spec is ktstr-boot's to check. */
static const char *topology_of(const char *path)
{
	struct kt_err err;

	if (!streq(path, "-") && access(path, R_OK))
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	json_t *spec = kt_json_load(path, &err);
	if (!spec)
		die(KT_USAGE, "%s", err.msg);
	json_t *topology = json_object_get(spec, "topology");
	if (topology && !json_is_string(topology))
		die(KT_USAGE, "%s: $.topology: must be a string", path);
	return topology ? json_string_value(topology) : SPEC_TOPOLOGY_DEFAULT;
}

/* A node without memory is a machine that there is; one with less than a kernel takes would be one without, unasked. */
static void check_node_memory(const struct options *o, const struct topo *t)
{
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		unsigned long long mib = t->nodes[i].memory_mib;

		if (mib && mib < MIN_NODE_MIB)
			die(KT_USAGE, "%s--node-memory: %llu is neither 0 nor in %d..%d", o->place, mib, MIN_NODE_MIB, MAX_MIB);
		if (!mib && !cpumask_count(&t->nodes[i].cpus))
			die(KT_USAGE, "%s--node-memory: node %u would have neither CPUs nor memory", o->place, i);
	}
	if (!topo_nodes_with_memory(t))
		die(KT_USAGE, "%s--node-memory: no node would have memory", o->place);
}

static void set_memory(const struct options *o, struct topo *t, struct kt_err *err)
{
	unsigned with = topo_nodes_with_memory(t);
	int64_t mib[TOPO_MAX_NODES] = { DEFAULT_MIB };

	if (o->node_memory) {
		if (topo_parse_list(o->node_memory, "--node-memory", t->nr_nodes, 0, MAX_MIB, mib, err))
			die(KT_USAGE, "%s%s", o->place, err->msg);
		for (unsigned i = 0; i < t->nr_nodes; i++)
			t->nodes[i].memory_mib = mib[i];
		check_node_memory(o, t);
		return;
	}
	if (o->memory && kt_parse_i64(o->memory, "--memory", MIN_NODE_MIB * (with ? with : t->nr_nodes), MAX_MIB, mib, err))
		die(KT_USAGE, "%s%s", o->place, err->msg);
	topo_set_memory(t, mib[0]);
}

static void set_nodes(const struct options *o, struct topo *t)
{
	struct kt_err err;
	int64_t mib;

	set_memory(o, t, &err);
	for (unsigned i = 0; i < o->nr_memory_nodes; i++)
		if (kt_parse_i64(o->memory_nodes[i], "--memory-node", MIN_NODE_MIB, MAX_MIB, &mib, &err) ||
		    topo_add_memory_node(t, mib, &err))
			die(KT_USAGE, "%s%s", o->place, err.msg);
	if (topo_set_distances(t, o->distances, o->nr_distances, &err))
		die(KT_USAGE, "%s%s", o->place, err.msg);
}

static void probe_qemu(const struct options *o, struct qemu_version *ret)
{
	const char *env = getenv("KTSTR_QEMU");
	const char *qemu = o->qemu ? o->qemu : env && *env ? env : "qemu-system-x86_64";
	struct kt_err err;

	if (qemu_probe(qemu, ret, &err))
		die(KT_TROUBLE,
		    "%s (install qemu-system-x86, name a QEMU with --qemu or KTSTR_QEMU, or plan with --no-qemu)",
		    err.msg);
}

/* With args, also fill them in. */
static void ask_qemu(const struct options *o, struct topo *t, bool args)
{
	struct qemu_version v;
	struct kt_err err;

	if (o->no_qemu)
		return;
	probe_qemu(o, &v);
	if (topo_qemu_can(t, &v, &err))
		die(KT_CANNOT_TELL, "%s", err.msg);
	if (args)
		topo_qemu_args(t, &v);
}

static int check_plan(const struct options *o)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;
	struct topo t;

	if (!streq(o->check, "-") && access(o->check, R_OK))
		die(KT_TROUBLE, "cannot open '%s': %s", o->check, strerror(errno));
	json_t *plan = kt_json_load(o->check, &err);
	if (!plan)
		die(KT_USAGE, "%s", err.msg);
	if (topo_from_json(plan, streq(o->check, "-") ? "<stdin>" : o->check, &t, &errs)) {
		kt_errs_print(&errs);
		return KT_USAGE;
	}
	/* A plan that is not for QEMU is right as it is. */
	if (t.qemu_args)
		ask_qemu(o, &t, false);
	return KT_OK;
}

static int write_plan(const struct options *o)
{
	struct kt_err err;
	struct topo t;

	if (o->name)
		named_topology(o, &t);
	else if (topo_from_sysfs(o->sysroot ? o->sysroot : "", o->renumber, &t, &err))
		die(KT_TROUBLE, "%s", err.msg);
	if (o->renumber)
		topo_renumber(&t);
	if (o->name || o->renumber) {
		set_nodes(o, &t);
		ask_qemu(o, &t, true);
	}
	if (kt_json_line(stdout, topo_to_json(&t), &err))
		die(KT_TROUBLE, "%s", err.msg);
	return KT_OK;
}

int main(int argc, char **argv)
{
	struct options o = { .place = "" };

	kt_init("ktstr-topo");
	parse_options(argc, argv, &o);
	check_options(&o);
	if (o.spec) {
		o.name = topology_of(o.spec);
		o.place = xasprintf("%s: $.topology: ", o.spec);
	}
	if (o.name && (o.name[strcspn(o.name, " \t")] || *o.name == '-')) {
		take_options_of_topology(&o);
		check_options(&o);
	}
	if (o.check)
		return check_plan(&o);
	if (o.list) {
		list_presets();
		return KT_OK;
	}
	return write_plan(&o);
}
