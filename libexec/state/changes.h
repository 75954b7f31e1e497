/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * changes.h - the pages in which a guest's memory differs from the file that it was mapped from.
 *
 * A file of changes has for each such page, in rising order, the page's number (8 bytes, little-endian) and its contents
 * (4096 bytes).
 */
#ifndef KT_CHANGES_H
#define KT_CHANGES_H

#include "libexec/look/guestmem.h"

/* Write the changes of a node's memory to `to`. The guest has mapped the memory copy-on-write, and stands still. */
int changes_write(const struct guestmem *m, unsigned node, int to, struct kt_err *err);
/* Write the changes into a node's memory. The guest has not begun to run. */
int changes_apply(int changes, const struct guestmem *m, unsigned node, struct kt_err *err);

#endif
