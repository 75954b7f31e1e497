/* SPDX-License-Identifier: GPL-2.0-only */
/* sample.h - what the runqueues are like at a moment, in little: a record of a report (ktstr-report(5), sample). The guest stands. */
#ifndef KT_SAMPLE_H
#define KT_SAMPLE_H

#include "libexec/look/snapshot.h"

/* As long as no CPU has more than so many times as much to do as another, tasks are not looked at. */
enum { SAMPLE_EVEN = 2 };

/* Lists by CPU, and sums: what of it this kernel has. "missing" is there only when something could not be read. */
json_t *sample_make(struct target *t);

#endif
