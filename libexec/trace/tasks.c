// SPDX-License-Identifier: GPL-2.0-only
/* What each task does: see tasks.h. */
#include "libexec/trace/tasks.h"

void tracked_init(struct tracked_tasks *t, unsigned nr_cpus)
{
	*t = (struct tracked_tasks){ .nr_cpus = nr_cpus, .running = xcalloc(nr_cpus, sizeof(*t->running)) };
	for (unsigned i = 0; i < nr_cpus; i++)
		t->running[i] = INT64_MAX;
}

void tracked_deinit(struct tracked_tasks *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free((char *)t->v[i].task.cgroup);
		free(t->v[i].wakes);
	}
	free(t->v);
	free(t->slots);
	free(t->running);
	*t = (struct tracked_tasks){ 0 };
}

bool tracked_is_idle(const struct tracked *t)
{
	return t->key < 0;
}

static uint32_t *slot_of(const struct tracked_tasks *t, int64_t key)
{
	size_t i = (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->nr_slots - 1);

	while (t->slots[i] && t->v[t->slots[i] - 1].key != key)
		i = (i + 1) & (t->nr_slots - 1);
	return &t->slots[i];
}

static void grow(struct tracked_tasks *t)
{
	t->max = MAX(64, 2 * t->max);
	t->v = xrealloc(t->v, t->max, sizeof(*t->v));
	t->nr_slots = 2 * t->max;
	free(t->slots);
	t->slots = xcalloc(t->nr_slots, sizeof(*t->slots));
	for (size_t i = 0; i < t->n; i++)
		*slot_of(t, t->v[i].key) = (uint32_t)i + 1;
}

static void note_task(struct tracked *t, const struct trace_task *task)
{
	const char *cgroup = t->task.cgroup;

	if (!cgroup || !streq(cgroup, task->cgroup)) {
		free((char *)cgroup);
		cgroup = xstrdup(task->cgroup);
	}
	t->task = *task;
	t->task.cgroup = cgroup;
}

struct tracked *tracked_find(struct tracked_tasks *t, const struct trace_task *task, unsigned cpu)
{
	int64_t key = task->tid ? (int64_t)task->tid : -1 - (int64_t)cpu;

	if (t->n == t->max)
		grow(t);
	uint32_t *slot = slot_of(t, key);
	if (!*slot) {
		t->v[t->n++] = (struct tracked){ .key = key, .slept_ns = -1, .waited_ns = -1 };
		*slot = (uint32_t)t->n;
	}
	struct tracked *found = &t->v[*slot - 1];
	note_task(found, task);
	return found;
}

static void set_state(struct tracked *t, enum task_state state, int64_t now)
{
	t->state = state;
	t->since_ns = now;
}

static void note_wait(struct tracked *t, int64_t now)
{
	int64_t waited = now - t->since_ns;

	t->waited_ns = waited;
	t->wait_ns += waited;
	if (waited > t->worst_wait_ns) {
		t->worst_wait_ns = waited;
		t->worst_wait_at_ns = now;
	}
	if (!t->woken)
		return;
	if (!t->wakes)
		t->wakes = xcalloc(1, sizeof(*t->wakes));
	histogram_record(t->wakes, (uint64_t)waited);
	t->woken = false;
}

static void switch_in(struct tracked_tasks *all, struct tracked *t, unsigned cpu, int64_t now)
{
	if (!tracked_is_idle(t)) {
		if (t->state == TASK_WAITS)
			note_wait(t, now);
		else
			t->waited_ns = -1;
		all->unexplained += t->state == TASK_SLEEPS || t->state == TASK_RUNS;
	}
	t->switches++;
	t->cpu = cpu;
	set_state(t, TASK_RUNS, now);
	all->running[cpu] = t->key;
}

static void switch_out(struct tracked_tasks *all, struct tracked *t, const struct trace_event *e)
{
	bool ran = t->state == TASK_RUNS && all->running[e->cpu] == t->key;

	all->unexplained += t->state != TASK_UNKNOWN && !ran;
	t->run_ns += ran ? e->ns - t->since_ns : 0;
	t->preemptions += !!(e->flags & RECORD_PREEMPTED);
	t->woken = false;
	t->slept_ns = e->flags & RECORD_QUEUED ? 0 : -1;
	set_state(t, e->flags & RECORD_QUEUED || tracked_is_idle(t) ? TASK_WAITS : TASK_SLEEPS, e->ns);
}

static void enqueue(struct tracked *t, const struct trace_event *e)
{
	t->cpu = e->to_cpu;
	t->wakeups += !!(e->flags & RECORD_WAKES);
	if (t->state != TASK_SLEEPS && t->state != TASK_UNKNOWN)
		return;
	t->slept_ns = t->state == TASK_SLEEPS ? e->ns - t->since_ns : -1;
	t->sleep_ns += MAX(t->slept_ns, INT64_C(0));
	t->woken = e->flags & RECORD_WAKES;
	set_state(t, TASK_WAITS, e->ns);
}

void tracked_apply(struct tracked_tasks *all, const struct trace_event *e, struct tracked *prev)
{
	struct tracked *t;

	switch (e->kind) {
	case RECORD_RUNNING:
		t = tracked_find(all, e->task, e->cpu);
		if (t->state == TASK_UNKNOWN) {
			set_state(t, TASK_RUNS, e->ns);
			t->cpu = e->cpu;
			all->running[e->cpu] = t->key;
		}
		break;
	case RECORD_SWITCH:
		t = tracked_find(all, e->prev, e->cpu);
		if (prev)
			*prev = *t;
		switch_out(all, t, e);
		switch_in(all, tracked_find(all, e->task, e->cpu), e->cpu, e->ns);
		break;
	case RECORD_MIGRATE:
		tracked_find(all, e->task, e->cpu)->cpu = e->to_cpu;
		break;
	case RECORD_AFFINITY:
		tracked_find(all, e->task, e->cpu)->task.allowed = e->allowed;
		break;
	case RECORD_ENQUEUE:
		enqueue(tracked_find(all, e->task, e->to_cpu), e);
		break;
	default:
		break;
	}
}
