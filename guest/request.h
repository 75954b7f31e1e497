/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * request.h - what a guest asks its host for, and waits until it has been done.
 *
 * A request is a record. On the virtual clock GUESTLINK_ASK follows the record's line; on the real clock GUESTLINK_PADDING
 * spaces do. How the host reads them is in libexec/vm/guestlink.h.
 */
#ifndef GUEST_REQUEST_H
#define GUEST_REQUEST_H

#include "libexec/lib/json.h"

enum { GUESTLINK_PADDING = 16384, GUESTLINK_ASK = 5 };

/* Ask; it has been done when this returns. Takes the request, which gets its kind. */
void request_host(json_t *request, bool virtual_clock);

/* Wait until the host has read all that was said. */
void request_wait(bool virtual_clock);

#endif
