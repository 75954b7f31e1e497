// SPDX-License-Identifier: GPL-2.0-only
/* A summary in Markdown for the page of a CI job: totals, then a table of what did not pass, worst first, then what passed. */
#include "libexec/check/format.h"

/* Backslashes before whatever means something; '<' and '&' as HTML, for some pages take that first. */
static void put_markdown(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", f);
		else if (*text == '&')
			fputs("&amp;", f);
		else
			fprintf(f, "%s%c", strchr("\\`*_[]|#~>", *text) ? "\\" : "", *text);
	}
}

static void put_row(FILE *f, const struct judged *j)
{
	_cleanup_free_ char *name = judged_name(j, true), *reason = judged_reason(j->verdict);

	fprintf(f, "| %s | ", json_string_value(json_object_get(j->verdict, "verdict")));
	put_markdown(f, name);
	fputs(" | ", f);
	put_markdown(f, reason);
	fputs(" |\n", f);
}

void format_markdown(const struct judged *list, size_t n, FILE *f)
{
	static const enum state order[] = { STATE_ERROR, STATE_FAILED, STATE_SKIPPED, STATE_PASSED };
	size_t totals[NR_STATES] = { 0 };

	for (size_t i = 0; i < n; i++)
		totals[judged_state(list[i].verdict)]++;
	fprintf(f, "### ktstr: %zu passed, %zu failed, %zu lost or in error, %zu that cannot tell\n\n", totals[STATE_PASSED],
		totals[STATE_FAILED], totals[STATE_ERROR], totals[STATE_SKIPPED]);
	fputs("| verdict | test | reason |\n| --- | --- | --- |\n", f);
	for (size_t o = 0; o < ARRAY_SIZE(order); o++)
		for (size_t i = 0; i < n; i++)
			if (judged_state(list[i].verdict) == order[o])
				put_row(f, &list[i]);
}
