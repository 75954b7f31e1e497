/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * changes.h - a guest's memory as the difference to the file that it was mapped from: the pages that were written to. In the file are, page by page in
 * rising order, the page's number (8 bytes, little-endian) and what it holds (4096 bytes).
 */
#ifndef KT_CHANGES_H
#define KT_CHANGES_H

#include "libexec/look/guestmem.h"

/* Write to `to` what a guest that stands still has changed in the memory of a node, which it has mapped copy-on-write. */
int changes_write(const struct guestmem *m, unsigned node, int to, struct kt_err *err);
/* Put them into the memory of a node, of a guest that has not begun to run. */
int changes_apply(int changes, const struct guestmem *m, unsigned node, struct kt_err *err);

#endif
