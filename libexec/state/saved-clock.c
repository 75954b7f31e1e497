// SPDX-License-Identifier: GPL-2.0-only
/* The virtual clock in a saved state: see saved-clock.h. */
#include "libexec/state/saved-clock.h"
#include <endian.h>
#include <sys/mman.h>

/* The name of the part with its length, and its version: what follows are two numbers, most significant byte first. */
static const char part[] = "\x0ctimer/icount\0\0\0\1";
enum { PART_SIZE = sizeof(part) - 1, NUMBER = sizeof(uint64_t) };

static char *find_part(char *state, size_t n)
{
	char *p = memmem(state, n, part, PART_SIZE);

	if (!p || (size_t)(p - state) + PART_SIZE + 2 * NUMBER > n)
		return NULL;
	p += PART_SIZE;
	return memmem(p, n - (size_t)(p - state), part, PART_SIZE) ? NULL : p;
}

int saved_clock_rescale(int fd, unsigned from, unsigned to, struct kt_err *err)
{
	off_t n = lseek(fd, 0, SEEK_END);
	uint64_t extra, insns;

	if (from == to)
		return 0;
	char *state = n > 0 ? mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (state == MAP_FAILED)
		return kt_fail(err, "cannot map the saved state: %s", strerror(errno));
	char *p = find_part(state, (size_t)n);
	if (p) {
		memcpy(&extra, p, NUMBER);
		memcpy(&insns, p + NUMBER, NUMBER);
		insns = be64toh(insns);
		extra = htobe64(be64toh(extra) + (insns << from) - (insns << to));
		memcpy(p, &extra, NUMBER);
	}
	munmap(state, (size_t)n);
	return p ? 0 : kt_fail(err, "the saved state has no virtual clock, or one of another kind");
}
