// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work conservation: no CPU is idle while a task waits that may run there. By all events of a trace (libexec/trace/conserve.h), which is
 * given beside the report: without one there is nothing to judge.
 */
#include "libexec/check/check.h"

static void eval_conservation(const struct report *r, double threshold, struct results *out)
{
	const struct report_idle *idle = &r->idle;
	double ms = (double)idle->longest_ns / NSEC_PER_MSEC;

	if (!idle->known)
		return;
	if (ms > threshold)
		result_add(out, VERDICT_FAIL, ms, "cpu%u was idle for %sms, until +%lldms, while %s waited that may run there (threshold %sms)", idle->cpu,
			   number_beyond(ms, threshold, 1).s, (long long)(idle->until_ns / NSEC_PER_MSEC), idle->task, number_plain(threshold, 0).s);
	else
		result_add(out, VERDICT_PASS, ms, "no CPU was idle for more than %.3fms while a task waited that may run there", ms);
}

const struct check check_conservation = {
	.name = "conservation",
	.summary = "no CPU is idle while a task waits that may run there",
	.formula = "time for which a CPU was idle while a task waited > threshold, by a trace",
	.on = CHECK_ASKED,
	.no_vote = true,
	.row = CHECK_THRESHOLD("max_idle_while_waiting_ms", 1e9, "how long a CPU may be idle while a task waits that may run there, by a trace"),
	.unit = "ms",
	.eval_run = eval_conservation,
};
