/* SPDX-License-Identifier: GPL-2.0-only */
/* keep.h - the files of a run that --keep writes into a directory. Ends the program when a file cannot be written. */
#ifndef BOOT_KEEP_H
#define BOOT_KEEP_H

#include "libexec/lib/strv.h"

/* Create console.log, open for writing. */
FILE *keep_console(const char *dir);
/* Write qemu.cmd and payload.cpio. With them, and the descriptors that --dry-run lists, the run can be repeated by hand. */
void keep_inputs(const char *dir, const struct strv *args, int payload);

#endif
