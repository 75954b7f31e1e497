// SPDX-License-Identifier: GPL-2.0-only
/* CacheYield: walks a buffer, then yields. */
#include "walk.h"
#include <sched.h>

struct cache_yield { struct cache cache; };

static int prepare(struct worker *w, const void *args, struct kt_err *err)
{
	return cache_prepare(w, args, err);
}

static void run(struct worker *w, const void *args)
{
	const struct cache *c = args;
	uint64_t steps = cache_steps(c);

	while (worker_running(w)) {
		cache_walk(w, c, 0, steps);
		sched_yield();
		w->iterations++;
		worker_tick(w, 1);
	}
	cache_check(w, c, w->work_units * steps);
}

static const struct row rows[] = {
	CACHE_SIZE_ROW(cache_yield),
	CACHE_STRIDE_ROW(cache_yield),
	{ 0 }
};

const struct work_type work_cache_yield = {
	.name = "CacheYield",
	.summary = "Walks a buffer that fills a cache, then calls sched_yield(): where a task goes on whose cache is still warm.",
	.unit = "one walk through the buffer and one sched_yield()",
	.args = rows,
	.args_size = sizeof(struct cache_yield),
	.prepare = prepare,
	.run = run,
	.verify = work_verify_right,
};
