// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's complaints: see splat.h. */
#include "libexec/vm/splat.h"

/* How their first lines begin, and, where that is not enough, what is in them too. */
static const struct { const char *begin, *has; } complaints[] = {
	{ "WARNING: ", NULL },
	{ "BUG: ", NULL },
	{ "kernel BUG at ", NULL },
	{ "Oops", ": " },
	{ "general protection fault", NULL },
	{ "divide error: ", NULL },
	{ "invalid opcode: ", NULL },
	{ "double fault: ", NULL },
	{ "Kernel panic - ", NULL },
	{ "watchdog: BUG: ", NULL },
	{ "watchdog: Watchdog detected ", NULL },
	{ "INFO: task ", " blocked for more than " },
	{ "rcu: INFO: ", NULL },
	{ "UBSAN: ", NULL },
};

/* Behind "[   12.345678]" and, where the kernel writes that too, "[    T77]". */
static const char *skip_stamps(const char *line)
{
	for (int i = 0; i < 2; i++) {
		const char *end = *line == '[' ? strchr(line, ']') : NULL;

		if (!end)
			break;
		line = end + 1 + strspn(end + 1, " ");
	}
	return line;
}

static bool is_complaint(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++)
		if (!strncmp(text, complaints[i].begin, strlen(complaints[i].begin)) &&
		    (!complaints[i].has || strstr(text, complaints[i].has)))
			return true;
	return false;
}

static void take_line(struct splats *s, const char *text)
{
	if (!is_complaint(text))
		return;
	for (unsigned i = 0; i < s->kept; i++)
		if (streq(s->text[i], text))
			return;
	if (s->kept == SPLATS_KEPT)
		s->more++;
	else
		memcpy(s->text[s->kept++], text, strlen(text) + 1);
}

void splats_add(struct splats *s, const char *p, size_t n)
{
	for (; n; p++, n--) {
		if (*p != '\n' && *p != '\r') {
			if (s->n + 1 < sizeof(s->line))
				s->line[s->n++] = *p;
			continue;
		}
		s->line[s->n] = '\0';
		s->n = 0;
		take_line(s, skip_stamps(s->line));
	}
}
