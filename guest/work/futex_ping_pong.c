// SPDX-License-Identifier: GPL-2.0-only
/* FutexPingPong: two workers take turns; whose turn it is spins, then wakes the other through its futex. */
#include "guest/work/ring.h"

struct ping_pong { int64_t spin; };

static void futex_ping_pong_work(struct worker *w, const void *args)
{
	const struct ping_pong *a = args;

	(void)w;
	worker_compute(w, a->spin);
}

static void futex_ping_pong_run(struct worker *w, const void *args)
{
	(void)args;
	ring_run(w, 2, true, futex_ping_pong_work);
}

static const struct row rows[] = {
	{ .name = "spin", .kind = ROW_INT, .offset = offsetof(struct ping_pong, spin), .max = 1e7,
	  .def = 1024,
	  .help = "spins before the turn is handed over" },
	{ 0 }
};

const struct work_type work_futex_ping_pong = {
	.name = "FutexPingPong",
	.summary = "Pairs wake each other through a futex, spinning in between: wake-up latency without the cost of a pipe.",
	.unit = "one turn",
	.gap = "nothing; waiting for the partner counts, for a partner that does not run is what a gap shows",
	.latency = "from just before the turn is handed over to the partner's return from its wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct ping_pong),
	.traits = WORK_COMPUTES,
	.group_size = ring_pair,
	.run = futex_ping_pong_run,
	.verify = ring_verify,
};
