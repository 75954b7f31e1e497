/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * target.h - a kernel that is looked into: its memory, its symbols and its types, and the registers of its vCPUs. Host side.
 *
 * Nothing in the memory is trusted. Lists may be circles, pointers may lead anywhere, and any number may be there. So every access
 * has a limit: a target hands out so many bytes and no more, and each list has a limit of its own. What cannot be read is
 * noted, with the place, and what was read until then is kept.
 */
#ifndef KT_TARGET_H
#define KT_TARGET_H

#include "libexec/lib/json.h"
#include "libexec/look/guestmem.h"
#include "libexec/look/types.h"

/* A member of one of the kernel's types. */
struct member {
	const char *type, *path;
	const char *older;   /* how older kernels call it; NULL: the same */
	uint32_t offset, size;
	bool looked, there;  /* looked for; and this kernel has it. A process looks into one kernel */
};

struct target {
	struct guestmem *mem;
	const struct kernel_types *types;
	unsigned nr_cpus;
	uint64_t bytes_left;     /* may still be read */
	size_t queued_left;      /* entries of queues that there may still be, of all together */
	json_t *missing;         /* what is not in the snapshot, and why: [{"what", "why"}] */
	size_t more_missing;     /* beyond MISSING_MAX */
};

enum { MISSING_MAX = 256 };

/* The page tables are the kernel's from here on. mem must be open. -1 and err: they are not there. */
int target_init(struct target *t, struct guestmem *mem, const struct kernel_types *types, unsigned nr_cpus, struct kt_err *err);
void target_deinit(struct target *t);
/* Find these members in the kernel's types. */
void target_find_members(const struct target *t, struct member *m, size_t n);

/* Note that something is not there. Returns false. */
bool target_miss(struct target *t, const char *what, const char *fmt, ...) KT_PRINTF(3, 4);
/* False, and noted: it cannot be read. what: for the note. */
bool target_read(struct target *t, const char *what, uint64_t address, void *buf, size_t size);
/* A pointer, or a number of 8 bytes. */
bool target_u64(struct target *t, const char *what, uint64_t address, uint64_t *ret);
/* A number of up to 8 bytes in an object. False: this kernel does not have that member, or it cannot be read (which is noted). */
bool target_member(struct target *t, uint64_t object, const struct member *m, uint64_t *ret);
/* A string, or as much of it as fits. */
bool target_string(struct target *t, const char *what, uint64_t address, char *buf, size_t size);
/* A variable of the kernel. 0, noted: there is none. */
uint64_t target_symbol(struct target *t, const char *name);
/* How far a CPU's variables are from where their symbols are. */
bool target_per_cpu(struct target *t, unsigned cpu, uint64_t *ret);
/*
 * A list: *at is the list head for a start. True: *at is the next entry's list_head. False: it is over, or broken (noted). *limit is
 * how many entries there may be.
 */
bool target_next(struct target *t, const char *what, uint64_t head, uint64_t *at, size_t *limit);

/* A number, as a report has it: a string where it is beyond 2^53. */
json_t *json_u64(uint64_t v);
json_t *json_s64(int64_t v);
json_t *json_address(uint64_t v); /* "0x..." */

#endif
