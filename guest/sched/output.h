/* SPDX-License-Identifier: GPL-2.0-only */
/* output.h - what a process writes, of which the end is kept: however much it is, it is read, and it costs no more memory. */
#ifndef SCHED_OUTPUT_H
#define SCHED_OUTPUT_H

#include "libexec/lib/json.h"
#include "libexec/lib/tail.h"

enum { OUTPUT_KEPT = 16384, OUTPUT_LINES = 120, OUTPUT_LINE_MAX = 400 };

struct output {
	int fd;                /* non-blocking; -1 when there is none (any more) */
	struct tail tail;
	char ring[OUTPUT_KEPT];
};

/* Of nothing yet: fd is set when there is something. */
void output_init(struct output *o);
/* Read what is there. */
void output_take(struct output *o);
/* The last lines as an array of printable strings; the first may have lost its beginning. */
json_t *output_lines(const struct output *o);

#endif
