// SPDX-License-Identifier: GPL-2.0-only
/*
 * KTAP version 1 (Documentation/dev-tools/ktap.rst of Linux) and TAP 13 and 14 (testanything.org). What they do not share:
 *
 *   KTAP    a test in a test begins with a version line and is indented by 2; kunit.py wants a plan in each, and does not take
 *           a line whose name has a '#' for a result: there is no way to write one
 *   TAP 13  knows no tests in tests: what failed is in comments, and in a YAML block that prove keeps
 *   TAP 14  a test in a test begins with "# Subtest: name" and is indented by 4; prove (Perl 5.36) refuses its version line
 *
 * A skip is "ok N name # SKIP reason" in all of them: prove fails "not ok N name # SKIP reason".
 */
#include "libexec/check/format.h"

enum dialect { KTAP, TAP };

/* In TAP a '#' begins a directive unless a backslash is before it. */
static void put_description(FILE *f, enum dialect dialect, const char *text)
{
	for (; *text; text++)
		if (dialect == KTAP)
			fputc(*text == '#' ? '_' : *text, f);
		else
			fprintf(f, "%s%c", *text == '#' || *text == '\\' ? "\\" : "", *text);
}

static void put_point(FILE *f, enum dialect dialect, const char *indent, size_t i, const json_t *j, const char *name)
{
	enum state state = judged_state(j);
	_cleanup_free_ char *reason = judged_reason(j);

	fprintf(f, "%s%s %zu - ", indent, state == STATE_FAILED || state == STATE_ERROR ? "not ok" : "ok", i);
	put_description(f, dialect, name);
	if (state == STATE_SKIPPED)
		fprintf(f, " # SKIP %s", reason);
	fputc('\n', f);
}

static void put_comment(FILE *f, const char *indent, const json_t *j)
{
	enum state state = judged_state(j);
	_cleanup_free_ char *reason = judged_reason(j);

	if (state == STATE_FAILED || state == STATE_ERROR)
		fprintf(f, "%s# %s\n", indent, reason);
}

/* The results of a report, as tests in its test. */
static void put_rows(FILE *f, enum dialect dialect, const char *indent, const json_t *rows)
{
	const json_t *row;
	size_t i;

	fprintf(f, "%s1..%zu\n", indent, json_array_size(rows));
	json_array_foreach(rows, i, row) {
		_cleanup_free_ char *name = row_name(row);

		put_comment(f, indent, row);
		put_point(f, dialect, indent, i + 1, row, name);
	}
}

void format_ktap(const struct judged *list, size_t n, FILE *f)
{
	fprintf(f, "KTAP version 1\n1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = judged_name(&list[i], true);

		if (json_array_size(judged_rows(&list[i]))) {
			fprintf(f, "  KTAP version 1\n  # Subtest: %s\n", name);
			put_rows(f, KTAP, "  ", judged_rows(&list[i]));
		} else {
			put_comment(f, "", list[i].verdict);
		}
		put_point(f, KTAP, "", i + 1, list[i].verdict, name);
	}
}

/* JSON's strings are YAML's, and those that the parser of prove reads: printable text has nothing in it but \" and \\ to escape. */
static void put_yaml(FILE *f, const char *key, const char *value)
{
	fprintf(f, "  %s: \"", key);
	for (; *value; value++)
		fprintf(f, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
	fputs("\"\n", f);
}

void format_tap13(const struct judged *list, size_t n, FILE *f)
{
	fprintf(f, "TAP version 13\n1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = judged_name(&list[i], true), *reason = judged_reason(list[i].verdict);
		enum state state = judged_state(list[i].verdict);
		const json_t *row;
		size_t k;

		put_point(f, TAP, "", i + 1, list[i].verdict, name);
		if (state != STATE_FAILED && state != STATE_ERROR)
			continue;
		json_array_foreach(judged_rows(&list[i]), k, row) {
			_cleanup_free_ char *check = row_name(row), *why = judged_reason(row);

			if (judged_state(row) == STATE_FAILED)
				fprintf(f, "# %s: %s\n", check, why);
		}
		fputs("  ---\n", f);
		put_yaml(f, "message", reason);
		put_yaml(f, "severity", json_string_value(json_object_get(list[i].verdict, "verdict")));
		fputs("  ...\n", f);
	}
}

void format_tap14(const struct judged *list, size_t n, FILE *f)
{
	fprintf(f, "TAP version 14\n1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = judged_name(&list[i], true);

		if (json_array_size(judged_rows(&list[i]))) {
			fprintf(f, "# Subtest: %s\n", name);
			put_rows(f, TAP, "    ", judged_rows(&list[i]));
		} else {
			put_comment(f, "", list[i].verdict);
		}
		put_point(f, TAP, "", i + 1, list[i].verdict, name);
	}
}
