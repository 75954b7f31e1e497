// SPDX-License-Identifier: GPL-2.0-only
/* IoRandRead: reads blocks anywhere on the disk, past the page cache where the disk can do that. */
#include "guest/work/io.h"

static int io_rand_read_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return io_open(group, n, IO_DIRECT, err);
}

static void io_rand_read_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w) && io_read(w, worker_random(w) % io_blocks())) {
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_io_rand_read = {
	.name = "IoRandRead",
	.summary = "Reads at random with direct I/O: very many short waits, each ended by an interrupt.",
	.unit = "one block of 4 KiB read",
	.gap = "nothing; waiting for the disk counts",
	.setup = io_rand_read_setup,
	.prepare = io_prepare,
	.run = io_rand_read_run,
	.verify = work_verify_right,
};
