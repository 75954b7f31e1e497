// SPDX-License-Identifier: GPL-2.0-only
/* CachePipe: pairs pass a byte to and fro; who has it walks on through its buffer, then passes it on. */
#include "guest/work/walk.h"
#include "guest/work/ring.h"

struct cache_pipe { struct cache cache; int64_t burst; };

static uint64_t position, walked; /* each worker is a process */

static void cache_pipe_work(struct worker *w, const void *args)
{
	const struct cache_pipe *a = args;

	position = cache_walk(w, &a->cache, position, a->burst);
	walked += a->burst;
}

static void cache_pipe_run(struct worker *w, const void *args)
{
	const struct cache_pipe *a = args;

	ring_run(w, 2, true, cache_pipe_work);
	cache_check(w, &a->cache, walked);
}

static int cache_pipe_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	return work_verify_right(group, n, args, err) ? -1 : ring_verify(group, n, args, err);
}

static const struct row rows[] = {
	CACHE_SIZE_ROW(cache_pipe),
	CACHE_STRIDE_ROW(cache_pipe),
	{ .name = "burst", .kind = ROW_INT, .offset = offsetof(struct cache_pipe, burst), .min = 1, .max = 1e7, .def = 1024,
	  .help = "bytes that are touched before the byte is passed on" },
	{ 0 }
};

const struct work_type work_cache_pipe = {
	.name = "CachePipe",
	.summary = "Pairs pass a byte to and fro, each walking a buffer in between: sync wake-ups against warm caches.",
	.unit = "the byte passed on once",
	.gap = "nothing; waiting for the partner counts",
	.latency = "from just before the write to the partner's return from read(), when it was in read() by then",
	.args = rows,
	.args_size = sizeof(struct cache_pipe),
	.group_size = ring_pair,
	.setup = ring_pipes,
	.prepare = cache_prepare,
	.run = cache_pipe_run,
	.verify = cache_pipe_verify,
};
