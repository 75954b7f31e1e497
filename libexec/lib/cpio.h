/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpio.h - archives in cpio's "newc" format, the kernel's initramfs format: what the payload travels in. Plain files,
 * directories and symbolic links, in the order they were added; times, owners and inodes are fixed, so that the same files give
 * the same bytes.
 */
#ifndef KT_CPIO_H
#define KT_CPIO_H

#include "libexec/lib/kt.h"

/* Append one file (mode as in stat, e.g. 0100644), a directory (data NULL) or a link (data its target). 0, or -1 and err. */
int cpio_add(FILE *f, const char *name, unsigned mode, const void *data, size_t size, struct kt_err *err);
int cpio_end(FILE *f, struct kt_err *err);
/*
 * Unpack into an existing directory what next() gives, piece by piece: *data is valid until the next call; it returns its
 * size, 0 at the end, -1 when it fails. Names must be relative and have no ".." in them. What is there is replaced.
 */
int cpio_unpack(ssize_t (*next)(const char **data), const char *dir, struct kt_err *err);

#endif
