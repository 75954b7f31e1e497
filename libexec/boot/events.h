/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - the loop that follows a running guest. Records of the guest go into the report. A request of the guest is answered, and
 * the guest waits for the answer. QEMU's messages, signals and time limits may end the run.
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
	struct snapshots *snapshots;
	struct monitor *monitor;
	struct watches *watches;
	struct host_facts *facts;
	struct watchdog watchdog;
	unsigned requests;       /* that the guest made */
	json_t *request;         /* that waits until the guest stands; NULL: there is none */
	int64_t deadline_ns, limit_ns; /* of the run: when, and how long that was */
	struct guestlink link;
};

/* When the guest is to stand next, as for vm_stop_at(). */
int64_t events_next_stop(const struct snapshots *snapshots, const struct monitor *monitor, bool *bare);
/*
 * Follow the guest. False: the run is over, and *r says how it ended. True, only with setting_up: the guest has set the spec up and
 * stands still, ready to be saved.
 */
bool events_follow(struct events *e, bool setting_up, struct result *r);
/* Take in what the guest wrote before it stopped. 0; 1: the run had ended before that, and *r says how; -1 and err. */
int events_finish(struct events *e, struct result *r, struct kt_err *err);
/* Set *r from the guest's end record, in which the guest says how the scenario went. */
void events_take_end(const json_t *record, struct result *r);

#endif
