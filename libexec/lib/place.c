// SPDX-License-Identifier: GPL-2.0-only
/* The name of a place in the kernel: see place.h. */
#include "libexec/lib/place.h"
#include <ctype.h>

static bool is_word(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.", *s))
			return false;
	return s[-1] != '.';
}

/* Cut the text at the last of this character; what is behind it, or NULL. */
static char *cut(char *text, char c)
{
	char *at = strrchr(text, c);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

static int parse_number(const char *text, const char *what, int64_t min, int64_t max, int64_t *ret, struct kt_err *err)
{
	char *end;

	if (strncmp(text, "0x", 2))
		return kt_parse_i64(text, what, min, max, ret, err);
	errno = 0;
	*ret = strtoll(text, &end, 16);
	if (errno || *end || !text[2] || *ret < min || *ret > max)
		return kt_fail(err, "%s: '%s' is not a number from %lld to %lld", what, text, (long long)min, (long long)max);
	return 0;
}

int place_parse(const char *text, struct place *ret, struct kt_err *err)
{
	static const char shape[] = "[OWNER:]NAME[.MEMBER...][+OFFSET][/SIZE][@CPU]";
	struct place p = { .cpu = -1 };
	int64_t cpu = -1, size = 0, offset = 0;

	if (strlen(text) > PLACE_MAX_TEXT)
		return kt_fail(err, "a name of more than %d characters", PLACE_MAX_TEXT);
	_cleanup_free_ char *rest = xstrdup(text);
	char *at_cpu = cut(rest, '@'), *bytes = cut(rest, '/'), *at = cut(rest, '+'), *name = cut(rest, ':');
	if ((at_cpu && parse_number(at_cpu, "the CPU", 0, 65535, &cpu, err)) ||
	    (bytes && parse_number(bytes, "the size", 1, PLACE_MAX_SIZE, &size, err)) ||
	    (at && parse_number(at, "the offset", 0, INT64_C(1) << 40, &offset, err)))
		return kt_context(err, "'%s'", text);
	if ((name && !is_word(rest)) || !is_word(name ? name : rest))
		return kt_fail(err, "'%s' is not as %s", text, shape);
	snprintf(p.owner, sizeof(p.owner), "%s", name ? rest : "");
	snprintf(p.name, sizeof(p.name), "%s", name ? name : rest);
	p.cpu = (int)cpu;
	p.size = (unsigned)size;
	p.offset = (uint64_t)offset;
	*ret = p;
	return 0;
}
