// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers run on the CPUs of their cpuset and nowhere else. Dead ones too: where they were seen is
 * where they ran.
 */
#include "libexec/check/check.h"

/* "{2, 3}": the set as a set, the way the line has always printed it. */
struct braces { char s[CPUMASK_MAX * 6 + 3]; };

static struct braces braces(const struct cpumask *m)
{
	struct braces b = { "" };
	char *p = b.s;

	for (unsigned cpu = cpumask_next(m, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(m, cpu + 1))
		p += snprintf(p, b.s + sizeof(b.s) - p, "%s%u", p == b.s ? "{" : ", ", cpu);
	snprintf(p, b.s + sizeof(b.s) - p, "}");
	return b;
}

static void eval_isolation(const struct report_cgroup *cg, double threshold, struct results *out)
{
	unsigned confined = 0, judged = 0, strayed = 0;

	(void)threshold;
	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];
		struct cpumask stray = cpumask_minus(&w->cpus_used, &w->cpuset);

		if (!cpumask_count(&w->cpuset))
			continue;
		confined++;
		judged += !!cpumask_count(&w->cpus_used);
		if (!cpumask_count(&stray))
			continue;
		strayed++;
		result_worker(out, VERDICT_FAIL, w, 0, "tid %lld ran on unexpected CPUs %s",
			      (long long)w->tid, braces(&stray).s);
	}
	if (!confined)
		result_add(out, VERDICT_SKIP, 0, "no cpuset to stay in");
	else if (judged < confined && !strayed)
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "isolation not measured: %u of %u workers were seen on no CPU",
			   confined - judged, confined);
	else if (!strayed)
		result_add(out, VERDICT_PASS, 0, "all %u workers stayed in their cpuset", judged);
}

const struct check check_isolation = {
	.name = "isolation",
	.summary = "no worker runs outside the cpuset of its cgroup",
	.formula = "any worker with cpus_used minus cpuset not empty",
	.on = CHECK_ASKED,
	.row = CHECK_SWITCH("isolation", false, "workers run on no CPU outside their cpuset"),
	.eval = eval_isolation,
};
