// SPDX-License-Identifier: GPL-2.0-only
/* PipeIo: two workers hand one byte to and fro through two pipes; who has it spins, then passes it on. */
#include "guest/work/ring.h"

struct pipe_io { int64_t burst; };

static void pipe_io_work(struct worker *w, const void *args)
{
	const struct pipe_io *a = args;

	worker_compute(w, a->burst);
}

static void pipe_io_run(struct worker *w, const void *args)
{
	(void)args;
	ring_run(w, 2, true, pipe_io_work);
}

static const struct row rows[] = {
	{ .name = "burst", .kind = ROW_INT, .offset = offsetof(struct pipe_io, burst), .max = 1e7,
	  .def = 1024,
	  .help = "spins before the byte is passed on" },
	{ 0 }
};

const struct work_type work_pipe_io = {
	.name = "PipeIo",
	.summary = "Pairs pass a byte to and fro through pipes, spinning in between: sync wake-ups, and where the woken one runs.",
	.unit = "the byte passed on once",
	.gap = "nothing; waiting for the partner counts, for a partner that does not run is what a gap shows",
	.latency = "from just before the write to the partner's return from read(), when it was in read() by then",
	.args = rows,
	.args_size = sizeof(struct pipe_io),
	.traits = WORK_COMPUTES,
	.group_size = ring_pair,
	.setup = ring_pipes,
	.run = pipe_io_run,
	.verify = ring_verify,
};
