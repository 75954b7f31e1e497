// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that died, or had to be killed because it did not stop, fails the run: its figures are
 * not those of the scenario, and a run that lost half of its load may look better than a whole one.
 */
#include "libexec/check/check.h"

/* How it ended, when that was not as it should; or NULL. */
static char *death(const struct report_worker *w)
{
	if (w->completed && w->end == WORKER_EXITED && !w->exit_code)
		return NULL;
	if (w->end == WORKER_SIGNALED)
		return xasprintf("died: killed by %s", w->signal);
	if (w->end == WORKER_TIMED_OUT)
		return xstrdup("timed out: did not stop when told to");
	if (w->exit_code)
		return xasprintf("died: exited with status %d", w->exit_code);
	return xstrdup("died: exited before it was told to stop");
}

static void eval_completed(const struct report_cgroup *cg, double threshold, struct results *out)
{
	unsigned dead = 0;

	(void)threshold;
	for (unsigned i = 0; i < cg->nr_workers; i++) {
		const struct report_worker *w = &cg->workers[i];
		_cleanup_free_ char *how = death(w);

		if (!how)
			continue;
		dead++;
		result_worker(out, VERDICT_FAIL, w, 0, "tid %lld %s", (long long)w->tid, how);
	}
	if (!dead)
		result_add(out, VERDICT_PASS, 0, "all %u workers completed", cg->nr_workers);
}

const struct check check_completed = {
	.name = "completed",
	.summary = "every worker lives until it is told to stop, and stops",
	.formula = "any worker died, was killed, or did not stop in time",
	.on = CHECK_ALWAYS,
	.no_vote = true,
	.eval = eval_completed,
};
