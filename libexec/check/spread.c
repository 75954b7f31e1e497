// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fairness: the workers of a cgroup do the same work, so they should be kept from a CPU for the same share of the time. Of work
 * types whose workers differ by design, only workers with the same role are compared. Who sleeps is not kept from a CPU: the time
 * is what a worker waited for a CPU, where the kernel counts that, and else all of its time off CPUs.
 */
#include "libexec/check/check.h"

#include <math.h>

/* Of the workers that have this role. */
static struct spread role_spread(const struct report_cgroup *cg, const char *role)
{
	struct spread s = { .lo = INFINITY, .hi = -INFINITY };

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];

		if (!w->completed || !streq(w->role, role))
			continue;
		if (!w->wall_time_ns) {
			s.unmeasured++;
			continue;
		}
		/* The kernel counts from before the start until after the end. */
		int64_t kept_ns = w->run_delay_ns < 0 ? w->off_cpu_ns : MIN(w->run_delay_ns, w->off_cpu_ns);
		/* In this order a share that is a whole number of percent comes out as one. */
		double off_pct = 100.0 * kept_ns / w->wall_time_ns;

		s.measured++;
		s.lo = MIN(s.lo, off_pct);
		s.hi = MAX(s.hi, off_pct);
	}
	return s;
}

/* The role of worker i, if it is the first one that completed with this role; else NULL. */
static const char *new_role(const struct report_cgroup *cg, unsigned i)
{
	unsigned first = 0;

	if (!cg->workers[i].completed)
		return NULL;
	while (!cg->workers[first].completed || !streq(cg->workers[first].role, cg->workers[i].role))
		first++;
	return first == i ? cg->workers[i].role : NULL;
}

struct spread cgroup_spread(const struct report_cgroup *cg)
{
	struct spread worst = { .lo = INFINITY, .hi = -INFINITY };

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const char *role = new_role(cg, i);
		struct spread s = role ? role_spread(cg, role) : worst;

		if (s.measured >= 2 && (worst.measured < 2 || s.hi - s.lo > worst.hi - worst.lo))
			worst = s;
	}
	return worst;
}

static void eval_role(const struct report_cgroup *cg, const char *role, double threshold, struct results *out)
{
	struct spread s = role_spread(cg, role);
	double spread = s.hi - s.lo;

	if (s.measured + s.unmeasured < 2) {
		result_add(out, VERDICT_SKIP, 0, *role ? "a spread needs two workers of one role" : "a spread needs two workers");
	} else if (s.measured >= 2 && spread > threshold) {
		struct number n = number_beyond(spread, threshold, 0);
		/* lo and hi with the decimals that the spread needed. */
		const char *point = strchr(n.s, '.');
		int decimals = point ? strlen(point + 1) : 0;
		struct cpumask cpus = cgroup_cpus(cg);

		result_add(out, VERDICT_FAIL, spread,
			   "unfair cgroup: spread=%s%% (%.*f-%.*f%%) %u workers%s%s on %u cpus (threshold %s%%)",
			   n.s, decimals, s.lo, decimals, s.hi, s.measured, *role ? " with role " : "", role,
			   cpumask_count(&cpus), number_plain(threshold, 0).s);
	} else if (s.unmeasured) {
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "spread not measured: %u of %u workers have no wall time", s.unmeasured,
			   s.measured + s.unmeasured);
	} else {
		result_add(out, VERDICT_PASS, spread, "spread=%.1f%% (%.1f-%.1f%%)", spread, s.lo, s.hi);
	}
}

static void eval_spread(const struct report_cgroup *cg, double threshold, struct results *out)
{
	bool any = false;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const char *role = new_role(cg, i);

		if (role)
			eval_role(cg, role, threshold, out);
		any |= role != NULL;
	}
	if (!any)
		result_add(out, VERDICT_SKIP, 0, "a spread needs two workers");
}

const struct check check_spread = {
	.name = "spread",
	.summary = "the workers of a cgroup wait for a CPU for the same share of the time",
	.formula = "max - min over the workers of a role of 100 * run_delay_ns (off_cpu_ns without it) / wall_time_ns, > threshold",
	.on = CHECK_DEFAULT,
	.row = CHECK_THRESHOLD("max_spread_pct", 100, "the largest difference in off-CPU time between two workers of a cgroup, in %"),
	.unit = "%",
	.virtual_default = 15,
	.real_default = 35,
	.eval = eval_spread,
};
