// SPDX-License-Identifier: GPL-2.0-only
/* A trace as text: see view.h. */
#include "libexec/trace/view.h"
#include "libexec/lib/printable.h"

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	while (n && top[n - 1] == '/')
		n--;
	return !strncmp(path, top, n) && (path[n] == '/' || !path[n]);
}

bool filter_passes(const struct filter *f, int64_t ns, unsigned cpu, const struct trace_task *task)
{
	return ns >= f->from_ns && ns <= f->to_ns && cpumask_test(&f->cpus, cpu) && (f->tid < 0 || f->tid == task->tid) &&
		(!f->task || streq(f->task, task->comm)) && (!f->cgroup || is_below(task->cgroup, f->cgroup));
}

const char *view_ms(int64_t ns)
{
	static char buffers[8][32];
	static unsigned next;
	char *buf = buffers[next++ % 8];
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	snprintf(buf, sizeof(buffers[0]), "%s%llu.%06llu", ns < 0 ? "-" : "", (unsigned long long)(v / NSEC_PER_MSEC),
		 (unsigned long long)(v % NSEC_PER_MSEC));
	return buf;
}

static const char *ms_or_dash(int64_t ns)
{
	return ns < 0 ? "-" : view_ms(ns);
}

const char *view_state(const struct trace_event *e)
{
	/* The kernel's __state, the most telling bit first. */
	static const struct { uint32_t bits; const char *name; } states[] = {
		{ 0x8000, "F" }, { 0x80, "X" }, { 0x402, "I" }, { 0x40, "P" }, { 8, "t" }, { 4, "T" }, { 2, "D" }, { 1, "S" }, { 0x1000, "D" },
	};

	if (e->flags & RECORD_QUEUED)
		return e->flags & RECORD_PREEMPTED ? "R+" : "R";
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if ((e->state & states[i].bits) == states[i].bits)
			return states[i].name;
	return "?";
}

const char *view_task(const struct trace_task *t)
{
	static char buf[4 * TRACE_COMM_SIZE + 16];

	if (!t->tid)
		return "idle";
	_cleanup_free_ char *name = printable(t->comm, strlen(t->comm));
	snprintf(buf, sizeof(buf), "%s[%u]", name, t->tid);
	return buf;
}

static void begin_timehist(const struct filter *f, const struct trace_reader *r)
{
	(void)f, (void)r;
	printf("%15s %4s  %-24s %12s %12s %12s  %s\n", "TIME (ms)", "CPU", "TASK", "SLEPT", "WAITED", "RAN", "STATE");
}

/* A line when a task has run. */
static void print_run(const struct filter *f, const struct trace_event *e, const struct tracked *prev)
{
	if (e->kind != RECORD_SWITCH || !e->prev->tid || !filter_passes(f, e->ns, e->cpu, e->prev))
		return;
	printf("%15s %4u  %-24s %12s %12s %12s  %s\n", view_ms(e->ns), e->cpu, view_task(e->prev), ms_or_dash(prev->slept_ns),
	       ms_or_dash(prev->waited_ns), prev->state == TASK_RUNS ? view_ms(e->ns - prev->since_ns) : "-", view_state(e));
}

const struct view view_timehist = { "timehist", "a line for each time that a task ran", begin_timehist, print_run, NULL };

static void print_event(const struct filter *f, const struct trace_event *e, const struct tracked *prev)
{
	(void)prev;
	if (e->kind < RECORD_EVENTS || (!filter_passes(f, e->ns, e->cpu, e->task) && !(e->prev && filter_passes(f, e->ns, e->cpu, e->prev))))
		return;
	printf("%15s %4u  ", view_ms(e->ns), e->cpu);
	switch (e->kind) {
	case RECORD_SWITCH:
		printf("switch   %s %s -> ", view_task(e->prev), e->prev->tid ? view_state(e) : "R");
		puts(view_task(e->task));
		break;
	case RECORD_WAKING:
		printf("waking   %s\n", view_task(e->task));
		break;
	default:
		printf("%-8s %s cpu=%u%s\n", e->flags & RECORD_WAKES ? "wakeup" : "enqueue", view_task(e->task), e->to_cpu,
		       e->flags & RECORD_DELAYED ? " delayed" : "");
	}
}

const struct view view_events = { "events", "a line for each event", NULL, print_event, NULL };

static int by_worst_wait(const void *a, const void *b)
{
	const struct tracked *x = a, *y = b;

	if (x->worst_wait_ns != y->worst_wait_ns)
		return x->worst_wait_ns > y->worst_wait_ns ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void print_latencies(const struct filter *f, const struct trace_reader *r, struct tracked_tasks *tasks)
{
	(void)r;
	qsort(tasks->v, tasks->n, sizeof(*tasks->v), by_worst_wait);
	printf("%-24s %12s %9s %9s %12s %12s %12s %12s  %s\n", "TASK", "RAN (ms)", "SWITCHES", "WAKE-UPS", "WAKE P50", "WAKE P99", "WAITED",
	       "WORST", "AT");
	for (size_t i = 0; i < tasks->n; i++) {
		const struct tracked *t = &tasks->v[i];

		/* The times of this view are sums: it has all of them. */
		if (tracked_is_idle(t) || !filter_passes(f, f->from_ns, t->cpu, &t->task))
			continue;
		printf("%-24s %12s %9llu %9llu %12s %12s %12s %12s  %s\n", view_task(&t->task), view_ms(t->run_ns), (unsigned long long)t->switches,
		       (unsigned long long)t->wakeups, t->wakes ? view_ms((int64_t)histogram_quantile(t->wakes, 500000)) : "-",
		       t->wakes ? view_ms((int64_t)histogram_quantile(t->wakes, 990000)) : "-", view_ms(t->wait_ns), view_ms(t->worst_wait_ns),
		       t->worst_wait_ns ? view_ms(t->worst_wait_at_ns) : "-");
	}
}

const struct view view_latency = { "latency", "how long each task waited for a CPU, the worst first", NULL, NULL, print_latencies };
