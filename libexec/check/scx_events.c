// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched_ext's event counters, phase by phase: how often the kernel had to step in for the scheduler. Three checks: the rates
 * of two events that busy schedulers have and bad ones have many of, and bounds for whatever events the spec names.
 */
#include "libexec/check/samples.h"

/* Highest rate of one event over the phases, in 1/s; negative when it was not counted. */
static double worst_rate(const struct report *r, const char *event)
{
	double worst = -1;
	json_t *phase;
	size_t i;

	json_array_foreach(r->scheduler.phases, i, phase) {
		const json_t *count = json_object_get(json_object_get(phase, "events"), event);
		json_int_t ns = json_integer_value(json_object_get(phase, "duration_ns"));

		if (json_is_integer(count) && ns > 0)
			worst = MAX(worst, (double)json_integer_value(count) * NSEC_PER_SEC / (double)ns);
	}
	return worst;
}

static void judge_rate(const struct report *r, const char *name, const char *event, double threshold, struct results *out)
{
	double rate = worst_rate(r, event);

	if (rate < 0)
		return;
	if (rate > threshold)
		result_add(out, VERDICT_FAIL, rate, "%s rate %s/s exceeded threshold %s/s", name, number_beyond(rate, threshold, 1).s,
			   number_plain(threshold, 1).s);
	else
		result_add(out, VERDICT_PASS, rate, "%s rate %.1f/s", name, rate);
}

static double fallback_rate(const struct report_sample *s)
{
	return s->fallback_rate;
}

/* Unasked: intervals of the monitor in a row, for a burst is no habit. */
static void judge_samples(const struct report *r, double threshold, struct results *out)
{
	struct row_of row = samples_longest_row(r, threshold, fallback_rate);
	double most = samples_most(r, fallback_rate);

	if (most < 0)
		return;
	if (row.n >= SUSTAINED)
		result_add(out, VERDICT_FAIL, row.worst, "fallback rate %s/s exceeded threshold %s/s for %zu consecutive intervals",
			   number_beyond(row.worst, threshold, 1).s, number_plain(threshold, 1).s, row.n);
	else
		result_add(out, VERDICT_PASS, most, "fallback rate %.1f/s", most);
}

static void eval_fallback(const struct report *r, double threshold, struct results *out)
{
	if (result_asked(out))
		judge_rate(r, "fallback", "select_cpu_fallback", threshold, out);
	else
		judge_samples(r, threshold, out);
}

static void eval_keep_last(const struct report *r, double threshold, struct results *out)
{
	judge_rate(r, "keep_last", "dispatch_keep_last", threshold, out);
}

static bool parse_bounds(const struct jcur *c, void *out, void *ctx)
{
	struct asserted *a = out;
	bool ok = jcur_is_object(c);
	const char *key;
	json_t *value;

	(void)ctx;
	json_object_foreach(c->j, key, value) {
		struct jcur at = { .doc = c->doc, .up = c, .key = key, .j = value };
		int64_t bound;

		ok &= jcur_int(&at, 0, 9007199254740991, &bound);
	}
	a->object = c->j;
	return ok;
}

static void eval_bounds(const struct report *r, double threshold, struct results *out)
{
	const char *event;
	json_t *bound;

	(void)threshold;
	json_object_foreach((json_t *)result_object(out), event, bound) {
		json_int_t most = json_integer_value(bound), count = 0;
		bool counted = false;
		json_t *phase;
		size_t i;

		json_array_foreach(r->scheduler.phases, i, phase) {
			const json_t *n = json_object_get(json_object_get(phase, "events"), event);

			counted |= json_is_integer(n);
			count = MAX(count, json_integer_value(n));
		}
		if (!counted)
			result_add(out, VERDICT_INCONCLUSIVE, 0, "scx event '%s' was not counted", event);
		else if (count > most)
			result_add(out, VERDICT_FAIL, 0, "scx event '%s' count %lld exceeds bound %lld", event, (long long)count,
				   (long long)most);
		else
			result_add(out, VERDICT_PASS, 0, "scx event '%s' count %lld", event, (long long)count);
	}
}

const struct check check_fallback = {
	.name = "fallback",
	.summary = "the kernel seldom picks a CPU in the scheduler's place",
	.formula = "select_cpu_fallback events of a phase / its seconds > threshold; unasked: of 5 samples in a row",
	.on = CHECK_DEFAULT,
	.no_vote = true,
	.row = CHECK_THRESHOLD("max_fallback_rate", 1e9,
			       "sched_ext: how often a second the kernel picks a CPU in the scheduler's place"),
	.unit = "1/s",
	.virtual_default = 200, .real_default = 200,
	.eval_run = eval_fallback,
};

const struct check check_keep_last = {
	.name = "keep_last",
	.summary = "a CPU seldom keeps its task because the scheduler has given it no other",
	.formula = "dispatch_keep_last events of a phase / its seconds > threshold",
	.on = CHECK_ASKED,
	.row = CHECK_THRESHOLD("max_keep_last_rate", 1e9,
			       "sched_ext: how often a second a CPU keeps its task for want of another"),
	.unit = "1/s",
	.eval_run = eval_keep_last,
};

const struct check check_scx_events = {
	.name = "scx_events",
	.summary = "events of sched_ext stay within bounds",
	.formula = "any event of the spec's list more often in a phase than its bound",
	.on = CHECK_ASKED,
	.row = { .name = "max_scx_events", .kind = ROW_CUSTOM, .type = "object", .parse = parse_bounds,
		 .help = "sched_ext events, in small letters and without SCX_EV_, and how many of each a phase may have" },
	.eval_run = eval_bounds,
};
