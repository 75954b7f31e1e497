// SPDX-License-Identifier: GPL-2.0-only
/* Records: see record.h. */
#include "guest/scenario/record.h"
#include "guest/work/outside.h"

static void set_member(json_t *j, const char *key, json_t *value)
{
	if (json_object_set_new(j, key, value))
		BUG("cannot build a record");
}

json_t *record_phase(unsigned index, const char *step, int64_t start_ns, int64_t end_ns)
{
	_cleanup_free_ char *name = index ? xasprintf("Step[%u]", index - 1) : xstrdup("BASELINE");
	json_t *j = KT_PACK("{ss si ss sI sI}", "kind", "phase", "index", (int)index, "name", name, "start_ns",
			    (json_int_t)start_ns, "end_ns", (json_int_t)end_ns);

	if (step)
		set_member(j, "step", json_string(step));
	return j;
}

json_t *record_op(const struct engine *e, const struct op *op, uint64_t start_ns, uint64_t end_ns, json_t *result)
{
	json_t *j = KT_PACK("{ss ss ss si sI sI}", "kind", "op", "path", op->path, "op", op->kind->name, "phase",
			    (int)e->phase, "start_ns", (json_int_t)engine_time(e, start_ns), "end_ns",
			    (json_int_t)engine_time(e, end_ns));

	if (result)
		set_member(j, "result", result);
	return j;
}

json_t *record_end(enum outcome outcome, const char *reason)
{
	return KT_PACK("{ss ss ss}", "kind", "end", "outcome", outcome_name(outcome), "reason", reason);
}

static json_t *member_exit(const struct member *m)
{
	switch (m->end) {
	case MEMBER_EXITED:
		return KT_PACK("{si}", "exited", m->code);
	case MEMBER_SIGNALED:
		return kt_json_signal(m->code);
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

/* What only some workers have. */
static void set_more(json_t *j, const struct engine *e, unsigned i)
{
	const struct worker *w = &e->crew.workers[i];
	const struct member *m = &e->crew.members[i];
	const struct batch *b = &e->spec->batches[w->cgroup];
	char list[CPULIST_LEN];

	if (b->group)
		set_member(j, "group", json_integer(b->group));
	if (w->type->role)
		set_member(j, "role", json_string(w->type->role(w, w->args)));
	if (m->has_affinity)
		set_member(j, "affinity", json_string(cpulist_format(&m->affinity, list)));
	if (w->outside) {
		record_outside(j, w->outside, m->end == MEMBER_TIMED_OUT);
	} else if (m->after.timeslices) {
		set_member(j, "run_delay_ns", json_integer(minus(m->after.delay_ns, m->before.delay_ns)));
		set_member(j, "timeslices", json_integer(minus(m->after.timeslices, m->before.timeslices)));
	}
	if (w->modelled_ns)
		set_member(j, "modelled_ns", json_integer((json_int_t)w->modelled_ns));
	if (w->detail[0])
		set_member(j, "detail", json_string(w->detail));
	if (w->type->latency)
		set_member(j, "wake_latency", histogram_to_json(&w->wake_latency));
	if (w->type->figures) {
		_cleanup_json_ json_t *more = w->type->figures(w, w->args);

		if (json_object_update(j, more))
			BUG("cannot build a record");
	}
}

json_t *record_worker(const struct engine *e, unsigned i)
{
	const struct worker *w = &e->crew.workers[i];
	const struct member *m = &e->crew.members[i];
	const struct batch *b = &e->spec->batches[w->cgroup];
	uint64_t start = worker_start_ns(w);
	/* Of a worker that died the kernel's count is what there is. */
	uint64_t cpu = w->finished ? minus(w->cpu_end_ns, w->cpu_start_ns) : minus(m->after.run_ns, m->before.run_ns);
	if (w->outside)
		cpu = w->outside->cpu_ns;
	uint64_t wall = minus(w->finished ? w->end_ns : m->end_ns, start);
	char cpuset[CPULIST_LEN], used[CPULIST_LEN];

	json_t *j = KT_PACK("{ss ss si si s[ii] si ss ss sI sI sI sI sI sI ss sI si sI}",
		"kind", "worker", "cgroup", batch_cgroup(b), "cgroup_index", (int)w->cgroup, "index", (int)w->index,
		"phases", b->step == SPEC_BACKDROP ? 1 : b->step + 1, (int)e->last_phase[w->cgroup],
		"tid", (int)m->tid, "work", w->type->name,
		"cpuset", cpulist_format(&e->scene.batches[w->cgroup].cpus, cpuset),
		"work_units", (json_int_t)w->work_units, "iterations", (json_int_t)w->iterations,
		"cpu_time_ns", (json_int_t)cpu, "wall_time_ns", (json_int_t)wall,
		"off_cpu_ns", (json_int_t)minus(wall, cpu), "migrations", (json_int_t)w->migrations,
		"cpus_used", cpulist_format(&w->cpus_used, used), "max_gap_ns", (json_int_t)w->max_gap_ns,
		"max_gap_cpu", w->started ? (int)w->max_gap_cpu : -1,
		"max_gap_at_ns", (json_int_t)(w->max_gap_ns ? minus(w->max_gap_start_ns, start) : 0));
	set_member(j, "completed", json_boolean(crew_completed(&e->crew, i)));
	set_member(j, "exit", member_exit(m));
	set_more(j, e, i);
	return j;
}
