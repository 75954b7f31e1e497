// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel does not complain: no WARNING, BUG, Oops, fault or stall came on its console while the scenario was set up and ran. A
 * spec can allow some, by patterns, for kernels that are known to complain.
 */
#include "libexec/check/check.h"
#include <regex.h>

static bool pattern_matches(const char *pattern, const char *text)
{
	regex_t re;

	if (!pattern || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	bool yes = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return yes;
}

static bool is_allowed(const json_t *patterns, const char *text)
{
	json_t *pattern;
	size_t i;

	json_array_foreach(patterns, i, pattern) {
		if (pattern_matches(json_string_value(pattern), text))
			return true;
	}
	return false;
}

static bool parse_patterns(const struct jcur *c, void *out, void *ctx)
{
	struct asserted *a = out;
	bool ok = jcur_is_array(c, 0);

	a->object = c->j;
	for (size_t i = 0; ok && i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);

		ok = spec_parse_regex(&e, out, ctx);
	}
	return ok;
}

static void eval_run(const struct report *r, double threshold, struct results *out)
{
	const json_t *patterns = result_object(out);
	size_t allowed = 0, i;
	json_t *splat;

	(void)threshold;
	json_array_foreach(r->splats, i, splat) {
		const char *text = json_string_value(splat);

		if (is_allowed(patterns, text))
			allowed++;
		else
			result_add(out, VERDICT_FAIL, 0, "the kernel complained: %s", text);
	}
	if (patterns && allowed == json_array_size(r->splats))
		result_add(out, VERDICT_PASS, 0, "the kernel complained of nothing but what the spec allows (%zu times)", allowed);
}

const struct check check_splat = {
	.name = "splat",
	.summary = "the kernel complains of nothing: WARNING, BUG, Oops, a fault, a stall",
	.formula = "a complaint on the console that no pattern of the key matches",
	.on = CHECK_ALWAYS,
	.no_vote = true,
	.row = { .name = "allow_splats", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_patterns,
		 .help = "extended regular expressions: complaints of the kernel that do not fail the run" },
	.eval_run = eval_run,
};
