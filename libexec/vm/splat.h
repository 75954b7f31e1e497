/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * splat.h - the kernel's complaints on its console: WARNING, BUG, Oops, a fault, a stall, a panic. Of each the first line is kept,
 * without its time stamp: it says what happened and where.
 *
 * Everybody who may write to /dev/kmsg, or to the console, can write such a line: it is what a guest says, like everything else.
 */
#ifndef VM_SPLAT_H
#define VM_SPLAT_H

#include "libexec/lib/kt.h"

enum { SPLATS_KEPT = 16, SPLAT_LINE_MAX = 400 };

struct splats {
	unsigned kept, more;                    /* different ones: the first, and how many came after them */
	char text[SPLATS_KEPT][SPLAT_LINE_MAX]; /* as they came: not printable() */
	char line[SPLAT_LINE_MAX];              /* the line that is being read, its beginning */
	size_t n;
};

/* The console's next bytes. */
void splats_add(struct splats *s, const char *p, size_t n);

#endif
