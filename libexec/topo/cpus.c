// SPDX-License-Identifier: GPL-2.0-only
/* A topology's sets of CPUs, and how it differs from another. No JSON here: the guest links this without jansson. */
#include "libexec/lib/kt.h"
#include "libexec/topo/plan.h"

void topo_deinit(struct topo *t)
{
	for (char **a = t->qemu_args; a && *a; a++)
		free(*a);
	free(t->qemu_args);
	free(t->cpus);
	free(t->nodes);
	*t = (struct topo){ 0 };
}

struct cpumask topo_all_cpus(const struct topo *t)
{
	struct cpumask m = { 0 };

	for (unsigned i = 0; i < t->nr_cpus; i++)
		cpumask_set(&m, t->cpus[i].cpu);
	return m;
}

struct cpumask topo_llc_cpus(const struct topo *t, unsigned llc)
{
	struct cpumask m = { 0 };

	for (unsigned i = 0; i < t->nr_cpus; i++)
		if (t->cpus[i].llc == llc)
			cpumask_set(&m, t->cpus[i].cpu);
	return m;
}

struct cpumask topo_node_cpus(const struct topo *t, unsigned node)
{
	struct cpumask m = { 0 };

	for (unsigned i = 0; i < t->nr_cpus; i++)
		if (t->cpus[i].node == node)
			cpumask_set(&m, t->cpus[i].cpu);
	return m;
}

struct cpumask topo_usable_cpus(const struct topo *t)
{
	struct cpumask m = topo_all_cpus(t);

	if (t->nr_cpus > 2)
		cpumask_clear(&m, t->cpus[t->nr_cpus - 1].cpu);
	return m;
}

/* Says "what: planned A, the guest sees B" and returns 1 when they differ. */
static int differs(char *buf, size_t size, unsigned planned, unsigned seen, const char *what, const char *part)
{
	if (planned == seen)
		return 0;
	snprintf(buf, size, "%s: planned %s %u, the guest sees %s %u", what, part, planned, part, seen);
	return 1;
}

static int diff_cpu(const struct topo_cpu *p, const struct topo_cpu *s, char *buf, size_t size)
{
	char what[32];

	snprintf(what, sizeof(what), "cpu %u", p->cpu);
	return differs(buf, size, p->node, s->node, what, "node") ||
	       differs(buf, size, p->llc, s->llc, what, "llc") ||
	       differs(buf, size, p->core, s->core, what, "core") ||
	       differs(buf, size, p->thread, s->thread, what, "thread");
}

int topo_diff(const struct topo *plan, const struct topo *seen, char *buf, size_t size)
{
	struct cpumask planned = topo_all_cpus(plan), sees = topo_all_cpus(seen);
	char a[CPULIST_LEN], b[CPULIST_LEN], what[64];

	if (!cpumask_equal(&planned, &sees)) {
		snprintf(buf, size, "planned CPUs %s, the guest sees %s", cpulist_format(&planned, a),
			 cpulist_format(&sees, b));
		return 1;
	}
	if (plan->nr_nodes != seen->nr_nodes) {
		snprintf(buf, size, "planned %u nodes, the guest sees %u", plan->nr_nodes, seen->nr_nodes);
		return 1;
	}
	for (unsigned i = 0; i < plan->nr_cpus; i++)
		if (diff_cpu(&plan->cpus[i], &seen->cpus[i], buf, size))
			return 1;
	for (unsigned i = 0; i < plan->nr_nodes; i++)
		for (unsigned j = 0; j < plan->nr_nodes; j++) {
			snprintf(what, sizeof(what), "node %u to node %u", i, j);
			if (differs(buf, size, plan->nodes[i].distances[j], seen->nodes[i].distances[j], what,
				    "distance"))
				return 1;
		}
	return 0;
}
