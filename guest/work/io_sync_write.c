// SPDX-License-Identifier: GPL-2.0-only
/* IoSyncWrite: writes 64 KiB of its own, in blocks, and waits until they are on the disk. */
#include "guest/work/io.h"

static int io_sync_write_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	return io_open(group, n, IO_CACHED, err);
}

static void io_sync_write_run(struct worker *w, const void *args)
{
	uint64_t stripe = io_stripe(w);

	(void)args;
	while (worker_running(w)) {
		for (unsigned i = 0; i < IO_STRIPE_BLOCKS; i++)
			if (!io_write(w, stripe + i))
				return;
		if (!io_flush(w))
			return;
		w->iterations++;
		worker_tick(w, 1);
	}
}

/* The blocks are those of its last iteration, or of the one that the stop cut short. */
static int io_sync_write_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	uint64_t stripe = io_stripe(group);
	struct io_tag tag;

	(void)n, (void)args;
	for (unsigned i = 0; i < IO_STRIPE_BLOCKS && group->iterations; i++) {
		if (io_read_tag(stripe + i, &tag, err))
			return -1;
		if (!io_is_others(group, &tag) && (tag.block != stripe + i || tag.iteration + 1 < group->iterations))
			return kt_fail(err, "block %ju is not what worker %u wrote in its iteration %ju",
				       (uintmax_t)stripe + i, group->index, (uintmax_t)group->iterations - 1);
	}
	return 0;
}

const struct work_type work_io_sync_write = {
	.name = "IoSyncWrite",
	.summary = "Writes and waits for the disk: tasks that block all the time and come back for a moment.",
	.unit = "16 blocks of 4 KiB written, and fdatasync()",
	.gap = "nothing; waiting for the disk counts",
	.setup = io_sync_write_setup,
	.prepare = io_prepare,
	.run = io_sync_write_run,
	.verify = io_sync_write_verify,
};
