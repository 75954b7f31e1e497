/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guestlink.h - the guest's half of a report: JSON Lines out of the debugcon pipe. The guest is not trusted: every line
 * is parsed, only the kinds that are the guest's to send are passed on, and lines and totals have limits.
 *
 * A request is a record after which the guest waits until the host has done what it was asked for. On the virtual clock the
 * record's line is followed by GUESTLINK_ASK, which the vCPU thread stops at (libexec/vm/shim-ask.c): the host knows what has been
 * done by then to the instruction. On the real clock it is followed by GUESTLINK_PADDING spaces, which are more than the pipe
 * and one read hold (VM_OUT_SMALL), so that the vCPU that writes them waits in between. The end record gets its ASK, too.
 */
#ifndef KT_GUESTLINK_H
#define KT_GUESTLINK_H

#include "guest/request.h" /* GUESTLINK_ASK, GUESTLINK_PADDING */
#include "libexec/lib/json.h"
#include "libexec/lib/lines.h"

enum { GUESTLINK_MAX_LINE = 4 << 20 };
#define GUESTLINK_MAX_TOTAL (INT64_C(256) << 20)

struct guestlink {
	struct lines lines;
	int64_t total;
	bool asks;              /* the last thing that was read is GUESTLINK_ASK: the guest stands */
};

/* Read what the pipe has, once. 0; 1 at its end; -1 and err when the guest broke a rule (it is lost then). */
int guestlink_read(struct guestlink *g, int fd, struct kt_err *err);
/* The next record, or NULL: no whole line there (err untouched), or a bad one (*bad set, and err). */
json_t *guestlink_next(struct guestlink *g, bool *bad, struct kt_err *err);
void guestlink_deinit(struct guestlink *g);

#endif
