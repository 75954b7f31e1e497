// SPDX-License-Identifier: GPL-2.0-only
/* The end of what a process writes: see output.h. */
#include "guest/sched/output.h"
#include "libexec/lib/printable.h"

void output_init(struct output *o)
{
	o->fd = -1;
	o->tail = (struct tail){ o->ring, sizeof(o->ring) };
}

void output_take(struct output *o)
{
	enum { READS = 64 }; /* then somebody else's turn: a flood has no end */
	char buf[8192];
	ssize_t n = 0;

	if (o->fd < 0)
		return;
	for (int i = 0; i < READS && (n = read(o->fd, buf, sizeof(buf))) > 0; i++)
		tail_add(&o->tail, buf, (size_t)n);
	if (!n) {
		close(o->fd);
		o->fd = -1;
	}
}

static void add_line(void *ctx, const char *text, size_t n)
{
	_cleanup_free_ char *line = printable(text, MIN(n, (size_t)OUTPUT_LINE_MAX));

	json_array_append_new(ctx, json_string(line));
}

json_t *output_lines(const struct output *o)
{
	json_t *lines = json_array();

	tail_lines(&o->tail, OUTPUT_LINES, add_line, lines);
	return lines;
}
