// SPDX-License-Identifier: GPL-2.0-only
/*
 * eval-fuzz REPORT: evaluates thousands of damaged variants of a good report in one process; meant
 * to be built with sanitizers. Every variant must end in a documented exit code, its verdict must
 * be JSON on one line and printable as text, and no truncation may be judged.
 */
#include "libexec/check/verdict.h"

#include <fcntl.h>
#include <sys/mman.h>

static unsigned long variants;

static int judge_text(const char *text, size_t len, const char *what, size_t where)
{
	_cleanup_close_ int fd = memfd_create("report", MFD_CLOEXEC);
	_cleanup_(report_deinit) struct report r = { 0 };
	_cleanup_free_ char *view = NULL;
	struct kt_err err;
	size_t n;

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
		die(KT_TROUBLE, "memfd: %s", strerror(errno));
	if (report_read(fd, &r, &err))
		die(KT_TROUBLE, "%s", err.msg);
	_cleanup_json_ json_t *verdict = verdict_build(&r, NULL);
	int code = verdict_exit(verdict);
	FILE *f = open_memstream(&view, &n);
	if (!f || kt_json_line(f, verdict, &err))
		die(KT_NO, "%s at %zu: the verdict is no JSON", what, where);
	fflush(f);
	if (memchr(view, '\n', n) != view + n - 1)
		die(KT_NO, "%s at %zu: the verdict is not one line", what, where);
	verdict_print(verdict, f);
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)view[i] < 0x20 && view[i] != '\n') || view[i] == 0x7f)
			die(KT_NO, "%s at %zu: a control character in the text", what, where);
	if (code != KT_OK && code != KT_NO && code != KT_CANNOT_TELL && code != KT_TROUBLE)
		die(KT_NO, "%s at %zu: exit code %d", what, where, code);
	variants++;
	return code;
}

static char *load_file(const char *path, size_t *len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, 1 << 20);
	ssize_t n = read(fd, text, 1 << 19);

	if (n < 0)
		die(KT_TROUBLE, "cannot read '%s': %s", path, strerror(errno));
	*len = n;
	return text;
}

/* Put s in place of text[at..at+cut). */
static void replace_piece(const char *text, size_t len, size_t at, size_t cut, const char *s, const char *what)
{
	size_t n = strlen(s);
	_cleanup_free_ char *v = xcalloc(len + n + 1, 1);

	memcpy(v, text, at);
	memcpy(v + at, s, n);
	memcpy(v + at + n, text + at + cut, len - at - cut);
	judge_text(v, len - cut + n, what, at);
}

/* Every value of the report, in turn, as each of these. */
static void replace_values(const char *text, size_t len)
{
	static const char *const values[] = {
		"null", "true", "-1", "0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"1e308", "1e999", "0.5", "NaN", "\"\"", "\"x\"", "\"0-1023\"", "\"1024\"", "\"\\u0000\"",
		"\"\\u001b[2J\"", "\"\xff\xfe\"", "[]", "{}", "[[[[[[[[]]]]]]]]", "{\"kind\":\"run\"}",
		"{\"signaled\":\"SIGKILL\"}", "",
	};

	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != ':' || text[i - 1] != '"' || strchr("{[", text[i + 1]))
			continue;
		const char *from = text + i + 1;
		size_t cut = *from == '"' ? (size_t)(strchr(from + 1, '"') - from + 1) : strcspn(from, ",}]\n");
		for (size_t k = 0; k < ARRAY_SIZE(values); k++)
			replace_piece(text, len, i + 1, cut, values[k], values[k]);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = 88172645463325252;
	size_t len;

	kt_init("eval-fuzz");
	if (argc != 2)
		die_usage("one report");
	char *text = load_file(argv[1], &len);
	if (judge_text(text, len, "unchanged", 0) != KT_OK)
		die(KT_NO, "the report does not pass as it is");
	/* Without its newline alone the last record is still whole. */
	for (size_t n = 0; n < len - 1; n += 97)
		if (judge_text(text, n, "truncated", n) != KT_TROUBLE)
			die(KT_NO, "truncated at %zu, and judged", n);
	if (judge_text(text, len - 2, "truncated", len - 2) != KT_TROUBLE)
		die(KT_NO, "its last brace cut off, and judged");
	for (size_t i = 0; i < len; i += 3) {
		char was = text[i];

		seed = seed * 6364136223846793005 + 1442695040888963407;
		text[i] = seed >> 56;
		judge_text(text, len, "byte changed", i);
		text[i] = was ^ 1 << (seed >> 40) % 8;
		judge_text(text, len, "bit flipped", i);
		text[i] = was;
		replace_piece(text, len, i, 1, "", "byte removed");
	}
	replace_values(text, len);
	printf("ok: %lu variants\n", variants);
	free(text);
	return KT_OK;
}
