/* SPDX-License-Identifier: GPL-2.0-only */
/* request.h - what a guest asks its host for, and waits until it has been done: see guestlink.h. */
#ifndef GUEST_REQUEST_H
#define GUEST_REQUEST_H

#include "libexec/lib/json.h"

/* Ask; it has been done when this returns. Takes the request, which gets its kind. */
void request_host(json_t *request, bool virtual_clock);

/* Wait until the host has read all that was said. */
void request_wait(bool virtual_clock);

#endif
