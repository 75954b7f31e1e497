// SPDX-License-Identifier: GPL-2.0-only
/* The end of what a process writes: see output.h. */
#include "guest/sched/output.h"
#include "libexec/lib/printable.h"

void output_init(struct output *o)
{
	o->fd = -1;
	o->tail = (struct tail){ o->ring, sizeof(o->ring) };
}

static bool is_headline(const char *line)
{
	return !strncmp(line, OUTPUT_HEADLINE, sizeof(OUTPUT_HEADLINE) - 1);
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
		if (is_headline(o->line))
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
		tail_add(&o->tail, buf, (size_t)n);
		look_for_headline(o, buf, (size_t)n);
	}
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
	json_t *lines = json_array(), *line;
	bool seen = false;
	size_t i;

	tail_lines(&o->tail, OUTPUT_LINES, add_line, lines);
	json_array_foreach(lines, i, line)
		seen |= is_headline(json_string_value(line));
	if (*o->headline && !seen) {
		_cleanup_free_ char *headline = printable(o->headline, strlen(o->headline));

		json_array_insert_new(lines, 0, json_string(headline));
	}
	return lines;
}
