// SPDX-License-Identifier: GPL-2.0-only
/* The end of what a process writes: see output.h. */
#include "guest/sched/output.h"
#include "libexec/lib/printable.h"

static void add(struct output *o, const char *p, size_t n)
{
	if (n > sizeof(o->buf)) {
		p += n - sizeof(o->buf);
		n = sizeof(o->buf);
	}
	size_t keep = MIN(o->n, sizeof(o->buf) - n);
	memmove(o->buf, o->buf + o->n - keep, keep);
	memcpy(o->buf + keep, p, n);
	o->n = keep + n;
}

static void look_for_headline(struct output *o, const char *p, size_t n)
{
	for (; n && !*o->headline; p++, n--) {
		if (*p != '\n') {
			if (o->line_n + 1 < sizeof(o->line))
				o->line[o->line_n++] = *p;
			continue;
		}
		o->line[o->line_n] = '\0';
		o->line_n = 0;
		if (!strncmp(o->line, OUTPUT_HEADLINE, sizeof(OUTPUT_HEADLINE) - 1))
			memcpy(o->headline, o->line, sizeof(o->headline));
	}
}

void output_take(struct output *o)
{
	enum { READS = 64 }; /* then somebody else's turn: a flood has no end */
	char buf[8192];
	ssize_t n = 0;

	if (o->fd < 0)
		return;
	for (int i = 0; i < READS && (n = read(o->fd, buf, sizeof(buf))) > 0; i++) {
		add(o, buf, (size_t)n);
		look_for_headline(o, buf, (size_t)n);
		o->total += n;
	}
	if (!n) {
		close(o->fd);
		o->fd = -1;
	}
}

json_t *output_lines(const struct output *o)
{
	const char *end = o->buf + o->n, *p = end;
	json_t *lines = json_array();
	bool has_headline = !*o->headline;

	for (int n = 0; p > o->buf; p--)
		if (p[-1] == '\n' && p != end && ++n == OUTPUT_LINES)
			break;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
		_cleanup_free_ char *line = printable(p, MIN((size_t)(stop - p), (size_t)OUTPUT_LINE_MAX));

		if (stop > p)
			json_array_append_new(lines, json_string(line));
		has_headline |= !strncmp(line, OUTPUT_HEADLINE, sizeof(OUTPUT_HEADLINE) - 1);
		p = nl ? nl + 1 : end;
	}
	if (!has_headline) {
		_cleanup_free_ char *line = printable(o->headline, strlen(o->headline));
		json_array_insert_new(lines, 0, json_string(line));
	}
	return lines;
}
