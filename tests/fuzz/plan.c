// SPDX-License-Identifier: GPL-2.0-only
/* The plan: what is read and written again reads as the same plan, and every CPU is in one node, one LLC and, if in any, the usable set. */
#include "tests/fuzz/fuzz.h"
#include "libexec/topo/plan.h"

static bool read_plan(json_t *doc, struct topo *ret)
{
	struct kt_errs errs = { 0 };
	bool ok = !topo_from_json(doc, "plan", ret, &errs);

	if (ok == (errs.n > 0))
		BUG("%s", ok ? "accepted with an error" : "refused without a word");
	kt_errs_deinit(&errs);
	return ok;
}

static struct cpumask unite(const struct topo *t, unsigned n, struct cpumask (*cpus_of)(const struct topo *, unsigned))
{
	struct cpumask all = { 0 };

	for (unsigned i = 0; i < n; i++) {
		struct cpumask part = cpus_of(t, i), both = cpumask_and(&all, &part);

		if (cpumask_count(&both))
			BUG("a CPU in two places");
		all = cpumask_or(&all, &part);
	}
	return all;
}

static void check_cpus(const struct topo *t)
{
	struct cpumask all = topo_all_cpus(t), usable = topo_usable_cpus(t);
	struct cpumask by_llc = unite(t, t->nr_llcs, topo_llc_cpus), by_node = unite(t, t->nr_nodes, topo_node_cpus);
	struct cpumask beyond = cpumask_minus(&usable, &all);

	if (cpumask_count(&all) != t->nr_cpus || !cpumask_equal(&all, &by_llc) || !cpumask_equal(&all, &by_node))
		BUG("a CPU in no LLC or no node");
	if (cpumask_count(&beyond) || !cpumask_count(&usable))
		BUG("the usable CPUs are none, or are not there");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(topo_deinit) struct topo first = { 0 }, second = { 0 };
	_cleanup_json_ json_t *doc = kt_json_loads((const char *)data, size, "plan", NULL);
	char diff[200];

	if (!doc || !read_plan(doc, &first))
		return 0;
	check_cpus(&first);
	_cleanup_json_ json_t *written = topo_to_json(&first);
	if (!read_plan(written, &second))
		BUG("what was written is refused");
	_cleanup_json_ json_t *again = topo_to_json(&second);
	if (!json_equal(written, again) || topo_diff(&first, &second, diff, sizeof(diff)))
		BUG("another plan once it is written and read");
	return 0;
}
