// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's samples: is one CPU piled up with tasks while another has few, is a local dispatch queue too deep, does a runqueue's clock
 * stand still? What is true of one sample may be chance; what holds for five in a row, half a second, is the scheduler's doing.
 *
 * A run without samples, on the real clock, has nothing to judge here.
 */
#include "libexec/check/samples.h"
#include "libexec/spec/op.h"

struct row_of samples_longest_row(const struct report *r, double threshold, double (*value)(const struct report_sample *s))
{
	struct row_of best = { 0 }, now = { 0 };

	for (size_t i = 0; i < r->samples.n; i++) {
		const struct report_sample *s = &r->samples.v[i];
		double v = value(s);

		if (!s->by_time)
			continue;
		if (v <= threshold) {
			now = (struct row_of){ 0 };
			continue;
		}
		if (v > now.worst)
			now.cpu = s->dsq_cpu;
		now = (struct row_of){ now.n + 1, i, MAX(now.worst, v), now.cpu };
		if (now.n > best.n)
			best = now;
	}
	return best;
}

static double imbalance_of(const struct report_sample *s)
{
	return s->imbalance;
}

static double dsq_of(const struct report_sample *s)
{
	return (double)s->dsq;
}

double samples_most(const struct report *r, double (*value)(const struct report_sample *s))
{
	double m = -1;

	for (size_t i = 0; i < r->samples.n; i++)
		m = MAX(m, value(&r->samples.v[i]));
	return m;
}

static bool is_special(const struct work_spec *w)
{
	return w->nice != SPEC_NO_NICE || (w->policy.kind != POLICY_INHERIT && w->policy.kind != POLICY_NORMAL && w->policy.kind != POLICY_EXT);
}

static bool limits_cpu(const struct limits *l)
{
	return l->cpu_weight != LIMIT_NONE || l->cpu_quota_us != LIMIT_NONE || l->cpu_quota_pct != LIMIT_NONE;
}

/* Where tasks count for more or less than others, or may not run at all, a CPU with many of them need not have more to do. */
static bool tasks_differ(const struct spec *s)
{
	const struct work_spec *w;
	const struct op *op;

	for (size_t i = 0; i < s->nr_defs; i++) {
		if (limits_cpu(&s->defs[i]->limits))
			return true;
		for (size_t k = 0; (w = cgroup_def_group(s->defs[i], k)); k++)
			if (is_special(w))
				return true;
	}
	for (size_t i = 0; (op = spec_op(s, i)); i++)
		if ((op->kind == &op_set_limits && limits_cpu(&((const struct limits_args *)op->args)->limits)) ||
		    (op->kind == &op_spawn && is_special(&((const struct spawn_args *)op->args)->work)))
			return true;
	return false;
}

static void eval_imbalance(const struct report *r, double threshold, struct results *out)
{
	struct row_of row = samples_longest_row(r, threshold, imbalance_of);

	if (!r->samples.n)
		return;
	if (tasks_differ(&r->spec))
		result_add(out, VERDICT_SKIP, 0, "imbalance: with weights, policies or quotas the number of tasks says nothing");
	else if (row.n >= SUSTAINED)
		result_add(out, VERDICT_FAIL, row.worst, "imbalance ratio %s exceeded threshold %s for %zu consecutive samples (ending at "
			   "sample %zu)", number_beyond(row.worst, threshold, 1).s, number_plain(threshold, 1).s, row.n, row.ends);
	else
		result_add(out, VERDICT_PASS, samples_most(r, imbalance_of), "imbalance ratio %.1f", samples_most(r, imbalance_of));
}

static void eval_local_dsq(const struct report *r, double threshold, struct results *out)
{
	struct row_of row = samples_longest_row(r, threshold, dsq_of);

	if (!r->samples.n)
		return;
	if (row.n >= SUSTAINED)
		result_add(out, VERDICT_FAIL, row.worst, "local DSQ depth %.0f on cpu%u exceeded threshold %s for %zu consecutive samples (ending "
			   "at sample %zu)", row.worst, row.cpu, number_plain(threshold, 0).s, row.n, row.ends);
	else
		result_add(out, VERDICT_PASS, samples_most(r, dsq_of), "local DSQ depth %.0f", samples_most(r, dsq_of));
}

static void eval_stall(const struct report *r, double threshold, struct results *out)
{
	const struct report_stuck *s = &r->samples.stuck;

	(void)threshold;
	if (!r->samples.n)
		return;
	if (s->samples >= SUSTAINED)
		result_add(out, VERDICT_FAIL, 0, "rq_clock stall on cpu%u for %zu consecutive samples (ending at sample %zu, clock=%lld)", s->cpu,
			   s->samples, s->ends, (long long)s->clock_ns);
	else
		result_add(out, VERDICT_PASS, 0, "no rq_clock stall");
}

const struct check check_imbalance = {
	.name = "imbalance",
	.summary = "no CPU has many more tasks than another that might run them",
	.formula = "tasks of a CPU / those of one that may take them > threshold in 5 samples in a row",
	.on = CHECK_DEFAULT,
	.no_vote = true,
	.row = CHECK_THRESHOLD("max_imbalance_ratio", 1e9, "how many times as many tasks as another a CPU may have, for half a second"),
	.unit = "",
	.virtual_default = 4, .real_default = 4,
	.eval_run = eval_imbalance,
};

const struct check check_local_dsq = {
	.name = "local_dsq",
	.summary = "no local dispatch queue of sched_ext is deep",
	.formula = "tasks in a CPU's local queue > threshold in 5 samples in a row",
	.on = CHECK_DEFAULT,
	.no_vote = true,
	.row = CHECK_THRESHOLD("max_local_dsq_depth", 1e9, "sched_ext: how many tasks a local dispatch queue may have, for half a second"),
	.unit = "tasks",
	.virtual_default = 50, .real_default = 50,
	.eval_run = eval_local_dsq,
};

const struct check check_stall = {
	.name = "stall",
	.summary = "the clock of a runqueue with tasks goes on",
	.formula = "a runqueue's clock stands still while it has tasks, in 5 samples in a row",
	.on = CHECK_DEFAULT,
	.no_vote = true,
	.row = CHECK_SWITCH("fail_on_stall", true, "a runqueue with tasks whose clock stands still for half a second fails"),
	.eval_run = eval_stall,
};
