/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * printable.h - text from the guest, made safe for a terminal and for JSON: valid UTF-8 on one
 * line, with control characters (C0, DEL and C1, so escape sequences too) and whatever is not UTF-8
 * written as \xNN.
 */
#ifndef KT_PRINTABLE_H
#define KT_PRINTABLE_H

#include "libexec/lib/kt.h"

char *printable(const char *text, size_t len); /* to be freed; ends the program when memory is gone */

#endif
