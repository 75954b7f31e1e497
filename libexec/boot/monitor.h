/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor.h - samples of the guest's runqueues, ten in a second of guest time (ktstr-report(5), sample), on the virtual clock, where the
 * guest stands for each.
 */
#ifndef BOOT_MONITOR_H
#define BOOT_MONITOR_H

#include "libexec/look/sample.h"
#include "libexec/vm/vm.h"

enum { MONITOR_INTERVAL_NS = 100 * NSEC_PER_MSEC };

struct monitor {
	bool on;
	int64_t next_ns;         /* when the guest is to stand next; 0: at no time */
	unsigned phase;          /* the index of the phase that the guest is in */
};

/* The first stop is at the start of the first phase. looks: make that stop even when no samples are taken. */
struct monitor monitor_init(bool on, bool looks);
/*
 * The record of a sample at this time. by: what it was taken for, "time" or "phase", the end of one. The next stop is at the next
 * multiple of the interval.
 */
json_t *monitor_sample(struct monitor *mon, struct target *t, const char *by, int64_t at_ns);

#endif
