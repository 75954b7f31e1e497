// SPDX-License-Identifier: GPL-2.0-only
/* The last bytes of a stream: see tail.h. */
#include "libexec/lib/tail.h"

void tail_add(struct tail *t, const char *p, size_t n)
{
	size_t skip = n > t->size ? n - t->size : 0;

	t->total += skip;
	for (p += skip, n -= skip; n;) {
		size_t at = t->total % t->size, part = MIN(n, t->size - at);

		memcpy(t->ring + at, p, part);
		t->total += part;
		p += part;
		n -= part;
	}
}

char *tail_text(const struct tail *t, size_t *n)
{
	size_t kept = MIN(t->total, (uint64_t)t->size), from = t->total > kept ? t->total % t->size : 0, first = kept - from;
	char *text = xcalloc(kept + 1, 1);

	memcpy(text, t->ring + from, first);
	memcpy(text + first, t->ring, from);
	*n = kept;
	return text;
}

void tail_lines(const struct tail *t, unsigned max, void (*each)(void *ctx, const char *line, size_t len), void *ctx)
{
	size_t n;
	_cleanup_free_ char *text = tail_text(t, &n);
	const char *end = text + n, *p = end;

	for (unsigned lines = 0; p > text; p--)
		if (p[-1] == '\n' && p != end && ++lines == max)
			break;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;

		if (stop > p)
			each(ctx, p, (size_t)(stop - p));
		p = nl ? nl + 1 : end;
	}
}
