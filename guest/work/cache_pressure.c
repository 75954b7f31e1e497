// SPDX-License-Identifier: GPL-2.0-only
/* CachePressure: walks a buffer, reading and writing, over and over. */
#include "guest/work/walk.h"

struct cache_pressure { struct cache cache; };

static void cache_pressure_run(struct worker *w, const void *args)
{
	cache_run(w, args, NULL);
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
	.prepare = cache_prepare,
	.run = cache_pressure_run,
	.verify = work_verify_right,
};
