// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot at a glance: see snap.h. */
#include "libexec/snap/snap.h"

static json_int_t count(const json_t *j, const char *a, const char *b)
{
	json_t *v = json_object_get(b ? json_object_get(j, a) : j, b ? b : a);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* A count, or "-" for what the kernel has not. */
static void print_count(FILE *f, int width, json_int_t n)
{
	if (n < 0)
		fprintf(f, " %*s", width, "-");
	else
		fprintf(f, " %*lld", width, (long long)n);
}

static const char *member_text(const json_t *j, const char *member)
{
	const char *s = json_string_value(json_object_get(j, member));

	return s ? s : "-";
}

char *snap_moment(const json_t *snapshot)
{
	json_t *at = json_object_get(snapshot, "at_ns");

	return json_is_integer(at) ? xasprintf("%.3f ms", (double)json_integer_value(at) / NSEC_PER_MSEC) : xstrdup("-");
}

static void print_pids(FILE *f, const json_t *list, const char *member)
{
	enum { MOST = 12 };
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		if (i < MOST)
			fprintf(f, "%s%lld", i ? "," : "", (long long)json_integer_value(member ? json_object_get(e, member) : e));
	}
	if (json_array_size(list) > MOST)
		fprintf(f, ",... (%zu)", json_array_size(list));
	if (!json_array_size(list))
		fputc('-', f);
}

static void print_cpus(const json_t *snapshot, FILE *f)
{
	const json_t *cpu;
	size_t i;

	fprintf(f, "%4s %-15s %6s %3s %4s %3s %3s %4s %5s  %-20s %s\n", "CPU", "RUNNING", "PID", "NR", "FAIR", "RT", "DL", "SCX", "LOCAL",
		"RUNNABLE", "AT");
	json_array_foreach(json_object_get(snapshot, "cpus"), i, cpu) {
		const json_t *task = json_object_get(cpu, "current"), *scx = json_object_get(cpu, "scx");
		const json_t *regs = json_object_get(cpu, "registers"), *symbol = json_object_get(regs, "symbol");

		fprintf(f, "%4lld %-15s", (long long)count(cpu, "cpu", NULL), member_text(task, "comm"));
		print_count(f, 6, count(task, "pid", NULL));
		print_count(f, 3, count(cpu, "nr_running", NULL));
		print_count(f, 4, count(cpu, "cfs", "h_nr_queued"));
		print_count(f, 3, count(cpu, "rt", "rt_nr_running"));
		print_count(f, 3, count(cpu, "dl", "dl_nr_running"));
		print_count(f, 4, count(cpu, "scx", "nr_running"));
		print_count(f, 5, count(scx, "local_dsq", "nr"));
		char *pids = NULL;
		size_t size;
		FILE *m = open_memstream(&pids, &size);
		if (!m)
			BUG("open_memstream failed");
		print_pids(m, json_object_get(cpu, "runnable"), NULL);
		fclose(m);
		fprintf(f, "  %-20s %s\n", pids, symbol ? json_string_value(symbol) : regs && !json_is_true(json_object_get(regs, "kernel")) ?
			"user mode" : member_text(regs, "ip"));
		free(pids);
	}
}

static void print_dsqs(const json_t *snapshot, FILE *f)
{
	const json_t *dsq;
	bool some = false;
	size_t i;

	json_array_foreach(json_object_get(snapshot, "dsqs"), i, dsq) {
		if (!count(dsq, "nr", NULL) && !streq(member_text(dsq, "kind"), "user"))
			continue; /* global and bypass queues are hardly ever used */
		if (!some)
			fprintf(f, "\n%-20s %-6s %4s  %s\n", "DSQ", "KIND", "NR", "TASKS");
		some = true;
		fprintf(f, "%-20s %-6s", member_text(dsq, "id"), member_text(dsq, "kind"));
		print_count(f, 4, count(dsq, "nr", NULL));
		fputs("  ", f);
		print_pids(f, json_object_get(dsq, "tasks"), "pid");
		fputc('\n', f);
	}
}

void snap_print_table(const json_t *snapshot, FILE *f)
{
	const json_t *sched = json_object_get(snapshot, "scheduler"), *map;
	const char *name, *error = json_string_value(json_object_get(snapshot, "error"));

	_cleanup_free_ char *when = snap_moment(snapshot);
	fprintf(f, "%s: %s after the first phase began, by %s\n", member_text(snapshot, "name"), when, member_text(snapshot, "by"));
	if (error) {
		fprintf(f, "nothing could be read: %s\n", error);
		return;
	}
	if (sched && !json_is_null(sched))
		fprintf(f, "scheduler %s, exit kind %s\n", member_text(sched, "name"), member_text(sched, "exit_kind"));
	else
		fputs("no sched_ext scheduler\n", f);
	fputc('\n', f);
	print_cpus(snapshot, f);
	print_dsqs(snapshot, f);
	if (json_object_size(json_object_get(snapshot, "maps")))
		fprintf(f, "\n%-16s %-16s %s\n", "MAP", "TYPE", "HERE");
	json_object_foreach(json_object_get(snapshot, "maps"), name, map) {
		const json_t *v = json_object_get(map, "variables"), *e = json_object_get(map, "entries");
		fprintf(f, "%-16s %-16s ", name, member_text(map, "type"));
		if (v)
			fprintf(f, "%zu variables\n", json_object_size(v));
		else
			fprintf(f, e ? "%zu entries\n" : "-\n", json_array_size(e));
	}
	fprintf(f, "\n%zu tasks, %zu things missing\n", json_array_size(json_object_get(snapshot, "tasks")),
		json_array_size(json_object_get(snapshot, "missing")));
}
