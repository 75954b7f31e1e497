// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report: it is judged whatever it holds. The verdict is one line of JSON and text without control characters. A
 * report with a defect or without its end is never judged to pass or to fail.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/check/verdict.h"

static json_t *judge(const uint8_t *data, size_t size)
{
	_cleanup_(report_deinit) struct report r = { 0 };
	struct kt_err err;

	if (report_read(fuzz_file(data, size), &r, &err))
		BUG("%s", err.msg);
	json_t *verdict = verdict_build(&r, NULL);
	int code = verdict_exit(verdict);

	if (code != KT_OK && code != KT_NO && code != KT_CANNOT_TELL && code != KT_TROUBLE)
		BUG("exit code %d", code);
	if ((r.nr_defects || r.outcome == OUTCOME_TRUNCATED) && code != KT_TROUBLE)
		BUG("judged, in spite of %s", r.nr_defects ? r.defects.msgs[0] : "its missing end");
	return verdict;
}

/* For programs: one line of JSON, which reads as JSON. */
static void check_json(const json_t *verdict)
{
	_cleanup_free_ char *line = NULL;
	struct kt_err err;
	size_t n;
	FILE *f = open_memstream(&line, &n);

	if (!f || kt_json_line(f, verdict, &err) || fclose(f))
		BUG("the verdict is no JSON");
	if (memchr(line, '\n', n) != line + n - 1)
		BUG("the verdict is not one line");
	_cleanup_json_ json_t *again = kt_json_loads(line, n, "verdict", &err);
	if (!again)
		BUG("%s", err.msg);
}

/* For people: nothing that a terminal obeys (in UTF-8 that is C2 80 to C2 9F, too). */
static void check_text(const json_t *verdict)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		BUG("open_memstream: %s", strerror(errno));
	verdict_print(verdict, f);
	fclose(f);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\n') || c == 0x7f || (c == 0xc2 && (text[i + 1] & 0xe0) == 0x80))
			BUG("a control character in the text");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *verdict = judge(data, size);

	check_json(verdict);
	check_text(verdict);
	return 0;
}
