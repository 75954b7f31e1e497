// SPDX-License-Identifier: GPL-2.0-only
/* MutexContention: workers that want the same mutex again and again. */
#include "guest/work/mutex.h"

struct contention {
	unsigned contenders;
	int64_t hold, work;
};

struct guarded {
	_Atomic uint32_t mutex;
	uint64_t count; /* no atomic: only who holds the mutex may touch it */
};

static void mutex_contention_run(struct worker *w, const void *args)
{
	const struct contention *a = args;
	struct guarded *g = w->shared;

	while (worker_running(w)) {
		worker_compute(w, a->work);
		if (!mutex_trylock(&g->mutex)) {
			uint64_t since = now_ns();

			if (!mutex_lock(w, &g->mutex))
				return;
			histogram_record(&w->wake_latency, now_ns() - since);
		}
		worker_compute(w, a->hold);
		g->count++;
		mutex_unlock(&g->mutex);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static int mutex_contention_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return work_share(group, n, sizeof(struct guarded), err);
}

/* Two in the mutex at a time would lose counts. */
static int mutex_contention_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct guarded *g = group->shared;
	uint64_t units = 0;

	(void)args;
	for (unsigned i = 0; i < n; i++)
		units += group[i].work_units;
	if (units != g->count)
		return kt_fail(err, "the mutex was held %ju times, but what it guards counted %ju", (uintmax_t)units,
			       (uintmax_t)g->count);
	return 0;
}

static unsigned mutex_contention_group_size(const void *args)
{
	return ((const struct contention *)args)->contenders;
}

static const struct row rows[] = {
	{ .name = "contenders", .kind = ROW_UINT, .offset = offsetof(struct contention, contenders), .min = 2, .max = 4096,
	  .def = 4, .help = "workers that share a mutex" },
	{ .name = "hold", .alias = "hold_iters", .kind = ROW_INT, .offset = offsetof(struct contention, hold), .min = 1,
	  .max = 1e9, .def = 256, .help = "spins with the mutex held" },
	{ .name = "work", .alias = "work_iters", .kind = ROW_INT, .offset = offsetof(struct contention, work), .max = 1e9,
	  .def = 1024, .help = "spins without it, in between" },
	{ 0 }
};

const struct work_type work_mutex_contention = {
	.name = "MutexContention",
	.summary = "Groups fight for one mutex: convoys behind it, and what it costs to preempt who holds it.",
	.unit = "the mutex taken, held and given back once",
	.gap = "nothing; waiting for the mutex counts",
	.latency = "from wanting the mutex to holding it, when another held it",
	.args = rows,
	.args_size = sizeof(struct contention),
	.traits = WORK_COMPUTES,
	.group_size = mutex_contention_group_size,
	.setup = mutex_contention_setup,
	.run = mutex_contention_run,
	.verify = mutex_contention_verify,
};
