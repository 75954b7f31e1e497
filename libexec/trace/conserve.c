// SPDX-License-Identifier: GPL-2.0-only
/* Work conservation: see conserve.h. */
#include "libexec/trace/conserve.h"

enum { POLICY_DEADLINE = 6 };

void conserve_init(struct conserve *c, unsigned nr_cpus, int64_t from_ns, int64_t to_ns)
{
	*c = (struct conserve){ .nr_cpus = nr_cpus, .cpus = xcalloc(nr_cpus, sizeof(*c->cpus)), .from_ns = from_ns, .to_ns = to_ns };
	for (unsigned i = 0; i < nr_cpus; i++)
		c->cpus[i].since_ns = INT64_MAX;
}

void conserve_deinit(struct conserve *c)
{
	for (size_t i = 0; i < c->nr_throttled; i++)
		free(c->throttled[i].cgroup);
	free(c->throttled);
	free(c->cpus);
	*c = (struct conserve){ 0 };
}

static struct throttled *find_throttled(const struct conserve *c, const char *cgroup, unsigned cpu)
{
	for (size_t i = 0; i < c->nr_throttled; i++)
		if (c->throttled[i].cpu == cpu && streq(c->throttled[i].cgroup, cgroup))
			return &c->throttled[i];
	return NULL;
}

static void note_throttle(struct conserve *c, const struct trace_event *e)
{
	struct throttled *t = find_throttled(c, e->cgroup, e->to_cpu);

	if (!t) {
		c->throttled = xrealloc(c->throttled, c->nr_throttled + 1, sizeof(*c->throttled));
		t = &c->throttled[c->nr_throttled++];
		*t = (struct throttled){ xstrdup(e->cgroup), e->to_cpu, 0 };
	}
	t->depth += e->kind == RECORD_THROTTLE ? 1 : t->depth ? -1 : 0;
}

static bool counts(const struct conserve *c, const struct tracked *t)
{
	if (t->state != TASK_WAITS || tracked_is_idle(t) || t->task.policy == POLICY_DEADLINE)
		return false;
	const struct throttled *throttled = c->nr_throttled ? find_throttled(c, t->task.cgroup, t->cpu) : NULL;
	return !throttled || !throttled->depth;
}

/* Name the task that has waited longest of those that may run on this CPU. */
static void name_waiter(const struct tracked_tasks *tasks, unsigned cpu, struct conserve_cpu *ret)
{
	const struct tracked *first = NULL;

	for (size_t i = 0; i < tasks->n; i++) {
		const struct tracked *t = &tasks->v[i];
		if (t->counted && cpumask_test(&t->counted_on, cpu) && (!first || t->counted_since_ns < first->counted_since_ns))
			first = t;
	}
	if (first)
		snprintf(ret->longest_task, sizeof(ret->longest_task), "%s[%u]", first->task.comm, first->task.tid);
}

/* Add a CPU's time of being idle beside waiting tasks, up to now. */
static void note_idle_time(const struct conserve *c, const struct tracked_tasks *tasks, unsigned cpu, int64_t now)
{
	struct conserve_cpu *p = &c->cpus[cpu];
	int64_t from = MAX(p->since_ns, c->from_ns), to = MIN(now, c->to_ns);

	if (p->since_ns == INT64_MAX || from >= to)
		return;
	p->sum_ns += to - from;
	if (to - from <= p->longest_ns)
		return;
	p->longest_ns = to - from;
	p->longest_until_ns = to;
	name_waiter(tasks, cpu, p);
}

/* A CPU gets idle or busy, or the number of tasks that wait for it changes: such a time may begin or end. */
static void change_cpu(const struct conserve *c, const struct tracked_tasks *tasks, unsigned cpu, bool idle, int more_waiting, int64_t now)
{
	struct conserve_cpu *p = &c->cpus[cpu];
	bool was = p->idle && p->waiting, is = idle && p->waiting + (unsigned)more_waiting;

	if (was && !is) {
		note_idle_time(c, tasks, cpu, now);
		p->since_ns = INT64_MAX;
	} else if (is && !was) {
		p->since_ns = now;
	}
	p->idle = idle;
	p->waiting += (unsigned)more_waiting;
}

static void count_task(struct conserve *c, struct tracked_tasks *tasks, struct tracked *t, int64_t now)
{
	struct cpumask none = { 0 }, on = counts(c, t) ? cpumask_and(&t->task.allowed, &c->active) : none;

	if (!t->counted && cpumask_equal(&on, &none))
		return;
	if (!t->counted) {
		t->counted_on = none;
		t->counted_since_ns = now;
	}
	for (unsigned cpu = 0; cpu < c->nr_cpus; cpu++) {
		int more = (int)cpumask_test(&on, cpu) - (int)cpumask_test(&t->counted_on, cpu);
		if (more)
			change_cpu(c, tasks, cpu, c->cpus[cpu].idle, more, now);
	}
	t->counted_on = on;
	t->counted = !cpumask_equal(&on, &none);
}

static void count_all(struct conserve *c, struct tracked_tasks *tasks, int64_t now)
{
	for (size_t i = 0; i < tasks->n; i++)
		count_task(c, tasks, &tasks->v[i], now);
}

static void set_active(struct conserve *c, unsigned cpu, bool active)
{
	if (active)
		cpumask_set(&c->active, cpu);
	else
		cpumask_clear(&c->active, cpu);
}

void conserve_apply(struct conserve *c, struct tracked_tasks *tasks, const struct trace_event *e)
{
	switch (e->kind) {
	case RECORD_RUNNING:
		set_active(c, e->cpu, e->flags & RECORD_ACTIVE);
		change_cpu(c, tasks, e->cpu, !e->task->tid, 0, e->ns);
		break;
	case RECORD_SWITCH:
		/* The CPU first: a task that it leaves and another that it takes do not make it idle in between. */
		change_cpu(c, tasks, e->cpu, !e->task->tid, 0, e->ns);
		count_task(c, tasks, tracked_find(tasks, e->prev, e->cpu), e->ns);
		count_task(c, tasks, tracked_find(tasks, e->task, e->cpu), e->ns);
		break;
	case RECORD_ENQUEUE:
	case RECORD_MIGRATE:
	case RECORD_AFFINITY:
		count_task(c, tasks, tracked_find(tasks, e->task, e->cpu), e->ns);
		break;
	case RECORD_THROTTLE:
	case RECORD_UNTHROTTLE:
		note_throttle(c, e);
		count_all(c, tasks, e->ns);
		break;
	case RECORD_ONLINE:
		set_active(c, e->to_cpu, e->flags & RECORD_ACTIVE);
		count_all(c, tasks, e->ns);
		break;
	default:
		break;
	}
}

void conserve_end(struct conserve *c, const struct tracked_tasks *tasks, int64_t ns)
{
	for (unsigned cpu = 0; cpu < c->nr_cpus; cpu++)
		note_idle_time(c, tasks, cpu, ns);
}

int conserve_read(const char *path, int64_t to_ns, struct conserve *c, struct kt_err *err)
{
	struct tracked_tasks tasks;
	struct trace_reader r;
	struct trace_event e;
	int more;

	if (trace_read_open(path, &r, err))
		return -1;
	tracked_init(&tasks, r.nr_cpus);
	conserve_init(c, r.nr_cpus, 0, to_ns);
	while ((more = trace_read_next(&r, &e, err)) > 0) {
		tracked_apply(&tasks, &e, NULL);
		conserve_apply(c, &tasks, &e);
	}
	conserve_end(c, &tasks, r.now_ns - r.zero_ns);
	if (!more && tasks.unexplained)
		more = kt_fail(err, "%s: %llu switches do not follow from what came before", path, (unsigned long long)tasks.unexplained);
	tracked_deinit(&tasks);
	trace_read_close(&r);
	if (more)
		conserve_deinit(c);
	return more;
}

const struct conserve_cpu *conserve_worst(const struct conserve *c)
{
	const struct conserve_cpu *worst = NULL;

	for (unsigned i = 0; i < c->nr_cpus; i++)
		if (c->cpus[i].longest_ns > (worst ? worst->longest_ns : 0))
			worst = &c->cpus[i];
	return worst;
}
