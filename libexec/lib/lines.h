/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lines.h - a stream as lines, in bounded memory, at the speed of memchr: what getline() is, but
 * for input that may hold a line of a gigabyte.
 */
#ifndef KT_LINES_H
#define KT_LINES_H

#include "libexec/lib/kt.h"

struct lines {
	int fd;           /* read, not owned */
	size_t max;       /* bytes a line may have */
	unsigned long n;  /* number of the line returned last, from 1 */
	bool too_long;    /* that line had more than max bytes: its start was returned, the rest is gone */
	bool cut;         /* that line is the last one and has no newline */
	char *buf;
	size_t size, start, end;
	bool eof;
};

struct lines lines_init(int fd, size_t max);
void lines_deinit(struct lines *l);
/*
 * The next line, without its newline and not NUL-terminated, valid until the next call. 1, 0 at the
 * end, -1 and err.
 */
int lines_next(struct lines *l, const char **line, size_t *len, struct kt_err *err);

#endif
