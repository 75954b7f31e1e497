/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - what happens while a guest runs: its records, which pass on into the report; its requests, which it waits with;
 * what QEMU says unasked; signals, and the end.
 */
#ifndef BOOT_EVENTS_H
#define BOOT_EVENTS_H

#include "libexec/boot/guest.h"
#include "libexec/boot/memory.h"
#include "libexec/boot/outcome.h"
#include "libexec/boot/records.h"
#include "libexec/boot/watchdog.h"
#include "libexec/vm/guestlink.h"

struct events {
	struct guest *guest;
	struct records *records;
	struct memory_ops *memory;
	struct host_facts *facts;
	struct watchdog watchdog;
	unsigned requests;       /* that the guest made */
	int64_t deadline_ns, limit_ns; /* of the run: when, and how long that was */
	struct guestlink link;
};

/*
 * Pass on what happens until the run is over, and *r says how: false. Or, if setting_up, until a guest that is set up stands
 * ready: true.
 */
bool events_follow(struct events *e, bool setting_up, struct result *r);
/* Pass on what a guest wrote before it stopped. 0; 1: the run was over before, and *r says how; -1 and err. */
int events_finish(struct events *e, struct result *r, struct kt_err *err);
/* A guest's end record: its own claim of how the scenario went. */
void events_take_end(const json_t *record, struct result *r);

#endif
