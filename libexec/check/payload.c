// SPDX-License-Identifier: GPL-2.0-only
/*
 * A payload did what its checks say: it started, it did not run out of time, it ended as it should, and the numbers in
 * its output are in their ranges. Each time that it was run is judged by itself.
 */
#include "libexec/check/check.h"

static const char *ending(const struct report_payload *p, char buf[64])
{
	if (p->exited)
		snprintf(buf, 64, "exited with %d", p->exit_code);
	else
		snprintf(buf, 64, "was killed by %s", *p->signal ? p->signal : "nobody knows what");
	return buf;
}

/* What is said of its exit: by its checks, or else when it ended by itself that must have been with 0. */
static void judge_exit(const struct report_payload *p, struct results *out)
{
	const char *name = p->payload->name;
	bool asked = false;
	char buf[64];

	for (size_t i = 0; i < p->payload->nr_checks; i++) {
		const struct payload_check *k = &p->payload->checks[i];

		if (k->metric)
			continue;
		asked = true;
		if (p->exited && (unsigned)p->exit_code == k->exit_code)
			result_add(out, VERDICT_PASS, 0, "payload '%s' exited with %d", name, p->exit_code);
		else
			result_add(out, VERDICT_FAIL, 0, "payload '%s' %s (must exit with %u)", name, ending(p, buf), k->exit_code);
	}
	if (asked)
		return;
	if (p->end != PAYLOAD_BY_ITSELF)
		result_add(out, VERDICT_SKIP, 0, "payload '%s' was stopped, which says nothing", name);
	else if (p->exited && !p->exit_code)
		result_add(out, VERDICT_PASS, 0, "payload '%s' exited with 0", name);
	else
		result_add(out, VERDICT_FAIL, 0, "payload '%s' %s (must exit with 0)", name, ending(p, buf));
}

/* The name in the output that is nearest to one that is not there, as an addition to a line; or "". */
static char *nearest_metric(const struct report_payload *p, const char *metric)
{
	_cleanup_free_ const char **names = xcalloc(json_object_size(p->metrics) + 1, sizeof(*names));
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(p->metrics, key, value)
		names[n++] = key;
	const char *near = nearest_name(metric, names);
	return near ? xasprintf(" (did you mean '%s'?)", near) : xstrdup("");
}

/* As many as are short to read, or as it takes not to print two different numbers alike. */
static int digits(double v, double threshold)
{
	char a[40], b[40];

	snprintf(a, sizeof(a), "%.15g", v);
	snprintf(b, sizeof(b), "%.15g", threshold);
	return streq(a, b) ? 17 : 15;
}

static void judge_metric(const struct report_payload *p, const struct payload_check *k, struct results *out)
{
	const json_t *value = json_object_get(p->metrics, k->metric);
	const char *name = p->payload->name;
	double v = json_number_value(value);

	if (!value) {
		_cleanup_free_ char *hint = nearest_metric(p, k->metric);
		result_add(out, VERDICT_FAIL, 0, p->has_json ? "payload '%s' has no metric '%s' in its output%s" :
			   "payload '%s' wrote no JSON: there is no metric '%s'%s", name, k->metric, hint);
		return;
	}
	if (k->has_min && v < k->min)
		result_add(out, VERDICT_FAIL, v, "payload '%s' %s=%.*g (must be at least %.15g)", name, k->metric,
			   digits(v, k->min), v, k->min);
	else if (k->has_max && v > k->max)
		result_add(out, VERDICT_FAIL, v, "payload '%s' %s=%.*g (must be at most %.15g)", name, k->metric,
			   digits(v, k->max), v, k->max);
	else
		result_add(out, VERDICT_PASS, v, "payload '%s' %s=%.15g", name, k->metric, v);
}

static void eval_payload(const struct report_payload *p, struct results *out)
{
	const char *name = p->payload->name;

	if (p->end == PAYLOAD_NOT_STARTED) {
		result_add(out, VERDICT_FAIL, 0, "payload '%s' did not start: %s", name, p->reason ? p->reason : "no reason given");
		return;
	}
	if (p->end == PAYLOAD_TIMED_OUT)
		result_add(out, VERDICT_FAIL, 0, "payload '%s' timed out, and was stopped after %s s", name,
			   number_plain((double)(p->ran_ns / NSEC_PER_MSEC) / 1000, 0).s);
	else
		judge_exit(p, out);
	for (size_t i = 0; i < p->payload->nr_checks; i++)
		if (p->payload->checks[i].metric)
			judge_metric(p, &p->payload->checks[i], out);
}

const struct check check_payload = {
	.name = "payload",
	.summary = "every payload starts, ends in time and as it should, with the metrics that its checks ask for",
	.formula = "a payload that did not start, timed out, or fails one of its checks; without exit_code among these, one "
	"that ended by itself with another status than 0",
	.on = CHECK_ALWAYS,
	.eval_payload = eval_payload,
};
