// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ktstr sweep [options] SPEC --seeds A..B
 *
 * Runs a spec under every seed of a range, several at a time, judges each run, and says how every figure that is
 * checked is distributed, which seeds fail, and how to see the worst of them again. See libexec/sweep/sweep.h for the
 * records and for what is kept: a sweep that is killed goes on where it was.
 */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/cache.h"
#include <getopt.h>
#include <sched.h>
#include <signal.h>

static const char usage[] =
	"usage: ktstr sweep [options] SPEC --seeds A..B\n"
	"Run a spec under every seed of a range, and judge and compare the runs.\n"
	"\n"
	"  -s, --seeds A..B       from seed A to seed B\n"
	"  -j, --jobs N           so many at a time (as many as there are CPUs)\n"
	"  -T, --topology NAME    run on this topology instead of the one the spec names\n"
	"      --dir DIR          keep the results in DIR; seeds that are done there are not run again\n"
	"      --json             JSON Lines instead of text\n"
	"  -h, --help             this text\n"
	"Other options go to ktstr-boot: -k, --kernel, --scheduler, --profile, --required-flags, --excluded-flags,\n"
	"--clock, --accel, --compute, --ns-per-insn, -t, --timeout.\n";

enum { OPT_DIR = 256, OPT_JSON, OPT_SCHEDULER, OPT_PASSED };
enum { MAX_SEEDS = 100000, MAX_JOBS = 1024 };
static const int64_t max_seed = 9007199254740991;

static const struct option longopts[] = {
	{ "seeds", required_argument, NULL, 's' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "topology", required_argument, NULL, 'T' },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "kernel", required_argument, NULL, 'k' },
	{ "scheduler", required_argument, NULL, OPT_SCHEDULER },
	{ "profile", required_argument, NULL, OPT_PASSED },
	{ "required-flags", required_argument, NULL, OPT_PASSED },
	{ "excluded-flags", required_argument, NULL, OPT_PASSED },
	{ "clock", required_argument, NULL, OPT_PASSED },
	{ "accel", required_argument, NULL, OPT_PASSED },
	{ "compute", required_argument, NULL, OPT_PASSED },
	{ "ns-per-insn", required_argument, NULL, OPT_PASSED },
	{ "timeout", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int64_t parse_number(const char *what, const char *text, int64_t min, int64_t max)
{
	struct kt_err err;
	int64_t v;

	if (kt_parse_i64(text, what, min, max, &v, &err) < 0)
		die_usage("%s", err.msg);
	return v;
}

static void parse_seeds(struct sweep *s, const char *text)
{
	const char *dots = strstr(text, "..");
	int64_t last;

	if (!dots)
		die_usage("--seeds: '%s' is not a range such as 1..100", text);
	_cleanup_free_ char *first = strndup(text, dots - text);
	s->first = parse_number("--seeds", first, 0, max_seed);
	last = parse_number("--seeds", dots + 2, 0, max_seed);
	if (last < s->first)
		die_usage("--seeds: %s ends before it begins", text);
	if (last - s->first >= MAX_SEEDS)
		die_usage("--seeds: %s has more than %d seeds", text, MAX_SEEDS);
	s->n = last - s->first + 1;
}

static size_t count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : MIN(CPU_COUNT(&set), MAX_JOBS);
}

static void parse_options(int argc, char **argv, struct sweep *s)
{
	int at = 0;

	for (int c; (c = getopt_long(argc, argv, "s:j:T:k:t:h", longopts, &at)) != -1;) {
		switch (c) {
		case 's': parse_seeds(s, optarg); break;
		case 'j': s->jobs = parse_number("--jobs", optarg, 1, MAX_JOBS); break;
		case 'T': s->topology = optarg; break;
		case OPT_DIR: s->dir = optarg; break;
		case OPT_JSON: s->json = true; break;
		case 'k': strv_add_all(&s->options, (char *[]){ "--kernel", optarg, NULL }); break;
		case 't': s->timeout = optarg; break;
		case OPT_SCHEDULER: s->scheduler = optarg; break;
		case OPT_PASSED:
			strv_add(&s->options, "--%s=%s", longopts[at].name, optarg);
			break;
		case 'h': fputs(usage, stdout); exit(KT_OK);
		default: die_usage("bad option");
		}
	}
	if (optind != argc - 1)
		die_usage(optind == argc ? "no spec given" : "more than one spec given");
	if (!s->n)
		die_usage("no seeds given: --seeds A..B");
	s->spec = argv[optind];
}

/* What the user would type to go on. */
static char *resume_command(const struct sweep *s, bool dir_given, char **argv)
{
	struct strv args = { 0 };

	strv_add_all(&args, (char *[]){ "ktstr", "sweep", NULL });
	if (!dir_given)
		strv_add_all(&args, (char *[]){ "--dir", (char *)s->dir, NULL });
	strv_add_all(&args, argv + 1);
	return strv_shell(&args);
}

static void print_record(struct sweep *s, const json_t *record)
{
	struct kt_err err;

	if (!s->json)
		text_record(record, stdout);
	else if (kt_json_line(stdout, record, &err))
		die(KT_TROUBLE, "%s", err.msg);
}

/* results.jsonl, and what was not printed yet; the exit code. */
static int finish_sweep(struct sweep *s)
{
	_cleanup_json_ json_t *host = record_host(s), *sweep = record_sweep(s);
	_cleanup_free_ char *path = xasprintf("%s/results.jsonl", s->dir), *text = NULL;
	struct kt_err err;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r = f ? 0 : -1;

	for (size_t i = 0; !r && i < s->n; i++)
		r = kt_json_line(f, s->records[i], &err);
	if (r || kt_json_line(f, host, &err) || kt_json_line(f, sweep, &err) || fclose(f))
		die(KT_TROUBLE, "out of memory");
	if (cache_write(path, text, len, &err))
		die(KT_TROUBLE, "%s", err.msg);
	if (!s->reader_gone) {
		print_record(s, host);
		print_record(s, sweep);
	}
	return json_integer_value(json_object_get(sweep, "exit"));
}

int main(int argc, char **argv)
{
	struct sweep s = { .jobs = count_cpus(), .lock = -1 };

	kt_init("ktstr-sweep");
	signal(SIGPIPE, SIG_IGN); /* a reader that has seen enough: results are kept all the same */
	parse_options(argc, argv, &s);
	bool dir_given = s.dir;
	sweep_prepare(&s);
	int sig = sweep_run(&s);
	if (!sig)
		return finish_sweep(&s);

	size_t done = 0;
	for (size_t i = 0; i < s.n; i++)
		done += s.records[i] != NULL;
	_cleanup_free_ char *command = resume_command(&s, dir_given, argv);
	kt_warn("interrupted by SIG%s: %zu of %zu seeds are done and kept; go on with", sigabbrev_np(sig), done,
		s.n);
	fprintf(stderr, "  %s\n", command);
	return KT_TROUBLE;
}
