/* SPDX-License-Identifier: GPL-2.0-only */
/* keep.h - what is kept of a run in a directory; what cannot be written ends the program. */
#ifndef BOOT_KEEP_H
#define BOOT_KEEP_H

#include "libexec/lib/strv.h"

/* console.log, open to be written to. */
FILE *keep_console(const char *dir);
/* qemu.cmd and payload.cpio: with these, and descriptors as --dry-run lists them, the run can be had by hand. */
void keep_inputs(const char *dir, const struct strv *args, int payload);

#endif
