/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io.h - the disk of the I/O work types: one for all workers of a run, so that they meet on it.
 *
 * It is the block device that KTSTR_IO_DEVICE in the environment names, WHOSE CONTENT IS LOST. ktstr's guest names
 * /dev/vda or /dev/ram0 there, when it has one; on any other machine no device is touched that nobody named. Without a
 * device it is a file of 4 MiB without a name in TMPDIR or /tmp, or where that cannot be, in memory (memfd). Which one it
 * was is in the record's detail.
 *
 * It is cut into blocks, and every block that has been written begins with a struct io_tag.
 */
#ifndef KT_WORK_IO_H
#define KT_WORK_IO_H

#include "guest/work/worker.h"

enum { IO_BLOCK = 4096, IO_STRIPE_BLOCKS = 16 };

struct io_tag {
	char magic[8];
	uint64_t block;     /* which block this is */
	uint32_t cgroup, index; /* who wrote it */
	uint64_t iteration; /* that worker's, then */
};

enum io_cache { IO_CACHED, IO_DIRECT };

/* In setup(): the disk, as each worker's fds[0], and in its detail. IO_DIRECT past the page cache, where that is possible. */
int io_open(struct worker *group, unsigned n, enum io_cache cache, struct kt_err *err);
/* In prepare(): a block to write from and read to, in w->own. */
int io_prepare(struct worker *w, const void *args, struct kt_err *err);

/* For run(). False: the stop, or an error, for which worker_fail() has been called. */
uint64_t io_blocks(void);
/* The first block of the worker's stripe; with more workers than stripes, some share one. */
uint64_t io_stripe(const struct worker *w);
bool io_write(struct worker *w, uint64_t block);
/* Reads a block; sets w->wrong when it is a file's and not that block. */
bool io_read(struct worker *w, uint64_t block);
bool io_flush(struct worker *w);

/* For verify(): the tag at that block. */
int io_read_tag(uint64_t block, struct io_tag *ret, struct kt_err *err);
/* Did this worker write that, unless somebody else wrote over it? */
bool io_is_others(const struct worker *w, const struct io_tag *tag);

#endif
