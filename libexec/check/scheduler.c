// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler under test was attached before the workers ran, they and the payloads were its tasks, and it was still there
 * when they were done. That it died is the first thing to know of a run: everything else followed from it. Or its death is what the
 * spec expects.
 */
#include "libexec/check/check.h"
#include <regex.h>

/* False: it is expected to survive. */
static bool expected_exit(const struct report *r, const char **how, const char **text)
{
	const struct expected_exit *e = &r->spec.expected;

	*how = e->matches ? "matches" : "contains";
	*text = e->matches ? e->matches : e->contains;
	return *text;
}

static bool found(const char *how, const char *pattern, const char *text)
{
	regex_t re;

	if (!streq(how, "matches"))
		return strstr(text, pattern);
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false; /* a bad one does not get past the spec's parser */
	bool yes = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return yes;
}

static void eval_expected(const struct report_scheduler *s, const char *how, const char *text, struct results *out)
{
	const char *verb = streq(how, "matches") ? "matches" : "contains";

	if (!s->died) {
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' survived, though it was expected to exit with an error that "
			   "%s '%s'", s->name, verb, text);
		return;
	}
	_cleanup_free_ char *all = xasprintf("%s: %s", s->reason ? s->reason : "", s->message ? s->message : "");
	if (found(how, text, all))
		result_add(out, VERDICT_PASS, 0, "the scheduler exited as expected: %s", all);
	else
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' exited with another error than expected: %s (expected one that "
			   "%s '%s')", s->name, all, verb, text);
}

/* Of somebody else's program the exit code is what it has to say: " (its loader exited with 3)", or "". */
static char *loader_end(const struct report_scheduler *s)
{
	const json_t *exit = json_object_get(json_object_get(s->end, "loader"), "exit"), *code = json_object_get(exit, "exited");
	const char *how = json_string_value(json_object_get(s->end, "how")), *sig = json_string_value(json_object_get(exit, "signaled"));

	if (!how || !streq(how, "binary") || (!json_is_integer(code) && !sig))
		return xstrdup("");
	return sig ? xasprintf(" (its loader was killed by %s)", sig) :
		xasprintf(" (its loader exited with %lld)", json_integer_value(code));
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const struct report_scheduler *s = &r->scheduler;
	_cleanup_free_ char *loader = loader_end(s);
	const char *how, *text;

	(void)threshold;
	if (!s->wanted)
		return;
	if (!s->name) {
		result_add(out, VERDICT_FAIL, 0, "the scheduler was never attached: the report has no word about it");
		return;
	}
	if (expected_exit(r, &how, &text)) {
		eval_expected(s, how, text, out);
		return;
	}
	if (s->died)
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' died at %+lldms: %s%s%s%s", s->name,
			   (long long)s->died_at_ns / NSEC_PER_MSEC, s->reason && *s->reason ? s->reason : "its loader ended",
			   s->message && *s->message ? ": " : "", s->message ? s->message : "", loader);
	else if (!s->enabled)
		result_add(out, VERDICT_FAIL, 0, "the scheduler '%s' was never enabled", s->name);
	else if (s->builtin)
		result_add(out, VERDICT_PASS, 0, "the scheduler '%s' was switched on", s->name);
	else if (!s->tasks_counted)
		result_add(out, VERDICT_FAIL, 0, "nothing shows that a task ran under the scheduler '%s'", s->name);
	else if (!s->tasks_under)
		result_add(out, VERDICT_FAIL, 0, "none of %lld tasks ran under the scheduler '%s'", (long long)s->tasks, s->name);
	else
		result_add(out, VERDICT_PASS, 0, "%lld of %lld tasks ran under the scheduler '%s'", (long long)s->tasks_under,
			   (long long)s->tasks, s->name);
}

const struct check check_scheduler = {
	.name = "scheduler",
	.summary = "the scheduler under test is attached before the workers run, and until they are done",
	.formula = "it was not enabled, had no task, or died; or did not, though that is expected",
	.on = CHECK_ALWAYS,
	.eval_run = eval_run,
};
