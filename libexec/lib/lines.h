/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lines.h - a stream as lines, in bounded memory, at the speed of memchr: what getline() is, but
 * for input that may hold a line of a gigabyte, and for descriptors that do not block.
 */
#ifndef KT_LINES_H
#define KT_LINES_H

#include "libexec/lib/kt.h"

struct lines {
	int fd;           /* read, not owned */
	size_t max;       /* bytes a line may have */
	unsigned long n;  /* number of the line returned last, from 1 */
	bool too_long;    /* that line, or the one that is being read, has more than max bytes: only its start is kept */
	bool cut;         /* that line is the last one and has no newline */
	char *buf;
	size_t size, start, end;
	size_t seen;      /* bytes behind start that hold no newline */
	bool returned;    /* too_long is of the line that was returned */
	bool eof;
};

struct lines lines_init(int fd, size_t max);
void lines_deinit(struct lines *l);
/*
 * The next line, without its newline and not NUL-terminated, valid until the next call. 1, 0 at the
 * end, -1 and err.
 */
int lines_next(struct lines *l, const char **line, size_t *len, struct kt_err *err);

/* The same in two steps, where reading must not wait. Read once: how many bytes; 0: nothing is there, or it is the end (eof). -1 and err. */
ssize_t lines_read(struct lines *l, struct kt_err *err);
/* The next line, if all of it was read. */
bool lines_take(struct lines *l, const char **line, size_t *len);
/* What was read of a line that is not whole yet. */
size_t lines_pending(const struct lines *l);

#endif
