/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.h - places in a kernel that can be watched for writes, and who has written there. */
#ifndef LOOK_WATCH_H
#define LOOK_WATCH_H

#include "libexec/lib/place.h"
#include "libexec/look/target.h"

struct watch_place {
	uint64_t address;
	uint32_t size;  /* 1 to PLACE_MAX_SIZE, all in one page */
	bool of_kernel; /* it stays where it is; not so a BPF program's variable, which goes with its program */
};

/*
 * Where a place is, of which text is the name. -1 and err: there is none, or it is not one place, or nothing that is watched. The
 * kernel's own without the guest: t may have no memory (mem NULL); what only a guest has is not found then, err's code is
 * KT_CANNOT_TELL.
 */
int watch_find(struct target *t, const struct place *p, const char *text, struct watch_place *ret, struct kt_err *err);
/* Who executes on this CPU: {"cpu", "pid", "comm", "ip", "symbol"}, by what QEMU says of the vCPU's registers. */
json_t *watch_writer(struct target *t, unsigned cpu, const char *registers);
/* So many bytes, as an unsigned number. */
json_t *watch_value(const unsigned char *bytes, uint32_t size);

#endif
