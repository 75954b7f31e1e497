/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.h - what a process writes, of which the end is kept: however much it is, it is read, and it costs no more memory. Of what
 * came before one line is kept: the headline of a BPF verifier's log, which goes on for as long as the program is.
 */
#ifndef SCHED_OUTPUT_H
#define SCHED_OUTPUT_H

#include "libexec/lib/json.h"

enum { OUTPUT_KEPT = 16384, OUTPUT_LINES = 120, OUTPUT_LINE_MAX = 400 };

struct output {
	int fd;                /* non-blocking; -1 when there is none (any more) */
	char buf[OUTPUT_KEPT]; /* the last n bytes of total */
	size_t n;
	int64_t total;
	char line[OUTPUT_LINE_MAX], headline[OUTPUT_LINE_MAX]; /* the line that is being read, its beginning; the headline, or "" */
	size_t line_n;
};

/* Read what is there. */
void output_take(struct output *o);
/* What newer kernels begin the line with in which they say why they reject a program. */
#define OUTPUT_HEADLINE "Verification failed: "

/*
 * The last lines as an array of printable strings; the first may have lost its beginning. Before them the headline, when it is not
 * among them.
 */
json_t *output_lines(const struct output *o);

#endif
