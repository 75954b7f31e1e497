/* SPDX-License-Identifier: GPL-2.0-only */
/* report-read.h - reading the records of a report, by kind: for report.c and the report-*.c. False: a defect, which is noted. */
#ifndef KT_REPORT_READ_H
#define KT_REPORT_READ_H

#include "libexec/report/report.h"

static const int64_t REPORT_INT_MAX = INT64_C(1) << 53;

/* A member that must be there. */
bool report_need_int(const struct jcur *obj, const char *key, int64_t min, int64_t max, int64_t *ret);
bool report_need_str(const struct jcur *obj, const char *key, const char **ret);
bool report_need_cpus(const struct jcur *obj, const char *key, struct cpumask *ret);

bool report_read_worker(const struct jcur *c, struct report *r);
bool report_read_scheduler(const struct jcur *c, struct report *r);
void report_scheduler_deinit(struct report_scheduler *s);

/* The payloads of the spec; false when they cannot be read. */
bool report_read_payloads(const struct jcur *spec, struct report *r);
/* A payload record. */
bool report_read_payload(const struct jcur *c, struct report *r);
/* The first payload that has no record, or NULL. */
const char *report_payload_missing(const struct report *r);
void report_payloads_deinit(struct report *r);

#endif
