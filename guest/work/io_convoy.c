// SPDX-License-Identifier: GPL-2.0-only
/*
 * IoConvoy: every worker writes on through one file and reads it at random, through the page cache, and every so often
 * waits until its dirty pages are written. All write the same file, so they queue up behind its lock, behind pages that are
 * being written, and behind each other's flushes: the convoy. With direct I/O there would be none.
 */
#include "guest/work/io.h"

enum { FLUSH_EVERY = 16 };

static int io_convoy_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return io_open(group, n, IO_CACHED, err);
}

static uint64_t block_of(const struct worker *w, uint64_t iteration)
{
	return (io_stripe(w) + iteration) % io_blocks();
}

static void io_convoy_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w)) {
		if (!io_write(w, block_of(w, w->iterations)) || !io_read(w, worker_random(w) % io_blocks()))
			return;
		if (w->iterations % FLUSH_EVERY == FLUSH_EVERY - 1 && !io_flush(w))
			return;
		w->iterations++;
		worker_tick(w, 1);
	}
}

/* The last block it wrote is there; of the next, the stop may have left either. */
static int io_convoy_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	struct io_tag tag;

	if (!group->iterations)
		return 0;
	if (io_read_tag(block_of(group, group->iterations - 1), &tag, err))
		return -1;
	if (!io_is_others(group, &tag) && tag.iteration + 1 != group->iterations)
		return kt_fail(err, "the last block that worker %u wrote is not there", group->index);
	return work_verify_right(group, n, args, err);
}

const struct work_type work_io_convoy = {
	.name = "IoConvoy",
	.summary = "All write one file through the page cache, read it and flush it: lock and writeback convoys.",
	.unit = "one block of 4 KiB written and one read; every 16th with fdatasync()",
	.gap = "nothing; waiting for the others and for the disk counts",
	.setup = io_convoy_setup,
	.prepare = io_prepare,
	.run = io_convoy_run,
	.verify = io_convoy_verify,
};
