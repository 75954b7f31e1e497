/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format.h - verdicts of one or many reports, in the formats that people and CI servers read. All of them are views of the same
 * list of verdict documents (verdict.h), so that their totals agree. Every text in a document is made printable on the way.
 *
 * A report is a test; its name is the document's, or the report's path where the report does not say. A check's result is a test
 * in that test, in the formats that have such (KTAP, TAP 14, JUnit). What a verdict is called there:
 *
 *   pass                               ok              passed
 *   fail                               not ok          failure
 *   skip, inconclusive, unsupported    ok # SKIP       skipped, with the verdict and the reason
 *   lost, error                        not ok          error, with the verdict and the reason
 *
 * A reader that counts skips as passes can so take "cannot tell" for a pass; ktstr-eval's exit status (125) does not.
 */
#ifndef KT_FORMAT_H
#define KT_FORMAT_H

#include "libexec/lib/kt.h"
#include <jansson.h>

struct judged {
	const char *path;      /* of the report; "-" is stdin */
	const json_t *verdict; /* verdict_build()'s */
};

enum state { STATE_PASSED, STATE_FAILED, STATE_ERROR, STATE_SKIPPED, NR_STATES };

struct format {
	const char *name;
	bool whole; /* it begins with totals: all verdicts at once. Else print() is called for each, as it comes */
	void (*print)(const struct judged *list, size_t n, FILE *f);
};

/* NULL: no format has this name. */
const struct format *format_by_name(const char *name);
/* "text, json, ...": for messages; free() it. */
char *format_names(void);

/* For the formats. */
enum state judged_state(const json_t *row_or_verdict);
/* Results in the state `state`, of a list of rows. */
size_t rows_in_state(const json_t *rows, enum state state);
/* The test's name, printable; free() it. With where: its topology, scheduler and seed after it, as a line of text has them. */
char *judged_name(const struct judged *j, bool where);
/* A result's: "gap cg_0", or with the thread "gap cg_0 tid 77". Free() it. */
char *row_name(const json_t *row);
/* Why, printable, its first line; where the verdict is more than pass, fail or skip, the verdict first. Free() it. */
char *judged_reason(const json_t *row_or_verdict);
const json_t *judged_rows(const struct judged *j);

void format_ktap(const struct judged *list, size_t n, FILE *f);
void format_tap13(const struct judged *list, size_t n, FILE *f);
void format_tap14(const struct judged *list, size_t n, FILE *f);
void format_junit(const struct judged *list, size_t n, FILE *f);
void format_markdown(const struct judged *list, size_t n, FILE *f);

#endif
