// SPDX-License-Identifier: GPL-2.0-only
/* Walking a buffer: see walk.h. */
#include "guest/work/walk.h"

enum { TICK_STEPS = 16384 };

int cache_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	return work_alloc(w, cache_bytes(args), err);
}

uint64_t cache_walk(struct worker *w, const struct cache *c, uint64_t at, uint64_t steps)
{
	volatile uint8_t *buffer = w->own;
	uint64_t size = cache_bytes(c), offset = at * c->stride;

	for (; steps; steps--) {
		buffer[offset]++;
		offset += c->stride;
		if (offset >= size)
			offset = 0;
		if (steps % TICK_STEPS == 0)
			worker_tick(w, 0);
	}
	return offset / c->stride;
}

void cache_check(struct worker *w, const struct cache *c, uint64_t steps)
{
	const uint8_t *buffer = w->own;
	uint64_t turns = steps / cache_steps(c), more = steps % cache_steps(c);

	for (uint64_t i = 0; i < cache_steps(c); i++)
		w->wrong |= buffer[i * c->stride] != (uint8_t)(turns + (i < more));
}

void cache_run(struct worker *w, const struct cache *c, void (*then)(void))
{
	uint64_t steps = cache_steps(c);

	while (worker_running(w)) {
		cache_walk(w, c, 0, steps);
		if (then)
			then();
		w->iterations++;
		worker_tick(w, 1);
	}
	cache_check(w, c, w->work_units * steps);
}
