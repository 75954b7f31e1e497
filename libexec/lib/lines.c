// SPDX-License-Identifier: GPL-2.0-only
/* A stream as lines: see lines.h. */
#include "libexec/lib/lines.h"

enum { CHUNK = 256 * 1024 };

struct lines lines_init(int fd, size_t max)
{
	return (struct lines){ .fd = fd, .max = max };
}

void lines_deinit(struct lines *l)
{
	free(take(l->buf));
}

/*
 * Read more behind end: what was handed out goes, and the buffer grows only as far as one line may
 * need.
 */
static int fill_buffer(struct lines *l, struct kt_err *err)
{
	if (l->start) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	/* A line cut to max leaves at least CHUNK behind it in a full-grown buffer. */
	if (l->size - l->end < CHUNK / 2) {
		l->size = l->size ? MIN(2 * l->size, l->max + CHUNK) : CHUNK;
		l->buf = xrealloc(l->buf, l->size, 1);
	}
	ssize_t got;
	do
		got = read(l->fd, l->buf + l->end, l->size - l->end);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return kt_fail(err, "cannot read: %s", strerror(errno));
	l->eof = !got;
	l->end += got;
	return 0;
}

int lines_next(struct lines *l, const char **line, size_t *len, struct kt_err *err)
{
	size_t seen = 0; /* bytes behind start that hold no newline */

	l->too_long = l->cut = false;
	for (;;) {
		char *from = l->buf + l->start, *nl = NULL;
		size_t have = l->end - l->start;

		if (have > seen)
			nl = memchr(from + seen, '\n', have - seen);
		seen = nl ? (size_t)(nl - from) : have;
		if (seen > l->max) {
			l->too_long = true;
			/* Keep max bytes, to be returned, and make room behind them. */
			if (!nl) {
				seen = l->max;
				l->end = l->start + l->max;
			}
		}
		if (nl || l->eof) {
			if (!nl && !have)
				return 0;
			l->cut = !nl;
			*line = from;
			*len = MIN(seen, l->max);
			l->start += seen + !!nl;
			l->n++;
			return 1;
		}
		if (fill_buffer(l, err))
			return -1;
	}
}
