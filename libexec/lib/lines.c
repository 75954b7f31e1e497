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

size_t lines_pending(const struct lines *l)
{
	return l->end - l->start;
}

/*
 * Read more behind end: what was handed out goes, and the buffer grows only as far as one line may
 * need.
 */
ssize_t lines_read(struct lines *l, struct kt_err *err)
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
		return errno == EAGAIN ? 0 : kt_fail(err, "cannot read: %s", strerror(errno));
	l->eof = !got;
	l->end += (size_t)got;
	return got;
}

bool lines_take(struct lines *l, const char **line, size_t *len)
{
	size_t have = lines_pending(l);
	char *from = l->buf ? l->buf + l->start : NULL, *nl = NULL;

	if (l->returned)
		l->too_long = l->returned = false;
	if (have > l->seen)
		nl = memchr(from + l->seen, '\n', have - l->seen);
	l->seen = nl ? (size_t)(nl - from) : have;
	if (l->seen > l->max) {
		l->too_long = true;
		/* Keep max bytes, to be returned, and make room behind them. */
		if (!nl) {
			l->seen = l->max;
			l->end = l->start + l->max;
		}
	}
	l->cut = !nl;
	if (!nl && (!l->eof || !have))
		return false;
	*line = from;
	*len = MIN(l->seen, l->max);
	l->start += l->seen + !!nl;
	l->seen = 0;
	l->returned = true;
	l->n++;
	return true;
}

int lines_next(struct lines *l, const char **line, size_t *len, struct kt_err *err)
{
	while (!lines_take(l, line, len)) {
		if (l->eof)
			return 0;
		if (lines_read(l, err) < 0)
			return -1;
	}
	return 1;
}
