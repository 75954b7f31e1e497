// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ktstr trace [options] FILE
 *
 * Prints what a trace of ktstr-boot --trace has: each time that a task ran, each event, how long each task waited, or all of it for
 * a viewer. What can be read of a trace that is damaged is printed, then comes what is wrong with it.
 */
#include "libexec/trace/view.h"
#include <getopt.h>

static const char usage[] =
	"usage: ktstr trace [options] FILE\n"
	"Print a trace that ktstr-boot has written. Times are ms after the first phase began.\n"
	"\n"
	"  -v, --view VIEW      timehist (default): a line for each time that a task ran; events: a line for each event;\n"
	"                       latency: how long each task waited for a CPU, the worst first;\n"
	"                       conservation: how long each CPU was idle while a task waited that may run there\n"
	"      --format FORMAT  text (default), or json: for Chrome's and Perfetto's viewers\n"
	"  -c, --cpu LIST       what happened on these CPUs: 0-1,3\n"
	"  -t, --task TASK      of tasks of this name, or of this thread ID\n"
	"      --cgroup PATH    of tasks in this cgroup and below\n"
	"      --from TIME      what happened from then on: 700ms, 1500us, 2s\n"
	"      --to TIME        what happened until then\n"
	"  -h, --help           this text\n";

enum { OPT_FORMAT = 256, OPT_CGROUP, OPT_FROM, OPT_TO };

static const struct option longopts[] = {
	{ "view", required_argument, NULL, 'v' },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "cpu", required_argument, NULL, 'c' },
	{ "task", required_argument, NULL, 't' },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct view *const views[] = { &view_timehist, &view_events, &view_latency, &view_conservation };

static const struct view *named_view(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (streq(views[i]->name, name))
			return views[i];
	die_usage("--view: '%s' is not one of timehist, events, latency, conservation", name);
}

static int64_t parse_time(const char *option, const char *text)
{
	const char *end;
	int64_t ns;

	if (kt_parse_time(text, &end, &ns) || *end)
		die_usage("%s: '%s' is not a time: 700ms, 1500us, -2s", option, text);
	return ns;
}

static void parse_task(struct filter *f, const char *text)
{
	if (kt_parse_i64(text, "", 0, UINT32_MAX, &f->tid, NULL)) {
		f->tid = -1;
		f->task = text;
	}
}

static const struct view *parse_options(int argc, char **argv, struct filter *f)
{
	const struct view *view = NULL;
	bool json = false;
	struct kt_err err;

	memset(&f->cpus, 0xff, sizeof(f->cpus));
	for (int c; (c = getopt_long(argc, argv, "v:c:t:h", longopts, NULL)) != -1;) {
		switch (c) {
		case 'v': view = named_view(optarg); break;
		case OPT_FORMAT:
			json = streq(optarg, "json");
			if (!json && !streq(optarg, "text"))
				die_usage("--format: '%s' is not one of text, json", optarg);
			break;
		case 'c':
			if (cpulist_parse(optarg, &f->cpus, &err))
				die_usage("--cpu: %s", err.msg);
			break;
		case 't': parse_task(f, optarg); break;
		case OPT_CGROUP: f->cgroup = optarg; break;
		case OPT_FROM: f->from_ns = parse_time("--from", optarg); break;
		case OPT_TO: f->to_ns = parse_time("--to", optarg); break;
		case 'h': fputs(usage, stdout); exit(KT_OK);
		default: die_usage("bad option");
		}
	}
	if (json && view)
		die_usage("--view and --format json exclude each other");
	if (optind != argc - 1)
		die_usage(optind == argc ? "no trace given" : "more than one trace given");
	return json ? &view_chrome : view ? view : &view_timehist;
}

static void warn_of_absent(const struct trace_reader *r)
{
	const json_t *absent = json_object_get(r->header, "absent"), *one;
	size_t i;

	json_array_foreach(absent, i, one) {
		const char *event, *why;

		if (!json_unpack((json_t *)one, "{ss ss}", "event", &event, "why", &why))
			kt_warn("no '%.40s' in this trace: %.200s", event, why);
	}
}

/* Returns as trace_read_next() does at the end. */
static int print_trace(struct trace_reader *r, const struct view *view, const struct filter *f, struct kt_err *err)
{
	struct tracked_tasks tasks;
	struct trace_event e;
	int more;

	tracked_init(&tasks, r->nr_cpus);
	if (view->begin)
		view->begin(f, r);
	while ((more = trace_read_next(r, &e, err)) > 0) {
		struct tracked prev = { 0 };

		tracked_apply(&tasks, &e, &prev);
		if (view->event)
			view->event(f, &e, &prev, &tasks);
	}
	if (view->end)
		view->end(f, r, &tasks);
	if (tasks.unexplained)
		kt_warn("%llu switches do not follow from what came before: there are events that are not in the trace",
			(unsigned long long)tasks.unexplained);
	tracked_deinit(&tasks);
	return more;
}

int main(int argc, char **argv)
{
	struct filter f = { .tid = -1, .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	struct trace_reader r;
	struct kt_err err;

	kt_init("ktstr-trace");
	const struct view *view = parse_options(argc, argv, &f);
	if (trace_read_open(argv[optind], &r, &err))
		die(err.code, "%s", err.msg);
	warn_of_absent(&r);
	int over = print_trace(&r, view, &f, &err);
	if (over < 0)
		kt_warn("%s", err.msg);
	trace_read_close(&r);
	return over < 0 ? KT_TROUBLE : KT_OK;
}
