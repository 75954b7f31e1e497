// SPDX-License-Identifier: GPL-2.0-only
/* CachePressure: walks a buffer, reading and writing, over and over. */
#include "walk.h"

struct cache_pressure { struct cache cache; };

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
		w->iterations++;
		worker_tick(w, 1);
	}
	cache_check(w, c, w->work_units * steps);
}

static const struct row rows[] = {
	CACHE_SIZE_ROW(cache_pressure),
	CACHE_STRIDE_ROW(cache_pressure),
	{ 0 }
};

const struct work_type work_cache_pressure = {
	.name = "CachePressure",
	.summary = "Walks a buffer that fills a cache: what a migration costs, and who shares a cache with whom.",
	.unit = "one walk through the buffer",
	.args = rows,
	.args_size = sizeof(struct cache_pressure),
	.prepare = prepare,
	.run = run,
	.verify = work_verify_right,
};
