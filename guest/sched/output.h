/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.h - what a process writes, of which the end is kept: however much it is, it is read, and it costs no more memory. One line
 * is kept wherever it stands: the headline of a BPF verifier's log, whose length grows with the program.
 */
#ifndef SCHED_OUTPUT_H
#define SCHED_OUTPUT_H

#include "libexec/lib/json.h"
#include "libexec/lib/tail.h"

enum { OUTPUT_KEPT = 16384, OUTPUT_LINES = 120, OUTPUT_LINE_MAX = 400 };
/* How the line begins in which newer kernels say why they reject a program. */
#define OUTPUT_HEADLINE "Verification failed: "

struct output {
	int fd;                /* non-blocking; -1 when there is none (any more) */
	struct tail tail;
	char ring[OUTPUT_KEPT];
	/* The beginning of the line that is being read, and the headline, or "". */
	char line[OUTPUT_LINE_MAX], headline[OUTPUT_LINE_MAX];
	size_t line_n;
};

/* Of nothing yet: fd is set when there is something. */
void output_init(struct output *o);
/* Read what is there. */
void output_take(struct output *o);
/*
 * The last lines as an array of printable strings; the first may have lost its beginning. The headline comes before them when it is
 * not among them.
 */
json_t *output_lines(const struct output *o);

#endif
