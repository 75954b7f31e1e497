// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict document for people, in the format of the tutorial. Only the document is looked at,
 * and everything in it that came out of the guest is made printable.
 */
#include "libexec/check/verdict.h"

#include "libexec/lib/printable.h"

static const char *get_string(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

static long long get_integer(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

static void put_text(FILE *f, const char *before, const char *text, const char *after)
{
	_cleanup_free_ char *clean = printable(text, strlen(text));

	fprintf(f, "%s%s%s", before, clean, after);
}

/*
 * "180ms"; below 10 ms with two significant digits, so that a short gap is not shown as none:
 * "3.8ms", "0.12ms".
 */
static void put_gap(FILE *f, long long ns)
{
	double ms = (double)ns / NSEC_PER_MSEC;
	int decimals = 0;

	for (double scale = 10; decimals < 6 && ms && ms * scale < 100; scale *= 10)
		decimals++;
	struct number n;
	int len = snprintf(n.s, sizeof(n.s), "%.*f", decimals, ms);
	if (decimals) {
		while (n.s[len - 1] == '0')
			n.s[--len] = '\0';
		if (n.s[len - 1] == '.')
			n.s[--len] = '\0';
	}
	fprintf(f, "gap=%sms", n.s);
}

static void put_spread(FILE *f, const json_t *pct)
{
	if (json_is_number(pct))
		fprintf(f, "spread=%.1f%%", json_number_value(pct));
	else
		fputs("spread=n/a", f);
}

static void put_stats(FILE *f, const json_t *stats)
{
	const json_t *cg;
	size_t i;

	fprintf(f, "\n--- stats ---\n%lld workers, %lld cpus, %lld migrations, worst_", get_integer(stats, "workers"),
		get_integer(stats, "cpus"), get_integer(stats, "migrations"));
	put_spread(f, json_object_get(stats, "worst_spread_pct"));
	fputs(", worst_", f);
	put_gap(f, get_integer(stats, "worst_gap_ns"));
	fputc('\n', f);
	json_array_foreach(json_object_get(stats, "cgroups"), i, cg) {
		fprintf(f, "  cg%zu: workers=%lld cpus=%lld ", i, get_integer(cg, "workers"), get_integer(cg, "cpus"));
		put_spread(f, json_object_get(cg, "spread_pct"));
		fputc(' ', f);
		put_gap(f, get_integer(cg, "max_gap_ns"));
		fprintf(f, " migrations=%lld iter=%lld\n", get_integer(cg, "migrations"), get_integer(cg, "iterations"));
	}
}

static void put_lines(FILE *f, const json_t *verdict, const char *which)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(verdict, "checks"), i, row)
		if (streq(get_string(row, "verdict"), which))
			put_text(f, "  ", get_string(row, "reason"), "\n");
}

static void put_log(FILE *f, const json_t *log)
{
	const json_t *record;
	size_t i;

	if (json_array_size(log))
		fputs("\n--- log ---\n", f);
	json_array_foreach(log, i, record) {
		put_text(f, "  ", get_string(record, "source"), ": ");
		put_text(f, "", get_string(record, "text"), "\n");
	}
}

static void put_array(FILE *f, const char *title, const json_t *lines)
{
	const json_t *line;
	size_t i;

	if (json_array_size(lines))
		fprintf(f, "\n--- %s ---\n", title);
	json_array_foreach(lines, i, line) {
		put_text(f, "  ", json_is_string(line) ? json_string_value(line) : "?", "\n");
	}
}

/* Of a scheduler that died, or never came to be, all that is known. */
static void put_scheduler(FILE *f, const json_t *scheduler)
{
	const json_t *end = json_object_get(scheduler, "end"), *exit = json_object_get(end, "exit");

	if (!end || (json_is_object(exit) && !json_is_true(json_object_get(scheduler, "died"))))
		return;
	if (json_is_object(exit)) {
		fprintf(f, "\n--- scheduler ---\n  exit kind %lld (", get_integer(exit, "kind_number"));
		put_text(f, "", get_string(exit, "kind") ? get_string(exit, "kind") : "?", ")");
		if (json_is_integer(json_object_get(exit, "code")))
			fprintf(f, ", code %lld", get_integer(exit, "code"));
		fputc('\n', f);
	}
	put_array(f, "scheduler log", json_object_get(end, "output"));
	put_array(f, "kernel log", json_object_get(end, "kernel_log"));
	put_array(f, "sched_ext dump", json_object_get(end, "dump"));
}

static double get_real(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

static double per_second(const json_t *obj, const char *key)
{
	json_int_t ns = get_integer(obj, "duration_ns");

	return ns > 0 ? get_real(obj, key) * NSEC_PER_SEC / (double)ns : 0;
}

/* Each phase as the samples saw it. */
static void put_timeline(FILE *f, const json_t *phases)
{
	const json_t *p;
	size_t i;

	if (json_array_size(phases))
		fputs("\n--- timeline ---\n", f);
	json_array_foreach(phases, i, p) {
		fprintf(f, "Phase %lld: Step[%lld] (%lldms, %lld samples): imbalance=%.2f dsq=%lld nr_run=%.1f fallback=%lld keep_last=%lld\n",
			get_integer(p, "phase"), get_integer(p, "phase") - 1, get_integer(p, "duration_ns") / NSEC_PER_MSEC,
			get_integer(p, "samples"), get_real(p, "max_imbalance"), get_integer(p, "max_dsq_depth"),
			get_real(p, "avg_running_per_cpu"), get_integer(p, "fallback"), get_integer(p, "keep_last"));
	}
}

static bool is_of_monitor(const char *check)
{
	static const char *const names[] = { "imbalance", "local_dsq", "stall", "fallback" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(check, names[i]))
			return true;
	return false;
}

static void put_monitor(FILE *f, const json_t *m, const json_t *checks)
{
	unsigned violations = 0;
	const json_t *row;
	size_t i;

	if (!json_is_object(m))
		return;
	json_array_foreach(checks, i, row)
		violations += is_of_monitor(get_string(row, "check")) && streq(get_string(row, "verdict"), "fail");
	fprintf(f, "\n--- monitor ---\nsamples=%lld max_imbalance=%.2f max_dsq_depth=%lld stuck=%lld\n", get_integer(m, "samples"),
		get_real(m, "max_imbalance"), get_integer(m, "max_dsq_depth"), get_integer(m, "stuck"));
	fprintf(f, "avg: imbalance=%.2f nr_running/cpu=%.2f dsq/cpu=%.2f\n", get_real(m, "avg_imbalance"), get_real(m, "avg_running_per_cpu"),
		get_real(m, "avg_dsq_per_cpu"));
	fprintf(f, "events: fallback=%lld (%.1f/s) keep_last=%lld (%.1f/s) offline=%lld\n", get_integer(m, "fallback"), per_second(m, "fallback"),
		get_integer(m, "keep_last"), per_second(m, "keep_last"), get_integer(m, "offline"));
	if (violations)
		fprintf(f, "verdict: monitor FAILED: %u violation(s)\n", violations);
	else
		fputs("verdict: monitor OK\n", f);
}

/* What was taken because the run failed, and how to look at it. */
static void put_snapshots(FILE *f, const json_t *snapshots)
{
	const json_t *s, *at;
	size_t i;

	if (json_array_size(snapshots))
		fputs("\n--- snapshots ---\n", f);
	json_array_foreach(snapshots, i, s) {
		at = json_object_get(s, "at_ns");
		put_text(f, "  ", get_string(s, "name"), "");
		if (json_is_integer(at))
			fprintf(f, " at %+lldms", (long long)(json_integer_value(at) / NSEC_PER_MSEC));
		put_text(f, ": ktstr-snap REPORT '", get_string(s, "name"), "'\n");
	}
}

void verdict_print(const json_t *verdict, FILE *f)
{
	const char *name = get_string(verdict, "name"), *topology = get_string(verdict, "topology");
	const char *v = get_string(verdict, "verdict"), *reason = get_string(verdict, "reason");
	const json_t *stats = json_object_get(verdict, "stats");

	const json_t *scheduler = json_object_get(verdict, "scheduler");

	put_text(f, "ktstr_test '", name ? name : "?", "' ");
	if (get_string(scheduler, "name")) {
		put_text(f, "[sched=", get_string(scheduler, "name"), get_string(scheduler, "profile") ? "/" : "");
		put_text(f, "", get_string(scheduler, "profile") ? get_string(scheduler, "profile") : "", "] ");
	}
	fputs("[topo=", f);
	put_text(f, "", topology ? topology : "?", "] ");
	if (streq(v, "pass")) {
		fputs("passed\n", f);
	} else if (streq(v, "fail") || streq(v, "inconclusive")) {
		fprintf(f, "%s:\n", streq(v, "fail") ? "failed" : v);
		put_lines(f, verdict, "fail");
		put_lines(f, verdict, "inconclusive");
	} else {
		fprintf(f, "%s: ", streq(v, "skip") ? "skipped" : v);
		put_text(f, "", reason, "\n");
	}
	if (json_is_object(stats))
		put_stats(f, stats);
	if (!streq(v, "pass")) {
		put_timeline(f, json_object_get(json_object_get(verdict, "monitor"), "phases"));
		put_monitor(f, json_object_get(verdict, "monitor"), json_object_get(verdict, "checks"));
	}
	put_snapshots(f, json_object_get(verdict, "snapshots"));
	if (!streq(v, "pass"))
		put_scheduler(f, scheduler);
	put_log(f, json_object_get(verdict, "log"));
}
