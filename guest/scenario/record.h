/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h - what a scenario writes, as records of ktstr-report(5). */
#ifndef KT_RECORD_H
#define KT_RECORD_H

#include "crew.h"
#include "outcome.h"

json_t *record_phase(unsigned index, const char *name, int64_t start_ns, int64_t end_ns);
/* Worker number i of the crew, which has stopped. */
json_t *record_worker(const struct crew *c, unsigned i, const struct spec *spec);
json_t *record_end(enum outcome outcome, const char *reason);

#endif
