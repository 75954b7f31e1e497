// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace as JSON, as Chrome's and Perfetto's viewers of traces take it: a track for each CPU with what ran there, and a mark for each
 * wake-up. See view.h.
 */
#include "libexec/trace/view.h"

static bool any;

/* A record of the array, in microseconds, as the viewers have it. */
static void put_record(json_t *record, int64_t ns)
{
	_cleanup_free_ char *text = json_dumps(record, JSON_COMPACT);

	json_decref(record);
	if (!text)
		BUG("json_dumps failed");
	/* The time is put in by hand: a real number would lose its ns. */
	printf("%s\n{\"ts\":%s%lld.%03lld,%s", any ? "," : "", ns < 0 ? "-" : "", llabs(ns) / NSEC_PER_USEC, llabs(ns) % NSEC_PER_USEC, text + 1);
	any = true;
}

static void begin_json(const struct filter *f, const struct trace_reader *r)
{
	any = false;
	printf("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	for (unsigned i = 0; i < r->nr_cpus; i++) {
		_cleanup_free_ char *name = xasprintf("CPU %u", i);

		if (cpumask_test(&f->cpus, i))
			put_record(KT_PACK("{ss ss si si s{ss}}", "ph", "M", "name", "thread_name", "pid", 0, "tid", (int)i, "args", "name", name), 0);
	}
}

static void put_event(const struct filter *f, const struct trace_event *e, const struct tracked *prev, struct tracked_tasks *tasks)
{
	(void)tasks;
	if (e->kind == RECORD_ENQUEUE && e->flags & RECORD_WAKES && filter_passes(f, e->ns, e->cpu, e->task)) {
		_cleanup_free_ char *name = xasprintf("wakeup %s", view_task(e->task));
		put_record(KT_PACK("{ss ss ss si si s{si}}", "ph", "i", "s", "t", "name", name, "pid", 0, "tid", (int)e->to_cpu, "args", "by_cpu",
				   (int)e->cpu), e->ns);
	}
	if (e->kind != RECORD_SWITCH || !e->prev->tid || prev->state != TASK_RUNS || !filter_passes(f, e->ns, e->cpu, e->prev))
		return;
	int64_t ran = e->ns - prev->since_ns;
	_cleanup_free_ char *cgroup = xstrdup(e->prev->cgroup);
	for (char *c = cgroup; *c; c++)
		*c = (unsigned char)*c < 128 ? *c : '?';
	put_record(KT_PACK("{ss ss sf si si s{sI ss ss sI}}", "ph", "X", "name", view_task(e->prev), "dur", (double)ran / NSEC_PER_USEC, "pid", 0,
			   "tid", (int)e->cpu, "args", "tid", (json_int_t)e->prev->tid, "cgroup", cgroup, "state", view_state(e), "waited_ns",
			   (json_int_t)prev->waited_ns), prev->since_ns);
}

static void end_json(const struct filter *f, const struct trace_reader *r, struct tracked_tasks *tasks)
{
	(void)f, (void)r, (void)tasks;
	puts("\n]}");
}

const struct view view_chrome = { "json", "for Chrome's and Perfetto's viewers", begin_json, put_event, end_json };
