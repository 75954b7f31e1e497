/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * read.h - readers of records, one for each kind: what the files of this folder share. For other folders: report.h.
 * A reader returns false when the record has a defect, and adds the defect to the report.
 */
#ifndef KT_REPORT_READ_H
#define KT_REPORT_READ_H

#include "libexec/report/report.h"

static const int64_t REPORT_INT_MAX = INT64_C(1) << 53;

/* Read a member that the record must have. */
bool report_need_int(const struct jcur *obj, const char *key, int64_t min, int64_t max, int64_t *ret);
bool report_need_str(const struct jcur *obj, const char *key, const char **ret);
bool report_need_cpus(const struct jcur *obj, const char *key, struct cpumask *ret);

bool report_read_worker(const struct jcur *c, struct report *r);
bool report_read_scheduler(const struct jcur *c, struct report *r);
void report_scheduler_deinit(struct report_scheduler *s);

bool report_read_sample(const struct jcur *c, struct report *r);
void report_samples_deinit(struct report_samples *s);

/* Read a payload record. */
bool report_read_payload(const struct jcur *c, struct report *r);
/* The name of the first payload without a record, or NULL. */
const char *report_payload_missing(const struct report *r);
void report_payloads_deinit(struct report *r);

#endif
