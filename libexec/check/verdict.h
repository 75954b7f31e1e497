/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - the verdict document: one JSON object, built once; every view (format.h) is rendered from it. ktstr-eval(1) lists its
 * members.
 */
#ifndef KT_VERDICT_H
#define KT_VERDICT_H

#include "libexec/check/check.h"

/* Judge a report; defaults may be NULL. One with defects gets the verdict "error". */
json_t *verdict_build(const struct report *r, const struct layers *defaults);
/* Of a report that cannot be read, because of why. */
json_t *verdict_unread(const char *why);
/* The exit code that goes with it. */
int verdict_exit(const json_t *verdict);
/* For people. */
void verdict_print(const json_t *verdict, FILE *f);

#endif
