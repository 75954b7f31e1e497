/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * digest.h - SHA-256 of texts and files, in lower case hexadecimal; and what tells that a file has not changed.
 *
 * Files that every run uses and that seldom change are read once: the file digests/DEVICE-INODE of the cache (cache.h) has
 * three lines, their identity, digest and path. The digest is taken from there while the identity holds.
 */
#ifndef KT_DIGEST_H
#define KT_DIGEST_H

#include "libexec/lib/kt.h"

enum { SHA256_HEX_SIZE = 65 };

void digest_text(const char *text, char ret[SHA256_HEX_SIZE]);
/* Of all that is in the file; its offset is 0 afterwards. Reads in small pieces. */
int digest_file(int fd, char ret[SHA256_HEX_SIZE], struct kt_err *err);
/* The same, remembered. A file that changed within the last two seconds is not: it may change again and show no other time. */
int digest_known_file(int fd, char ret[SHA256_HEX_SIZE], struct kt_err *err);
/* Forget the files that are gone. */
void digest_forget(void);

/*
 * What stays the same while nobody touches a file: device, inode, size, mtime and ctime. After a crash of the host its data
 * may not be what it was, so the host's boot is part of it. To be freed; NULL and err.
 */
char *digest_identity(int fd, struct kt_err *err);

#endif
