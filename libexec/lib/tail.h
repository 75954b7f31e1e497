/* SPDX-License-Identifier: GPL-2.0-only */
/* tail.h - the last bytes of a stream, however long it is, and the last lines among them. */
#ifndef KT_TAIL_H
#define KT_TAIL_H

#include "libexec/lib/kt.h"

/*
 *	char last[2048];
 *	struct tail tail = { last, sizeof(last) };
 *
 * In memory that processes share, both are, and at the same address in all of them.
 */
struct tail {
	char *ring;      /* byte i of the stream is at i % size */
	size_t size;
	uint64_t total;  /* bytes that came */
};

void tail_add(struct tail *t, const char *p, size_t n);
/* The bytes that are kept, in order and with a NUL behind them, to be freed; *n: how many. */
char *tail_text(const struct tail *t, size_t *n);
/*
 * Call each() for the last lines, at most max, without their ends; the first may have lost its beginning, the last its
 * end, and empty ones are left out.
 */
void tail_lines(const struct tail *t, unsigned max, void (*each)(void *ctx, const char *line, size_t len), void *ctx);

#endif
