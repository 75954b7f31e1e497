// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-eval [--format text|json] [--json FILE] [REPORT]: reads a report, writes the verdict.
 *
 * The verdict is one JSON document, built once; the text is a view of it, and who wants both asks for both at once. Defects of the report are
 * also said on stderr, one a line, so that a pipeline that keeps only the verdict still shows them.
 */
#include "libexec/check/verdict.h"
#include "libexec/lib/cache.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>

static const char help[] =
	"Usage: ktstr-eval [OPTION]... [REPORT]\n"
	"Judge the report of a run (from stdin without REPORT, or for '-').\n"
	"\n"
	"  -f, --format FORMAT  text (default) or json: the verdict as one line of JSON\n"
	"  -j, --json FILE      the verdict as JSON to FILE as well\n"
	"  -l, --list-checks    print every check with its default, unit and formula\n"
	"  -h, --help           print this\n"
	"\n"
	"Exit status: 0 passed, 1 a check failed, 125 cannot tell (inconclusive, skipped,\n"
	"unsupported here), 128 lost, truncated or defective report, 129 usage.\n";

enum format { FORMAT_TEXT, FORMAT_JSON };

static void list_checks(void)
{
	printf("%-14s %-18s %-20s %-10s %s\n", "CHECK", "ASSERT", "DEFAULT", "UNIT", "FAILS ON");
	for (const struct check *const *c = checks; *c; c++) {
		char def[64] = "off";

		if ((*c)->on == CHECK_ALWAYS)
			snprintf(def, sizeof(def), "always");
		else if ((*c)->on == CHECK_DEFAULT && (*c)->unit)
			snprintf(def, sizeof(def), "%.15g (real: %.15g)", (*c)->virtual_default,
				 (*c)->real_default);
		else if ((*c)->on == CHECK_DEFAULT)
			snprintf(def, sizeof(def), "true");
		const char *unit = (*c)->unit && *(*c)->unit ? (*c)->unit : "-";
		printf("%-14s %-18s %-20s %-10s %s\n", (*c)->name, (*c)->row.name ? (*c)->row.name : "-", def, unit,
		       (*c)->formula);
	}
}

/* All of it, past a reader that has seen enough: the verdict is in the exit code as well. */
static void write_stdout(const char *text, size_t len)
{
	for (ssize_t n; len; text += n, len -= n) {
		n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno == EPIPE)
			return;
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			die(KT_TROUBLE, "cannot write to stdout: %s", strerror(errno));
	}
}

/* The verdict in a format; free() it. */
static char *render_verdict(const json_t *verdict, enum format format, size_t *len)
{
	struct kt_err err;
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		die(KT_TROUBLE, "out of memory");
	if (format == FORMAT_TEXT)
		verdict_print(verdict, f);
	else if (kt_json_line(f, verdict, &err))
		die(KT_TROUBLE, "%s", err.msg);
	if (fclose(f))
		die(KT_TROUBLE, "out of memory");
	return text;
}

static int eval_report(const char *path, enum format format, const char *json_file)
{
	_cleanup_close_ int fd = streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(report_deinit) struct report r = { 0 };
	struct kt_err err;

	if (fd < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", path, strerror(errno));
	if (report_read(fd, &r, &err))
		die(KT_TROUBLE, "'%s': %s", path, err.msg);
	_cleanup_json_ json_t *verdict = verdict_build(&r);

	kt_errs_print(&r.defects);
	if (r.nr_defects > r.defects.n)
		kt_warn("report: %lu more defects", (unsigned long)(r.nr_defects - r.defects.n));
	size_t len, json_len;
	_cleanup_free_ char *text = render_verdict(verdict, format, &len), *json = render_verdict(verdict, FORMAT_JSON, &json_len);
	if (json_file && cache_write(json_file, json, json_len, &err))
		die(KT_TROUBLE, "%s", err.msg);
	write_stdout(text, len);
	return verdict_exit(verdict);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", required_argument, NULL, 'j' },
		{ "list-checks", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	enum format format = FORMAT_TEXT;
	const char *json_file = NULL;
	bool list = false;

	kt_init("ktstr-eval");
	opterr = 0;
	signal(SIGPIPE, SIG_IGN);
	for (int c; (c = getopt_long(argc, argv, ":f:j:lh", options, NULL)) >= 0;) {
		switch (c) {
		case 'f':
			if (streq(optarg, "json"))
				format = FORMAT_JSON;
			else if (streq(optarg, "text"))
				format = FORMAT_TEXT;
			else
				die_usage("format '%s' is neither text nor json", optarg);
			break;
		case 'j':
			json_file = optarg;
			break;
		case 'l':
			list = true;
			break;
		case 'h':
			fputs(help, stdout);
			return KT_OK;
		case ':':
			die_usage("option '-%c' needs an argument", optopt);
		default:
			if (optopt)
				die_usage("unknown option '-%c'", optopt);
			die_usage("unknown option '%s'", argv[optind - 1]);
		}
	}
	if (argc - optind > 1)
		die_usage("more than one report");
	if (list) {
		list_checks();
		return KT_OK;
	}
	return eval_report(optind < argc ? argv[optind] : "-", format, json_file);
}
