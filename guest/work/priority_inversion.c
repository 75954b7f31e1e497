// SPDX-License-Identifier: GPL-2.0-only
/*
 * PriorityInversion: who has priority waits for a mutex that a normal task holds, while others with less priority run.
 *
 * Every millisecond by the clock the high members (SCHED_FIFO 2) and the medium ones (SCHED_FIFO 1) wake. High wants the
 * mutex, medium spins; low members, of whatever policy they have, take it all the time. So on one CPU a high member that
 * finds the mutex held waits for low, and low waits for medium: with a plain mutex for all of medium's work, with a PI mutex
 * for what is left of low's hold only, since low runs with the priority of who waits. On two CPUs nothing is inverted, so all
 * must be on one.
 */
#include "guest/work/mutex.h"
#include "guest/work/policy.h"

enum { PERIOD_NS = NSEC_PER_MSEC, MEDIUM_PRIO = 1, HIGH_PRIO = 2 };
enum pi_mode { PLAIN, PI };
enum tier { HIGH, MEDIUM, LOW };

struct inversion {
	unsigned high, medium, low, mode;
	int64_t hold, work;
};

struct arena {
	_Atomic uint32_t mutex;
	_Atomic uint32_t cpu; /* where all of them are, + 1 */
	uint64_t count;       /* guarded by the mutex */
};

static enum tier tier_of(const struct worker *w, const struct inversion *a)
{
	return w->member < a->high ? HIGH : w->member < a->high + a->medium ? MEDIUM : LOW;
}

static bool lock_mutex(struct worker *w, const struct inversion *a, struct arena *s)
{
	uint32_t free = 0;

	if (a->mode == PLAIN)
		return mutex_lock(w, &s->mutex);
	if (atomic_compare_exchange_strong(&s->mutex, &free, (uint32_t)w->tid))
		return true;
	/* No signal ends this one early, but its owner's end does. */
	if (!syscall(SYS_futex, &s->mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0))
		return true;
	worker_wait_stop(w); /* the owner was killed */
	return false;
}

static void unlock_mutex(struct worker *w, const struct inversion *a, struct arena *s)
{
	uint32_t mine = (uint32_t)w->tid;

	if (a->mode == PLAIN)
		mutex_unlock(&s->mutex);
	else if (!atomic_compare_exchange_strong(&s->mutex, &mine, 0))
		syscall(SYS_futex, &s->mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

/* False when it must stop. */
static bool hold_mutex(struct worker *w, const struct inversion *a, struct arena *s)
{
	if (!lock_mutex(w, a, s))
		return false;
	if (tier_of(w, a) == HIGH)
		worker_woken(w, w->last_ns);
	worker_compute(w, a->hold);
	s->count++;
	unlock_mutex(w, a, s);
	return true;
}

static void priority_inversion_run(struct worker *w, const void *args)
{
	const struct inversion *a = args;
	enum tier tier = tier_of(w, a);
	uint64_t next = worker_start_ns(w);

	while (worker_running(w)) {
		if (tier != LOW) {
			/* The next beat, and not those that went by meanwhile. */
			if (w->last_ns >= next)
				next += (w->last_ns - next) / PERIOD_NS * PERIOD_NS + PERIOD_NS;
			worker_sleep_until(w, next);
		}
		if (tier == MEDIUM)
			worker_compute(w, a->work);
		else if (!hold_mutex(w, a, w->shared))
			return;
		w->iterations++;
		worker_tick(w, 1);
	}
}

static int priority_inversion_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return work_share(group, n, sizeof(struct arena), err);
}

static int need_one(const struct cpumask *cpus, struct kt_err *err)
{
	char list[CPULIST_LEN];

	if (cpumask_count(cpus) == 1)
		return 0;
	return kt_fail(err, "all of them must be on one CPU, but CPUs %s may be used", cpulist_format(cpus, list));
}

static int priority_inversion_check(const void *args, const struct work_place *at, struct kt_err *err)
{
	(void)args;
	return need_one(&at->cpus, err);
}

static int priority_inversion_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct inversion *a = args;
	struct arena *s = w->shared;
	enum tier tier = tier_of(w, a);
	uint32_t others = 0, mine = cpumask_next(&w->cpus_allowed, 0) + 1;

	if (need_one(&w->cpus_allowed, err))
		return -1;
	if (!atomic_compare_exchange_strong(&s->cpu, &others, mine) && others != mine)
		return kt_fail(err, "all of them must be on one CPU, but one is on CPU %u and one on CPU %u", others - 1, mine - 1);
	return tier == LOW ? 0 : policy_set(SCHED_FIFO, tier == HIGH ? HIGH_PRIO : MEDIUM_PRIO, err);
}

static int priority_inversion_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct arena *s = group->shared;
	uint64_t units = 0;

	for (unsigned i = 0; i < n; i++)
		units += tier_of(&group[i], args) == MEDIUM ? 0 : group[i].work_units;
	if (units != s->count)
		return kt_fail(err, "the mutex was held %ju times, but what it guards counted %ju", (uintmax_t)units,
			       (uintmax_t)s->count);
	return 0;
}

static unsigned priority_inversion_group_size(const void *args)
{
	const struct inversion *a = args;

	return a->high + a->medium + a->low;
}

static const char *const modes[] = { "Plain", "Pi", NULL };

#define TIER(key, field, text) \
	{ .name = key, .alias = key "_count", .kind = ROW_UINT, .offset = offsetof(struct inversion, field), .min = 1, \
	  .max = 1024, .def = 1, .help = text }

static const char *priority_inversion_role(const struct worker *w, const void *args)
{
	static const char *const names[] = { [HIGH] = "high", [MEDIUM] = "medium", [LOW] = "low" };

	return names[tier_of(w, args)];
}

static const struct row rows[] = {
	TIER("high", high, "SCHED_FIFO 2 workers, which want the mutex every millisecond"),
	TIER("medium", medium, "SCHED_FIFO 1 workers, which spin every millisecond"),
	TIER("low", low, "workers of the policy they were given, which hold the mutex all the time"),
	{ .name = "hold", .alias = "hold_iters", .kind = ROW_INT, .offset = offsetof(struct inversion, hold), .min = 1,
	  .max = 1e9, .def = 4096, .help = "spins with the mutex held" },
	{ .name = "work", .alias = "work_iters", .kind = ROW_INT, .offset = offsetof(struct inversion, work), .min = 1,
	  .max = 1e9, .def = 1024, .help = "spins of medium each time" },
	{ .name = "pi_mode", .kind = ROW_ENUM, .offset = offsetof(struct inversion, mode), .def = PLAIN, .names = modes,
	  .help = "does the mutex lend its owner the priority of who waits for it" },
	{ 0 }
};

const struct work_type work_priority_inversion = {
	.name = "PriorityInversion",
	.summary = "On one CPU, tasks of three priorities and a mutex: real-time tasks that wait for one of the scheduler's, which "
		   "is lent their priority (Pi) or is not (Plain).",
	.unit = "the mutex held once; of the medium ones, their spins",
	.gap = "of high and medium, the sleep until the next millisecond; beyond it counts, and so does waiting for the mutex",
	.latency = "of the high ones, from wanting the mutex to holding it",
	.args = rows,
	.args_size = sizeof(struct inversion),
	.traits = WORK_ROOT | WORK_LASTING | WORK_COMPUTES,
	.check = priority_inversion_check,
	.group_size = priority_inversion_group_size,
	.role = priority_inversion_role,
	.setup = priority_inversion_setup,
	.prepare = priority_inversion_prepare,
	.run = priority_inversion_run,
	.verify = priority_inversion_verify,
};
