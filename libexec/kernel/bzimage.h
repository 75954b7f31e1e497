/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bzimage.h - get the ELF out of a bzImage. We boot that: it saves the guest its decompressor.
 */
#ifndef KT_BZIMAGE_H
#define KT_BZIMAGE_H

#include "libexec/kernel/vmlinux.h"

/*
 * Write the unpacked payload of the open bzImage, called name in messages, to out, an empty file. release is what
 * its header says, or "" when it says nothing. Needs the decompressor that suits the payload: zstd, gzip, xz, lz4
 * or bzip2 in PATH. Whether the result is a kernel is vmlinux_probe()'s to say.
 */
int bzimage_extract(int fd, const char *name, int out, char release[RELEASE_SIZE], struct kt_err *err);

#endif
