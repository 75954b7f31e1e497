/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h - the kernel's side of sched_ext: its files under /sys/kernel/sched_ext, and its uevents, which tell of a
 * scheduler's coming and going when it happens.
 */
#ifndef SCHED_KERNEL_H
#define SCHED_KERNEL_H

#include "libexec/lib/json.h"

/* Read a whole small file without its last newline; "" when it cannot be. Fills buf and returns it. */
char *kernel_read(const char *path, char *buf, size_t size);

bool kernel_has_sched_ext(void);
/* True if /sys/kernel/sched_ext/state is that: "enabled", "disabled" ... */
bool kernel_state_is(const char *state);
/* The ops name of the scheduler that is attached, or "". */
char *kernel_ops(char *buf, size_t size);
/* The scheduler's event counters as an object, or NULL: none is attached, or the kernel counts none (before 6.16). */
json_t *kernel_events(void);

/* A socket that becomes readable with every uevent; -1 and err. */
int kernel_uevents(struct kt_err *err);
/* Take in what it has; true if sched_ext was among it. */
bool kernel_uevent_seen(int fd);

#endif
