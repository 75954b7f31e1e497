// SPDX-License-Identifier: GPL-2.0-only
/* CacheYield: walks a buffer, then yields. */
#include "guest/work/walk.h"
#include <sched.h>

struct cache_yield { struct cache cache; };

static void yield_cpu(void)
{
	sched_yield();
}

static void cache_yield_run(struct worker *w, const void *args)
{
	cache_run(w, args, yield_cpu);
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
	.prepare = cache_prepare,
	.run = cache_yield_run,
	.verify = work_verify_right,
};
