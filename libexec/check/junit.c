// SPDX-License-Identifier: GPL-2.0-only
/*
 * JUnit XML with the elements and attributes of Jenkins' junit-10.xsd: a report is a testsuite, a result a testcase. Viewers show
 * failures and errors alike, so that an error's message begins with "lost" or "error". Times are left out: a verdict has none.
 */
#include "libexec/check/format.h"

/* Printable text has no character that XML cannot hold. */
static void put_xml(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

static void put_attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	put_xml(f, value);
	fputc('"', f);
}

static void put_case(FILE *f, const char *suite, const char *name, const json_t *j)
{
	static const char *const elements[] = { [STATE_FAILED] = "failure", [STATE_ERROR] = "error", [STATE_SKIPPED] = "skipped" };
	enum state state = judged_state(j);
	_cleanup_free_ char *reason = judged_reason(j);

	fputs("    <testcase", f);
	put_attribute(f, "classname", suite);
	put_attribute(f, "name", name);
	if (state == STATE_PASSED) {
		fputs("/>\n", f);
		return;
	}
	fprintf(f, ">\n      <%s", elements[state]);
	put_attribute(f, "message", reason);
	fputs("/>\n    </testcase>\n", f);
}

/*
 * A testsuite has no result of its own. Where the testcases do not say the report's, because there is none, or some passed and the
 * report cannot tell, the verdict is a testcase too.
 */
static bool has_verdict_case(const struct judged *j)
{
	return !json_array_size(judged_rows(j)) || judged_state(j->verdict) == STATE_SKIPPED;
}

static size_t cases_in_state(const struct judged *j, enum state state)
{
	return rows_in_state(judged_rows(j), state) + (has_verdict_case(j) && judged_state(j->verdict) == state);
}

static size_t nr_cases(const struct judged *j)
{
	return json_array_size(judged_rows(j)) + has_verdict_case(j);
}

void format_junit(const struct judged *list, size_t n, FILE *f)
{
	size_t tests = 0, failures = 0, errors = 0;

	for (size_t i = 0; i < n; i++) {
		tests += nr_cases(&list[i]);
		failures += cases_in_state(&list[i], STATE_FAILED);
		errors += cases_in_state(&list[i], STATE_ERROR);
	}
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ktstr\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n",
		tests, failures, errors);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = judged_name(&list[i], true);
		const json_t *rows = judged_rows(&list[i]), *row;
		size_t k;

		fputs("  <testsuite", f);
		put_attribute(f, "name", name);
		fprintf(f, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n", nr_cases(&list[i]),
			cases_in_state(&list[i], STATE_FAILED), cases_in_state(&list[i], STATE_ERROR),
			cases_in_state(&list[i], STATE_SKIPPED));
		json_array_foreach(rows, k, row) {
			_cleanup_free_ char *check = row_name(row);

			put_case(f, name, check, row);
		}
		if (has_verdict_case(&list[i]))
			put_case(f, name, "verdict", list[i].verdict);
		fputs("  </testsuite>\n", f);
	}
	fputs("</testsuites>\n", f);
}
