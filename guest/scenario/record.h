/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h - what a scenario writes, as records of ktstr-report(5). */
#ifndef KT_RECORD_H
#define KT_RECORD_H

#include "guest/scenario/engine.h"

/* 0 is BASELINE; step is the name that the spec gives it, or NULL. */
json_t *record_phase(unsigned index, const char *step, int64_t start_ns, int64_t end_ns);
/* Takes result, which may be NULL. */
json_t *record_op(const struct engine *e, const struct op *op, uint64_t start_ns, uint64_t end_ns, json_t *result);
/* Worker number i of the crew, which has stopped. */
json_t *record_worker(const struct engine *e, unsigned i);
/* Into the record of a worker that is a program: what is known from outside, instead of what it would say itself. */
void record_outside(json_t *worker, const struct outside *o, bool worker_timed_out);
/* What became of a payload that is over; its output is parsed here. */
json_t *record_payload(const struct engine *e, const struct payload_run *r);
json_t *record_end(enum outcome outcome, const char *reason);

#endif
