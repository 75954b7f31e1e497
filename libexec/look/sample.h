/* SPDX-License-Identifier: GPL-2.0-only */
/* sample.h - a short record of the runqueues at one moment: ktstr-report(5), sample. The guest stands. */
#ifndef KT_SAMPLE_H
#define KT_SAMPLE_H

#include "libexec/look/snapshot.h"

/* Up to this ratio of the busiest CPU to the least busy one, single tasks are not looked at. */
enum { SAMPLE_EVEN = 2 };

/* Lists by CPU, and sums. What this kernel does not have is left out; what could not be read is named in "missing". */
json_t *sample_make(struct target *t);

#endif
