/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * outcome.h - what became of a run, for whoever runs it, reports it, judges it or counts it. An outcome is how the run went: a
 * report's end record has it. A verdict is what there is to say of the run: ktstr-eval's document has it. Both have a name in
 * records, and an exit code out of exits.list.
 */
#ifndef KT_OUTCOME_H
#define KT_OUTCOME_H

#include "libexec/lib/kt.h"

enum outcome {
	OUTCOME_DONE,        /* it ran, whatever the verdict will be */
	OUTCOME_UNSUPPORTED, /* this kernel or machine cannot run it */
	OUTCOME_ERROR,       /* something failed that should have worked */
	OUTCOME_LOST,        /* the guest was lost */
	OUTCOME_TRUNCATED,   /* the report has no end record: no record says this */
};

const char *outcome_name(enum outcome o);
enum kt_exit outcome_exit(enum outcome o);
/* What an end record says; false when it is no name of an outcome, or NULL. */
bool outcome_parse(const char *name, enum outcome *ret);

enum verdict {
	/* of a check, and of a run with checks: weakest first */
	VERDICT_SKIP, VERDICT_PASS, VERDICT_INCONCLUSIVE, VERDICT_FAIL,
	/* of a run that there is nothing to judge of */
	VERDICT_UNSUPPORTED, VERDICT_ERROR, VERDICT_LOST,
};

const char *verdict_name(enum verdict v);
/* The exit code of a verdict by its name; false when there is no such verdict, or name is NULL. */
bool verdict_exit_code(const char *name, enum kt_exit *ret);
/* Of an outcome that leaves nothing to judge. */
enum verdict outcome_verdict(enum outcome o);

#endif
