/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * walk.h - a buffer that is walked with a stride, reading and writing a byte at each step: the parameters, the buffer
 * (w->own) and the walk of the work types that have a cache footprint.
 */
#ifndef KT_WORK_WALK_H
#define KT_WORK_WALK_H

#include "guest/work/worker.h"

struct cache { unsigned size_kib, stride; };

#define CACHE_SIZE_ROW(args) \
	{ .name = "size_kib", .kind = ROW_UINT, .offset = offsetof(struct args, cache.size_kib), .min = 1, .max = 262144, \
	  .type = "integer (KiB)", .def = 32, .help = "size of each worker's buffer" }
#define CACHE_STRIDE_ROW(args) \
	{ .name = "stride", .kind = ROW_UINT, .offset = offsetof(struct args, cache.stride), .min = 1, .max = 1048576, \
	  .type = "integer (bytes)", .def = 64, .help = "distance of two bytes that are touched" }

static inline uint64_t cache_bytes(const struct cache *c)
{
	return c->size_kib * UINT64_C(1024);
}

static inline uint64_t cache_steps(const struct cache *c)
{
	return (cache_bytes(c) + c->stride - 1) / c->stride;
}

/* The prepare() of types whose args begin with a struct cache. */
int cache_prepare(struct worker *w, const void *args, struct kt_err *err);
/* So many steps from step at on, round and round; gives the step to go on from. In a long walk the worker ticks now and
 * then, so that it is seen running, and shares its turn. */
uint64_t cache_walk(struct worker *w, const struct cache *c, uint64_t at, uint64_t steps);
/* The run() of types that walk the whole buffer for a unit, and then do something else; NULL: nothing. */
void cache_run(struct worker *w, const struct cache *c, void (*then)(void));
/* In the end: is the buffer as that many steps from 0 on have left it? Else w->wrong. */
void cache_check(struct worker *w, const struct cache *c, uint64_t steps);

#endif
