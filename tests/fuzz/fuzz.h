/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz.h - what the libFuzzer targets in this folder share.
 *
 * A target is one function over any bytes. It calls a reader of ours, and BUG() when a rule of that reader does not hold: sanitizers
 * find the rest. How to run one: tests/fuzz/run. `make check` runs each over its corpus, tests/data/fuzz/NAME.
 */
#ifndef KT_FUZZ_H
#define KT_FUZZ_H

#include "libexec/lib/json.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that holds these bytes, to be read from its start; the next call replaces them. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0 && (fd = memfd_create("fuzz", MFD_CLOEXEC)) < 0)
		BUG("memfd_create: %s", strerror(errno));
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET))
		BUG("memfd: %s", strerror(errno));
	return fd;
}

#endif
