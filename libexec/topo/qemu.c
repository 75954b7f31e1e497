// SPDX-License-Identifier: GPL-2.0-only
/* Topologies as QEMU arguments: see qemu.h. */
#include "libexec/lib/kt.h"
#include "libexec/topo/qemu.h"
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <sys/wait.h>

enum { MAX_APIC_ID = 254, MIN_GUEST_DISTANCE = 11, MAX_GUEST_DISTANCE = 254 };

/* Where a CPU sits in QEMU's grid, and how big that grid is. */
struct place {
	unsigned socket, die, core, thread;
};

struct grid {
	unsigned sockets, dies, cores, threads;
	struct place *places; /* of each CPU of the topology */
};

static void grid_deinit(struct grid *g)
{
	free(g->places);
}

static void grid_init(struct grid *g, const struct topo *t)
{
	unsigned node_dies[TOPO_MAX_NODES] = { 0 }, llc_cores[CPUMASK_MAX] = { 0 };
	int die[CPUMASK_MAX], core[CPUMASK_MAX];

	memset(die, 0xff, sizeof(die));
	memset(core, 0xff, sizeof(core));
	*g = (struct grid){ .places = xcalloc(t->nr_cpus, sizeof(*g->places)) };
	for (unsigned i = 0; i < t->nr_cpus; i++) {
		const struct topo_cpu *c = &t->cpus[i];

		if (die[c->llc] < 0)
			die[c->llc] = node_dies[c->node]++;
		if (core[c->core] < 0)
			core[c->core] = llc_cores[c->llc]++;
		g->places[i] = (struct place){ c->node, die[c->llc], core[c->core], c->thread };
		g->sockets = MAX(g->sockets, c->node + 1);
		g->dies = MAX(g->dies, die[c->llc] + 1u);
		g->cores = MAX(g->cores, core[c->core] + 1u);
		g->threads = MAX(g->threads, c->thread + 1);
	}
}

static uint64_t grid_cpus(const struct grid *g)
{
	return (uint64_t)g->sockets * g->dies * g->cores * g->threads;
}

/* Bits that hold n different ids. */
static unsigned id_bits(unsigned n)
{
	return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

/* Each level has bits of its own, so the ids have holes where a size is not a power of two. */
static uint64_t apic_id(const struct grid *g, const struct place *p)
{
	uint64_t id = p->socket;

	id = id << id_bits(g->dies) | p->die;
	id = id << id_bits(g->cores) | p->core;
	return id << id_bits(g->threads) | p->thread;
}

/* QEMU counts what could be plugged in, too. */
static uint64_t last_apic_id(const struct grid *g)
{
	return apic_id(g, &(struct place){ g->sockets - 1, g->dies - 1, g->cores - 1, g->threads - 1 });
}

void topo_set_apic_ids(struct topo *t)
{
	_cleanup_(grid_deinit) struct grid g;

	grid_init(&g, t);
	for (unsigned i = 0; i < t->nr_cpus; i++)
		t->cpus[i].apic_id = apic_id(&g, &g.places[i]);
}

/* Everything that QEMU says, up to the size of buf; -1 when it cannot be run. */
static int output_of(const char *binary, char *buf, size_t size, struct kt_err *err)
{
	char *argv[] = { (char *)binary, "-version", NULL };
	size_t len = 0;
	int pair[2];
	ssize_t n;

	if (pipe2(pair, O_CLOEXEC))
		return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
	_cleanup_close_ int in = pair[0], out = pair[1];
	/* Our own stdin may be a plan that is still to be read. */
	const struct spawn_fd fds[] = { { -1, STDIN_FILENO }, { out, STDOUT_FILENO } };
	pid_t pid = spawn_program(&(struct spawn){ .argv = argv, .fds = fds, .nr_fds = ARRAY_SIZE(fds), .cgroup = -1 }, err);
	if (pid < 0)
		return -1;
	close(take_fd(out));
	while (len < size - 1 && ((n = read(in, buf + len, size - 1 - len)) > 0 || (n < 0 && errno == EINTR)))
		len += n > 0 ? n : 0;
	buf[len] = '\0';
	close(take_fd(in));
	int status = spawn_wait(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return kt_fail(err, "'%s -version' failed", binary);
	return 0;
}

int qemu_probe(const char *binary, struct qemu_version *ret, struct kt_err *err)
{
	struct qemu_version v = { 0 };
	char buf[4096];

	if (output_of(binary, buf, sizeof(buf), err))
		return -1;
	const char *p = strstr(buf, "QEMU emulator version ");
	if (!p || sscanf(p, "QEMU emulator version %63[0-9.]", v.text) != 1 ||
	    sscanf(v.text, "%3u.%3u", &v.major, &v.minor) != 2)
		return kt_fail(err, "'%s -version' does not say 'QEMU emulator version N.N'", binary);
	*ret = v;
	return 0;
}

static bool at_least(const struct qemu_version *v, unsigned major, unsigned minor)
{
	return v->major > major || (v->major == major && v->minor >= minor);
}

/*
 * The model decides whether an L3 is per die, and programs choose their code by it: gcc's target_clones ask for the model and
 * not for each instruction. So it is one whose instructions TCG has: a Haswell without TSX has AVX2 and FMA, and no AVX-512.
 */
#define CPU_MODEL "Haswell-noTSX"

/*
 * From 9.1 on, QEMU aborts when a guest reads a CPUID leaf beyond the last one and the last one is 0x1f, as it is with
 * several dies: the last one is 0x20 there.
 */
static const char *cpu_options(const struct qemu_version *v)
{
	return at_least(v, 9, 1) ? ",level=32" : "";
}

/* What the q35 machine takes. */
static unsigned max_cpus(const struct qemu_version *v)
{
	return at_least(v, 9, 0) ? 4096 : at_least(v, 8, 1) ? 1024 : 288;
}

/* A guest numbers CPUs in the order of their APIC ids, and nodes as it meets their CPUs. */
static int check_numbering(const struct topo *t, struct kt_err *err)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < t->nr_cpus; i++) {
		const struct topo_cpu *c = &t->cpus[i];

		if (i && c->apic_id <= c[-1].apic_id)
			return kt_fail(err,
				       "cpu %u comes after cpu %u, but not by node, LLC, core and thread as a guest numbers them",
				       c->cpu, c[-1].cpu);
		if (c->node > seen)
			return kt_fail(err,
				       "node %u has no CPUs: a guest numbers nodes that have only memory last",
				       seen);
		seen = MAX(seen, c->node + 1);
	}
	return 0;
}

static int check_distances(const struct topo *t, struct kt_err *err)
{
	for (unsigned i = 0; i < t->nr_nodes; i++)
		for (unsigned j = 0; j < t->nr_nodes; j++) {
			unsigned d = t->nodes[i].distances[j];

			if (i != j && (d < MIN_GUEST_DISTANCE || d > MAX_GUEST_DISTANCE))
				return kt_fail(err,
					       "node %u to node %u: a distance of %u is not in %d..%d, and a guest ignores it",
					       i, j, d, MIN_GUEST_DISTANCE, MAX_GUEST_DISTANCE);
		}
	return 0;
}

int topo_qemu_can(const struct topo *t, const struct qemu_version *v, struct kt_err *err)
{
	struct topo placed = *t;
	_cleanup_free_ struct topo_cpu *cpus = xcalloc(t->nr_cpus, sizeof(*cpus));
	_cleanup_(grid_deinit) struct grid g;

	placed.cpus = memcpy(cpus, t->cpus, t->nr_cpus * sizeof(*cpus));
	topo_set_apic_ids(&placed);
	grid_init(&g, t);
	if (!at_least(v, 7, 2))
		return kt_fail(err, "QEMU %s is older than 7.2", v->text);
	if (check_numbering(&placed, err) || check_distances(t, err))
		return -1;
	if (grid_cpus(&g) > max_cpus(v))
		return kt_fail(err,
			       "%s: %llu CPUs (%u sockets, %u dies, %u cores, %u threads) are more than the %u that QEMU %s takes",
			       t->name, (unsigned long long)grid_cpus(&g), g.sockets, g.dies, g.cores,
			       g.threads, max_cpus(v), v->text);
	if (last_apic_id(&g) > MAX_APIC_ID && !at_least(v, 9, 0))
		return kt_fail(err,
			       "%s: APIC ids go up to %llu: beyond %d they take x2APIC, which QEMU %s does not emulate (9.0 does)",
			       t->name, (unsigned long long)last_apic_id(&g), MAX_APIC_ID, v->text);
	return 0;
}

/* Adds one option and its value. */
static void add_option(struct topo *t, const char *option, const char *fmt, ...) KT_PRINTF(3, 4);
static void add_option(struct topo *t, const char *option, const char *fmt, ...)
{
	size_t n = 0;
	char *value;
	va_list ap;

	while (t->qemu_args && t->qemu_args[n])
		n++;
	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	t->qemu_args = xrealloc(t->qemu_args, n + 3, sizeof(*t->qemu_args));
	t->qemu_args[n] = xstrdup(option);
	t->qemu_args[n + 1] = value;
	t->qemu_args[n + 2] = NULL;
}

static void add_nodes(struct topo *t)
{
	bool plain = true;

	for (unsigned i = 0; i < t->nr_nodes; i++)
		if (t->nodes[i].memory_mib)
			add_option(t, "-numa", "node,nodeid=%u,memdev=ram%u", i, i);
		else
			add_option(t, "-numa", "node,nodeid=%u", i);
	for (unsigned i = 0; i < t->nr_nodes; i++)
		if (cpumask_count(&t->nodes[i].cpus))
			add_option(t, "-numa", "cpu,node-id=%u,socket-id=%u", i, i);
	for (unsigned i = 0; i < t->nr_nodes; i++)
		for (unsigned j = 0; j < t->nr_nodes; j++)
			plain &= i == j || t->nodes[i].distances[j] == TOPO_REMOTE_DISTANCE;
	for (unsigned i = 0; i < t->nr_nodes && !plain; i++)
		for (unsigned j = 0; j < t->nr_nodes; j++)
			if (i != j)
				add_option(t, "-numa", "dist,src=%u,dst=%u,val=%u", i, j, t->nodes[i].distances[j]);
}

void topo_qemu_args(struct topo *t, const struct qemu_version *v)
{
	_cleanup_(grid_deinit) struct grid g;

	grid_init(&g, t);
	bool regular = grid_cpus(&g) == t->nr_cpus;
	snprintf(t->qemu_version, sizeof(t->qemu_version), "%s", v->text);
	/* No random numbers, and no MWAIT, which would keep idle CPUs busy; nor a warning for what TCG lacks. */
	add_option(t, "-cpu", CPU_MODEL "%s,-rdrand,-rdseed,-monitor,check=off", cpu_options(v));
	add_option(t, "-smp", "%u,maxcpus=%llu,sockets=%u,dies=%u,cores=%u,threads=%u", regular ? t->nr_cpus : 1,
	    (unsigned long long)grid_cpus(&g), g.sockets, g.dies, g.cores, g.threads);
	if (t->nr_nodes > 1)
		add_nodes(t);
	else
		add_option(t, "-machine", "memory-backend=ram0");
	/* A guest takes x2APIC ids only with an interrupt remapper that knows them. */
	if (last_apic_id(&g) > MAX_APIC_ID)
		add_option(t, "-device", "intel-iommu,intremap=on,eim=on");
	/* CPU 0 is there already. */
	for (unsigned i = 1; i < t->nr_cpus && !regular; i++)
		add_option(t, "-device", CPU_MODEL "-x86_64-cpu,socket-id=%u,die-id=%u,core-id=%u,thread-id=%u",
		    g.places[i].socket, g.places[i].die, g.places[i].core, g.places[i].thread);
}
