// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-eval [--format FORMAT] [--json FILE] [REPORT...]: reads reports, writes their verdicts.
 *
 * A verdict is one JSON document, built once; every format is a view of it, and who wants two asks for both at once. Defects of a report are
 * also said on stderr, one a line, so that a pipeline that keeps only the verdict still shows them.
 */
#include "libexec/check/format.h"
#include "libexec/check/verdict.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/printable.h"
#include "libexec/trace/conserve.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>

static const char help[] =
	"Usage: ktstr-eval [OPTION]... [REPORT]...\n"
	"Judge the reports of runs (from stdin without REPORT, or for '-').\n"
	"\n"
	"  -f, --format FORMAT  text (default); json: a verdict a line; ktap, tap13, tap14,\n"
	"                       junit, markdown: all of them as one document\n"
	"  -j, --json FILE      the verdicts as JSON to FILE as well\n"
	"  -d, --defaults FILE  thresholds of a scheduler or a suite: an object like a spec's\n"
	"                       \"assert\", which goes before it; may be given again\n"
	"      --trace FILE     the trace of the run, for the checks that are by one\n"
	"      --show-thresholds  what the report is judged by, and where each value is from\n"
	"  -l, --list-checks    print every check with its default, unit and formula\n"
	"  -h, --help           print this\n"
	"\n"
	"Exit status: 0 passed, 1 a check failed, 125 cannot tell (inconclusive, skipped,\n"
	"unsupported here), 128 lost, truncated or defective report, 129 usage;\n"
	"of several reports the worst one's.\n";

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

/* Views of verdicts; free() it. */
static char *render_verdicts(const struct format *format, const struct judged *list, size_t n, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		die(KT_TROUBLE, "out of memory");
	format->print(list, n, f);
	if (fclose(f))
		die(KT_TROUBLE, "out of memory");
	return text;
}

static void write_verdicts(const struct format *format, const struct judged *list, size_t n)
{
	size_t len;
	_cleanup_free_ char *text = render_verdicts(format, list, n, &len);

	write_stdout(text, len);
}

/* -1 and err: it cannot be read at all. */
static int read_report(const char *path, struct report *r, struct kt_err *err)
{
	_cleanup_close_ int fd = streq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	if (report_read(fd, r, err)) {
		_cleanup_free_ char *why = xstrdup(err->msg);
		return kt_fail(err, "'%s': %s", path, why);
	}
	kt_errs_print(&r->defects);
	if (r->nr_defects > r->defects.n)
		kt_warn("report: %lu more defects", (unsigned long)(r->nr_defects - r->defects.n));
	return 0;
}

/* The workers' time: what comes behind it is no part of the run. */
static int64_t end_of_run(const struct report *r)
{
	int64_t end = 0;

	for (unsigned i = 0; i < r->nr_workers; i++)
		end = MAX(end, r->workers[i].wall_time_ns);
	return end ? end : INT64_MAX;
}

/* A trace that is not whole judges nothing. */
static void read_trace(const char *path, struct report *r)
{
	struct conserve c;
	struct kt_err err;

	if (conserve_read(path, end_of_run(r), &c, &err))
		die(err.code, "%s", err.msg);
	const struct conserve_cpu *worst = conserve_worst(&c);
	r->idle.known = true;
	if (worst) {
		_cleanup_free_ char *task = printable(worst->longest_task, strlen(worst->longest_task));
		r->idle.longest_ns = worst->longest_ns;
		r->idle.until_ns = worst->longest_until_ns;
		r->idle.cpu = (unsigned)(worst - c.cpus);
		snprintf(r->idle.task, sizeof(r->idle.task), "%s", task);
	}
	conserve_deinit(&c);
}

/* Of several reports one that cannot be read is one that is bad; the others are judged all the same. */
static json_t *judge_one_of(size_t n, const char *path, const char *trace, const struct layers *defaults)
{
	_cleanup_(report_deinit) struct report r = { 0 };
	struct kt_err err;

	if (!read_report(path, &r, &err)) {
		if (trace)
			read_trace(trace, &r);
		return verdict_build(&r, defaults);
	}
	if (n == 1)
		die(KT_TROUBLE, "%s", err.msg);
	kt_warn("%s", err.msg);
	return verdict_unread(err.msg);
}

/* One that is not whole says what it can. */
static int show_thresholds(char **paths, size_t n, const struct layers *defaults)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(report_deinit) struct report r = { 0 };
		struct kt_err err;

		if (read_report(paths[i], &r, &err))
			die(KT_TROUBLE, "%s", err.msg);
		if (!r.kernel)
			die(KT_TROUBLE, "'%s': no run record says which spec and clock it is judged by", paths[i]);
		checks_print_thresholds(&r, defaults, stdout);
	}
	return KT_OK;
}

static int eval_reports(char **paths, size_t n, const struct format *format, const char *json_file, const char *trace,
			const struct layers *defaults)
{
	struct judged *list = xcalloc(n, sizeof(*list));
	bool at_once = !format->whole && !json_file; /* and nobody needs the verdict afterwards */
	int worst = KT_OK;
	struct kt_err err;

	for (size_t i = 0; i < n; i++) {
		json_t *verdict = judge_one_of(n, paths[i], trace, defaults);

		list[i] = (struct judged){ paths[i], verdict };
		worst = kt_exit_worse(worst, verdict_exit(verdict));
		if (at_once) {
			write_verdicts(format, &list[i], 1);
			json_decref(verdict);
			list[i].verdict = NULL;
		}
	}
	if (json_file) {
		size_t len;
		_cleanup_free_ char *json = render_verdicts(format_by_name("json"), list, n, &len);

		if (cache_write(json_file, json, len, &err))
			die(KT_TROUBLE, "%s", err.msg);
	}
	if (!at_once)
		write_verdicts(format, list, n);
	for (size_t i = 0; i < n; i++)
		json_decref((json_t *)list[i].verdict);
	free(list);
	return worst;
}

enum { OPT_SHOW_THRESHOLDS = 256, OPT_TRACE };

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", required_argument, NULL, 'j' },
		{ "defaults", required_argument, NULL, 'd' },
		{ "show-thresholds", no_argument, NULL, OPT_SHOW_THRESHOLDS },
		{ "trace", required_argument, NULL, OPT_TRACE },
		{ "list-checks", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const struct format *format = format_by_name("text");
	static char *stdin_only[] = { "-" };
	const char *json_file = NULL, *trace = NULL;
	_cleanup_(layers_deinit) struct layers defaults = { 0 };
	bool list = false, show = false;
	enum kt_exit bad;

	kt_init("ktstr-eval");
	opterr = 0;
	signal(SIGPIPE, SIG_IGN);
	for (int c; (c = getopt_long(argc, argv, ":f:j:d:lh", options, NULL)) >= 0;) {
		switch (c) {
		case 'f':
			format = format_by_name(optarg);
			if (!format) {
				_cleanup_free_ char *names = format_names();
				die_usage("no format '%s'; there are %s", optarg, names);
			}
			break;
		case 'j':
			json_file = optarg;
			break;
		case 'd':
			if ((bad = layers_read(&defaults, optarg)))
				return bad;
			break;
		case OPT_TRACE:
			trace = optarg;
			break;
		case OPT_SHOW_THRESHOLDS:
			show = true;
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
	if (list) {
		list_checks();
		return KT_OK;
	}
	char **paths = optind < argc ? argv + optind : stdin_only;
	size_t n = optind < argc ? (size_t)(argc - optind) : 1;
	if (trace && n > 1)
		die_usage("--trace is of one run, and there are %zu reports", n);
	return show ? show_thresholds(paths, n, &defaults) : eval_reports(paths, n, format, json_file, trace, &defaults);
}
