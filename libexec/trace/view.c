// SPDX-License-Identifier: GPL-2.0-only
/* A trace as text: see view.h. */
#include "libexec/trace/view.h"
#include "libexec/lib/printable.h"
#include "libexec/trace/conserve.h"

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	while (n && top[n - 1] == '/')
		n--;
	return !strncmp(path, top, n) && (path[n] == '/' || !path[n]);
}

bool filter_passes(const struct filter *f, int64_t ns, unsigned cpu, const struct trace_task *task)
{
	bool any = f->tid < 0 && !f->task && !f->cgroup;

	return ns >= f->from_ns && ns <= f->to_ns && cpumask_test(&f->cpus, cpu) && (any || (task && (f->tid < 0 || f->tid == task->tid) &&
		(!f->task || streq(f->task, task->comm)) && (!f->cgroup || is_below(task->cgroup, f->cgroup))));
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
static void print_run(const struct filter *f, const struct trace_event *e, const struct tracked *prev, struct tracked_tasks *tasks)
{
	(void)tasks;
	if (e->kind != RECORD_SWITCH || !e->prev->tid || !filter_passes(f, e->ns, e->cpu, e->prev))
		return;
	printf("%15s %4u  %-24s %12s %12s %12s  %s\n", view_ms(e->ns), e->cpu, view_task(e->prev), ms_or_dash(prev->slept_ns),
	       ms_or_dash(prev->waited_ns), prev->state == TASK_RUNS ? view_ms(e->ns - prev->since_ns) : "-", view_state(e));
}

const struct view view_timehist = { "timehist", "a line for each time that a task ran", begin_timehist, print_run, NULL };

static const char *event_name(const struct trace_event *e)
{
	static const char *const names[RECORD_KINDS] = {
		[RECORD_SWITCH] = "switch", [RECORD_WAKING] = "waking", [RECORD_MIGRATE] = "migrate", [RECORD_FORK] = "fork",
		[RECORD_EXIT] = "exit", [RECORD_TICK] = "tick", [RECORD_AFFINITY] = "affinity", [RECORD_THROTTLE] = "throttle",
		[RECORD_UNTHROTTLE] = "unthrottle",
	};

	if (e->kind == RECORD_ENQUEUE)
		return e->flags & RECORD_WAKES ? "wakeup" : "enqueue";
	if (e->kind == RECORD_ONLINE)
		return e->flags & RECORD_ACTIVE ? "online" : "offline";
	return names[e->kind];
}

static void print_cgroup(const char *path)
{
	_cleanup_free_ char *text = printable(path, strlen(path));

	fputs(text, stdout);
}

static void print_event(const struct filter *f, const struct trace_event *e, const struct tracked *prev, struct tracked_tasks *tasks)
{
	(void)prev, (void)tasks;
	if (e->kind < RECORD_EVENTS || (!filter_passes(f, e->ns, e->cpu, e->task) && !(e->prev && filter_passes(f, e->ns, e->cpu, e->prev))))
		return;
	printf("%15s %4u  %-10s ", view_ms(e->ns), e->cpu, event_name(e));
	char cpus[CPULIST_LEN];
	switch (e->kind) {
	case RECORD_SWITCH:
		printf("%s %s -> ", view_task(e->prev), e->prev->tid ? view_state(e) : "R");
		puts(view_task(e->task));
		break;
	case RECORD_ENQUEUE:
		printf("%s cpu=%u%s\n", view_task(e->task), e->to_cpu, e->flags & RECORD_DELAYED ? " delayed" : "");
		break;
	case RECORD_MIGRATE:
		printf("%s cpu=%u\n", view_task(e->task), e->to_cpu);
		break;
	case RECORD_EXIT:
		printf("%s code=%u\n", view_task(e->task), e->code);
		break;
	case RECORD_AFFINITY:
		printf("%s cpus=%s\n", view_task(e->task), cpulist_format(&e->allowed, cpus));
		break;
	case RECORD_THROTTLE:
	case RECORD_UNTHROTTLE:
		print_cgroup(e->cgroup);
		printf(" cpu=%u\n", e->to_cpu);
		break;
	case RECORD_ONLINE:
		printf("cpu=%u\n", e->to_cpu);
		break;
	default:
		puts(e->task ? view_task(e->task) : "");
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

		/* This view has sums over all of the trace. */
		if (tracked_is_idle(t) || !filter_passes(f, f->from_ns, t->cpu, &t->task))
			continue;
		printf("%-24s %12s %9llu %9llu %12s %12s %12s %12s  %s\n", view_task(&t->task), view_ms(t->run_ns), (unsigned long long)t->switches,
		       (unsigned long long)t->wakeups, t->wakes ? view_ms((int64_t)histogram_quantile(t->wakes, 500000)) : "-",
		       t->wakes ? view_ms((int64_t)histogram_quantile(t->wakes, 990000)) : "-", view_ms(t->wait_ns), view_ms(t->worst_wait_ns),
		       t->worst_wait_ns ? view_ms(t->worst_wait_at_ns) : "-");
	}
}

const struct view view_latency = { "latency", "how long each task waited for a CPU, the worst first", NULL, NULL, print_latencies };

static struct conserve conserve;

static void begin_conservation(const struct filter *f, const struct trace_reader *r)
{
	/* What happens while the workers are made is no part of the run, unless it is asked for. */
	conserve_init(&conserve, r->nr_cpus, f->from_ns == INT64_MIN ? 0 : f->from_ns, f->to_ns);
}

static void count_conservation(const struct filter *f, const struct trace_event *e, const struct tracked *prev, struct tracked_tasks *tasks)
{
	(void)f, (void)prev;
	conserve_apply(&conserve, tasks, e);
}

static void print_conservation(const struct filter *f, const struct trace_reader *r, struct tracked_tasks *tasks)
{
	conserve_end(&conserve, tasks, r->now_ns - r->zero_ns);
	printf("%4s %12s %12s  %-15s  %s\n", "CPU", "IDLE (ms)", "LONGEST", "UNTIL", "WHILE THIS WAITED");
	for (unsigned i = 0; i < r->nr_cpus; i++) {
		const struct conserve_cpu *c = &conserve.cpus[i];
		_cleanup_free_ char *task = printable(c->longest_task, strlen(c->longest_task));

		if (cpumask_test(&f->cpus, i))
			printf("%4u %12s %12s  %-15s  %s\n", i, view_ms(c->sum_ns), view_ms(c->longest_ns),
			       c->longest_ns ? view_ms(c->longest_until_ns) : "-", c->longest_ns ? task : "-");
	}
	conserve_deinit(&conserve);
}

const struct view view_conservation = { "conservation", "for how long each CPU was idle while a task waited that may run there",
					begin_conservation, count_conservation, print_conservation };
