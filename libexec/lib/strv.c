// SPDX-License-Identifier: GPL-2.0-only
/* A vector of strings: see strv.h. */
#include "libexec/lib/strv.h"

static void push_owned(struct strv *s, char *owned)
{
	s->v = xrealloc(s->v, s->n + 2, sizeof(*s->v));
	s->v[s->n++] = owned;
	s->v[s->n] = NULL;
}

void strv_add(struct strv *s, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	va_end(ap);
	push_owned(s, text);
}

void strv_add_all(struct strv *s, char *const *from)
{
	for (; from && *from; from++)
		push_owned(s, xstrdup(*from));
}

char *strv_shell(const struct strv *s)
{
	const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,.:/@%";
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		die(KT_TROUBLE, "out of memory");
	for (size_t i = 0; i < s->n; i++) {
		const char *p = s->v[i];

		fprintf(f, "%s", i ? " " : "");
		if (*p && p[strspn(p, plain)] == '\0') {
			fputs(p, f);
			continue;
		}
		fputc('\'', f);
		for (; *p; p++)
			fputs(*p == '\'' ? "'\\''" : (char[]){ *p, 0 }, f);
		fputc('\'', f);
	}
	if (fclose(f))
		die(KT_TROUBLE, "out of memory");
	return line;
}

void strv_deinit(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}
