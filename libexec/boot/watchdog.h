/* SPDX-License-Identifier: GPL-2.0-only */
/* watchdog.h - set the timeout of sched_ext's watchdog from outside, while the guest waits. */
#ifndef BOOT_WATCHDOG_H
#define BOOT_WATCHDOG_H

#include "libexec/lib/json.h"
#include "libexec/look/guestmem.h"

struct watchdog {
	int64_t timeout_ns;      /* as it has to be */
	const char *vmlinux;     /* what the guest booted */
	uint64_t member;         /* 1 + the offset of scx_sched.watchdog_timeout, once it was looked up; 0: not yet */
	/* The last time: */
	int64_t was_ns;
	const char *by;          /* how it was set; NULL: it was not */
};

/* A scheduler was enabled, and the guest waits for its watchdog to be set: do that. 0, or -1 and err. */
int watchdog_set(struct watchdog *w, const struct guestmem *m, const json_t *request, struct kt_err *err);
/* The report's record of that. */
json_t *watchdog_record(const struct watchdog *w, const json_t *request);

#endif
