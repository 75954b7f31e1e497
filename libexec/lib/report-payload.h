/* SPDX-License-Identifier: GPL-2.0-only */
/* report-payload.h - payloads in a report: what the spec asked for, and what became of them. For report.c. */
#ifndef KT_REPORT_PAYLOAD_H
#define KT_REPORT_PAYLOAD_H

#include "report.h"

/* The payloads of the spec; false when they cannot be read. */
bool report_read_payloads(const struct jcur *spec, struct report *r);
/* A payload record. */
bool report_read_payload(const struct jcur *c, struct report *r);
/* The first payload that has no record, or NULL. */
const char *report_payload_missing(const struct report *r);
void report_payloads_deinit(struct report *r);

#endif
