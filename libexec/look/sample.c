// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample of the runqueues: see sample.h. It is taken ten times in a second of guest time, so it reads little. All tasks are looked
 * at only when one CPU has many more than another.
 */
#include "libexec/look/sample.h"
#include "libexec/lib/cpulist.h"

/* Of a CPU's runqueue. */
enum { NR_RUNNING, SCX_RUNNING, CLOCK, LOCAL, FLAGS, RUN_DELAY, PCOUNT, SWITCHES, FAIR, FAIR_RUNNABLE, CURR, IDLE, NR_MEMBERS };
static struct member m[] = {
	[NR_RUNNING] = { "rq", "nr_running" },
	[SCX_RUNNING] = { "rq", "scx.nr_running" },
	[CLOCK] = { "rq", "clock" },
	[LOCAL] = { "rq", "scx.local_dsq.nr" },
	[FLAGS] = { "rq", "scx.flags" },
	[RUN_DELAY] = { "rq", "rq_sched_info.run_delay" },
	[PCOUNT] = { "rq", "rq_sched_info.pcount" },
	[SWITCHES] = { "rq", "nr_switches" },
	[FAIR] = { "rq", "cfs.h_nr_queued", "cfs.h_nr_running" },
	[FAIR_RUNNABLE] = { "rq", "cfs.h_nr_runnable" },
	[CURR] = { "rq", "curr" },
	[IDLE] = { "rq", "idle" },
};

struct cpu {
	uint64_t v[NR_MEMBERS];
	int64_t bound; /* tasks that only this CPU can run, as things are: those in a queue that several CPUs take from are not */
};

static void list_of(json_t *record, const char *name, const struct cpu *cpus, unsigned n, int member)
{
	json_t *list = json_array();

	if (!m[member].there) {
		json_decref(list);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_u64(cpus[i].v[member]));
	json_object_set_new(record, name, list);
}

static void sum_of(json_t *sums, const char *name, const struct cpu *cpus, unsigned n, int member)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += cpus[i].v[member];
	if (m[member].there)
		json_object_set_new(sums, name, json_u64(sum));
}

/* On a runqueue, and not running: which CPUs might run it instead, and how much less have they to do? */
static double task_imbalance(const struct sample_task *task, const struct cpu *cpus, unsigned n)
{
	int64_t least = INT64_MAX;

	if (task->cpu >= n)
		return 0;
	for (unsigned cpu = 0; cpu < n; cpu++)
		if (cpumask_test(&task->allowed, cpu))
			least = MIN(least, cpus[cpu].bound);
	return least == INT64_MAX ? 0 : (double)cpus[task->cpu].bound / (double)MAX(least, INT64_C(1));
}

struct balance {
	const struct cpu *cpus;
	unsigned n;
	double worst;
};

static void look_at_task(void *ctx, const struct sample_task *task)
{
	struct balance *b = ctx;

	if (!task->elsewhere)
		b->worst = MAX(b->worst, task_imbalance(task, b->cpus, b->n));
}

/*
 * The most by which a CPU has more to do than one to which a waiting task of its might go: 1 when all have as much. Tasks in a queue from
 * which several CPUs take are on nobody's.
 */
static double imbalance(struct target *t, const struct cpu *cpus, unsigned n)
{
	int64_t most = 0, least = INT64_MAX;

	for (unsigned i = 0; i < n; i++) {
		most = MAX(most, cpus[i].bound);
		least = MIN(least, cpus[i].bound);
	}
	double all = n ? (double)most / (double)MAX(least, INT64_C(1)) : 1;
	struct balance b = { cpus, n, 1 };
	if (all <= SAMPLE_EVEN)
		return MAX(all, 1.0);
	snapshot_waiting_tasks(t, look_at_task, &b);
	return b.worst;
}

json_t *sample_make(struct target *t)
{
	uint64_t runqueues = target_symbol(t, "runqueues"), offset;
	_cleanup_free_ struct cpu *cpus = xcalloc(t->nr_cpus, sizeof(*cpus));
	json_t *record = json_object(), *sums = json_object(), *idle = json_array();

	target_find_members(t, m, ARRAY_SIZE(m));
	for (unsigned i = 0; runqueues && i < t->nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		for (int k = 0; target_per_cpu(t, i, &offset) && k < NR_MEMBERS; k++)
			target_member(t, runqueues + offset, &m[k], &c->v[k]);
		bool is_idle = c->v[CURR] == c->v[IDLE];
		bool runs_scx = c->v[SCX_RUNNING] && snapshot_is_ext(t, c->v[CURR]);
		/* A fair task that sleeps may stay in its queue for a while (delayed dequeue). */
		int64_t sleep = m[FAIR_RUNNABLE].there ? (int64_t)(c->v[FAIR] - c->v[FAIR_RUNNABLE]) : 0;
		c->bound = MAX((int64_t)(c->v[NR_RUNNING] - c->v[SCX_RUNNING] + c->v[LOCAL]) + runs_scx - sleep, INT64_C(0));
		json_array_append_new(idle, json_boolean(is_idle));
	}
	list_of(record, "nr_running", cpus, t->nr_cpus, NR_RUNNING);
	list_of(record, "clock_ns", cpus, t->nr_cpus, CLOCK);
	json_object_set_new(record, "idle", idle);
	list_of(record, "scx_nr_running", cpus, t->nr_cpus, SCX_RUNNING);
	list_of(record, "local_dsq", cpus, t->nr_cpus, LOCAL);
	list_of(record, "scx_flags", cpus, t->nr_cpus, FLAGS);
	list_of(record, "run_delay_ns", cpus, t->nr_cpus, RUN_DELAY);
	json_object_set_new(record, "imbalance", json_real(imbalance(t, cpus, t->nr_cpus)));
	sum_of(sums, "pcount", cpus, t->nr_cpus, PCOUNT);
	sum_of(sums, "nr_switches", cpus, t->nr_cpus, SWITCHES);
	json_object_set_new(record, "schedstat", sums);
	json_t *events = snapshot_events(t);
	if (events)
		json_object_set_new(record, "events", events);
	if (json_array_size(t->missing))
		json_object_set(record, "missing", t->missing);
	return record;
}
