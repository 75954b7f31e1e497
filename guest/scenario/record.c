// SPDX-License-Identifier: GPL-2.0-only
/* Records: see record.h. */
#include "record.h"

json_t *record_phase(unsigned index, const char *name, int64_t start_ns, int64_t end_ns)
{
	return KT_PACK("{ss si ss sI sI}", "kind", "phase", "index", (int)index, "name", name, "start_ns",
		       (json_int_t)start_ns, "end_ns", (json_int_t)end_ns);
}

json_t *record_end(enum outcome outcome, const char *reason)
{
	return KT_PACK("{ss ss ss}", "kind", "end", "outcome", outcome_name(outcome), "reason", reason);
}

static json_t *exit_of(const struct member *m)
{
	const char *name;

	switch (m->end) {
	case MEMBER_EXITED:
		return KT_PACK("{si}", "exited", m->code);
	case MEMBER_SIGNALED:
		name = sigabbrev_np(m->code);
		return name ? KT_PACK("{ss+}", "signaled", "SIG", name) : KT_PACK("{si}", "signaled", m->code);
	case MEMBER_TIMED_OUT:
		return json_string("timed_out");
	case MEMBER_ALIVE: break;
	}
	BUG("a worker has no end");
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

json_t *record_worker(const struct crew *c, unsigned i, const struct spec *spec)
{
	const struct worker *w = &c->workers[i];
	const struct member *m = &c->members[i];
	const struct cgroup_def *def = &spec->cgroups[w->cgroup];
	uint64_t start = worker_start_ns(w);
	/* Of a worker that died the kernel's count is what there is. */
	uint64_t cpu = w->finished ? minus(w->cpu_end_ns, w->cpu_start_ns) : minus(m->after.run_ns, m->before.run_ns);
	uint64_t wall = minus(w->finished ? w->end_ns : m->end_ns, start);
	char cpuset[CPULIST_LEN], used[CPULIST_LEN];

	json_t *j = KT_PACK("{ss ss si si si ss ss sI sI sI sI sI sI ss sI si sI}",
		"kind", "worker", "cgroup", def->name, "cgroup_index", (int)w->cgroup, "index", (int)w->index,
		"tid", (int)m->tid, "work", w->type->name, "cpuset", cpulist_format(&def->cpus, cpuset),
		"work_units", (json_int_t)w->work_units, "iterations", (json_int_t)w->iterations,
		"cpu_time_ns", (json_int_t)cpu, "wall_time_ns", (json_int_t)wall,
		"off_cpu_ns", (json_int_t)minus(wall, cpu), "migrations", (json_int_t)w->migrations,
		"cpus_used", cpulist_format(&w->cpus_used, used), "max_gap_ns", (json_int_t)w->max_gap_ns,
		"max_gap_cpu", w->started ? (int)w->max_gap_cpu : -1,
		"max_gap_at_ns", (json_int_t)(w->max_gap_ns ? minus(w->max_gap_start_ns, start) : 0));
	int bad = 0;
	if (m->after.timeslices) {
		bad |= json_object_set_new(j, "run_delay_ns",
					   json_integer(minus(m->after.delay_ns, m->before.delay_ns)));
		bad |= json_object_set_new(j, "timeslices",
					   json_integer(minus(m->after.timeslices, m->before.timeslices)));
	}
	if (w->detail[0])
		bad |= json_object_set_new(j, "detail", json_string(w->detail));
	if (w->type->latency)
		bad |= json_object_set_new(j, "wake_latency", histogram_to_json(&w->wake_latency));
	if (w->type->figures) {
		_cleanup_json_ json_t *more = w->type->figures(w, w->args);

		bad |= json_object_update(j, more);
	}
	bad |= json_object_set_new(j, "completed", json_boolean(crew_completed(c, i)));
	bad |= json_object_set_new(j, "exit", exit_of(m));
	if (bad)
		BUG("cannot build a worker record");
	return j;
}
