// SPDX-License-Identifier: GPL-2.0-only
/* A scenario from its cgroups to its records: see scenario.h. */
#include "scenario.h"
#include "cgroup.h"
#include "crew.h"
#include "hw.h"
#include "record.h"
#include <sched.h>

struct scenario {
	const struct spec *spec;
	const struct scenario_opts *opts;
	struct cgroups cgroups;
	struct crew crew;
};

/* Without cgroups: the same CPUs, by affinity. */
static int set_affinity(const struct cgroup_def *def, struct kt_err *err)
{
	enum { MAX_CPUS = 4096 };
	char list[CPULIST_LEN];
	cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
	size_t size = CPU_ALLOC_SIZE(MAX_CPUS);

	if (!set)
		return kt_fail(err, "out of memory");
	CPU_ZERO_S(size, set);
	for (unsigned cpu = cpumask_next(&def->cpus, 0); cpu < CPUMASK_MAX; cpu = cpumask_next(&def->cpus, cpu + 1))
		CPU_SET_S(cpu, size, set);
	int ret = sched_setaffinity(0, size, set);
	CPU_FREE(set);
	if (ret)
		return kt_fail(err, "cannot run on CPUs %s: %s", cpulist_format(&def->cpus, list), strerror(errno));
	return 0;
}

static pid_t fork_worker(const struct worker *w, void *ctx, struct kt_err *err)
{
	const struct scenario *s = ctx;

	if (s->opts->cgroup_root)
		return cgroups_fork(&s->cgroups, w->cgroup, err);
	pid_t pid = fork();
	if (pid < 0)
		kt_fail(err, "%s", strerror(errno));
	return pid;
}

static int prepare(const struct worker *w, void *ctx, struct kt_err *err)
{
	const struct scenario *s = ctx;
	const struct cgroup_def *def = &s->spec->cgroups[w->cgroup];

	if (s->opts->cgroup_root || def->cpuset_kind == CPUSET_NONE || !set_affinity(def, err))
		return 0;
	return kt_context(err, "cgroup '%s' worker %u", def->name, w->index);
}

static void say_who(const struct scenario *s)
{
	for (unsigned i = 0; i < s->crew.n; i++) {
		const struct worker *w = &s->crew.workers[i];

		kt_warn("worker %s %u is pid %d", s->spec->cgroups[w->cgroup].name, w->index, (int)s->crew.members[i].pid);
	}
	kt_warn("go");
}

static int verify(const struct scenario *s, struct kt_err *err)
{
	const struct crew *c = &s->crew;

	for (unsigned i = 0, n; i < c->n; i += n) {
		const struct worker *group = &c->workers[i];
		bool completed = true;

		n = work_group_size(group->type, group->args);
		for (unsigned k = 0; k < n; k++)
			completed &= crew_completed(c, i + k);
		if (completed && group->type->verify && group->type->verify(group, n, group->args, err))
			return kt_context(err, "%s, cgroup '%s', worker %u", group->type->name,
					  s->spec->cgroups[group->cgroup].name, group->index);
	}
	return 0;
}

static int write_record(FILE *out, json_t *record, struct kt_err *err)
{
	_cleanup_json_ json_t *j = record;

	return kt_json_line(out, j, err);
}

/* The set-up is over: said at once, so that whoever reads along knows when the first worker ran. */
static int write_baseline(uint64_t start_ns, FILE *out, struct kt_err *err)
{
	if (write_record(out, record_phase(0, "BASELINE", -(int64_t)(now_ns() - start_ns), 0), err))
		return -1;
	return fflush(out) ? kt_fail(err, "cannot write a record: %s", strerror(errno)) : 0;
}

/*
 * The hold, in parts: as long as this process gets to run, the watchdog is armed anew. A scheduler under which it does
 * not, for WATCHDOG_S of guest time, has hung the machine; a slow host has not.
 */
static int hold(struct scenario *s, struct kt_err *err)
{
	enum { WATCHDOG_S = 30, KICK_S = 10 };
	int64_t part = s->opts->watchdog ? (int64_t)KICK_S * NSEC_PER_SEC : INT64_MAX, held = 0;

	while (held < s->spec->duration_ns) {
		if (s->opts->watchdog)
			hw_watchdog(WATCHDOG_S);
		held = MIN(part > INT64_MAX - held ? INT64_MAX : held + part, s->spec->duration_ns);
		if (crew_hold(&s->crew, held, err))
			return -1;
	}
	if (s->opts->watchdog)
		hw_watchdog(WATCHDOG_S);
	return 0;
}

static int run_crew(struct scenario *s, uint64_t start_ns, FILE *out, struct kt_err *err)
{
	static const struct crew_ops ops = { .fork = fork_worker, .prepare = prepare };
	struct crew *c = &s->crew;

	for (unsigned i = 0; s->opts->cgroup_root && i < c->n; i++)
		c->workers[i].cgroup_dir = xasprintf("%s/%s", s->opts->cgroup_root,
						     s->spec->cgroups[c->workers[i].cgroup].name);
	if (crew_fork(c, &ops, s, err))
		return -1;
	if (s->opts->verbose)
		say_who(s);
	if (write_baseline(start_ns, out, err))
		return -1;
	if (s->opts->metronome) {
		c->go->turn_ns = (uint64_t)(HW_METRONOME_SHORTEST_NS << (s->opts->metronome - 3)) * 5 / 2;
		hw_metronome((int)s->opts->metronome);
	}
	crew_go(c);
	int ret = hold(s, err) || crew_stop(c, err);
	if (s->opts->metronome)
		hw_metronome(0);
	return ret ? -1 : verify(s, err);
}

static int write_records(const struct scenario *s, FILE *out, struct kt_err *err)
{
	const struct crew *c = &s->crew;

	if (write_record(out, record_phase(1, "Step[0]", 0, c->stopped_ns - c->go->start_ns), err))
		return -1;
	for (unsigned i = 0; i < c->n; i++)
		if (write_record(out, record_worker(c, i, s->spec), err))
			return -1;
	return write_record(out, record_end(OUTCOME_DONE, "the scenario ran"), err);
}

static enum outcome run(struct scenario *s, FILE *out, struct kt_err *err)
{
	uint64_t start_ns = now_ns();
	enum outcome o = OUTCOME_DONE;
	struct kt_err left;

	if ((s->opts->metronome || s->opts->watchdog) && hw_init(err))
		return OUTCOME_ERROR;
	if (s->opts->cgroup_root)
		o = cgroups_create(&s->cgroups, s->opts->cgroup_root, s->spec, err);
	if (o == OUTCOME_DONE && (crew_create(s->spec, s->opts->seed, &s->crew, err) || run_crew(s, start_ns, out, err)))
		o = OUTCOME_ERROR;
	if (o != OUTCOME_DONE)
		crew_destroy(&s->crew); /* or the cgroups are busy */
	if (cgroups_destroy(&s->cgroups, &left) && o == OUTCOME_DONE) {
		*err = left;
		o = OUTCOME_ERROR;
	}
	return o;
}

enum outcome scenario_run(const struct spec *spec, const struct scenario_opts *opts, FILE *out, struct kt_err *err)
{
	struct scenario s = { .spec = spec, .opts = opts };
	enum outcome o = run(&s, out, err);
	struct kt_err ignored;

	if (o != OUTCOME_DONE)
		write_record(out, record_end(o, err->msg), &ignored);
	else if (write_records(&s, out, err))
		o = OUTCOME_ERROR;
	crew_destroy(&s.crew);
	return o;
}
