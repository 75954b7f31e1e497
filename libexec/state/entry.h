/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checkpoint-entry.h - what checkpoint.c and checkpoint-cache.c share: one saved state on the disk. For others:
 * checkpoint.h.
 *
 * The files are called by number: -1 is "state", 0 and up are "ram0" and up. A file's hash is that of its length and
 * of its pages that are not all zero, so that it does not matter where the file system has holes. These hashes are XXH3:
 * they find damage, in gigabytes a second. Keys are SHA-256 (digest.h).
 */
#ifndef KT_CHECKPOINT_ENTRY_H
#define KT_CHECKPOINT_ENTRY_H

#include "libexec/state/checkpoint.h"
#include "libexec/lib/digest.h"
#include "libexec/lib/json.h"

enum { HASH_HEX_SIZE = 33 };

/*
 * Hash a file's contents and, if `to` is not -1, copy them there, without the pages that are zero. The file's offset
 * is 0 afterwards. Reads in small pieces: an image of gigabytes must not show in this process' memory.
 */
int hash_file(int from, int to, char ret[HASH_HEX_SIZE], struct kt_err *err);

/*
 * Open the state of this key, saved in the directory path: its files into c, its description into *meta (may be NULL). 1: there
 * is none; -1: there is one, and it is bad. Contents are compared where a file's identity is not what was noted, and
 * the new one noted; or always, if `full`.
 */
int entry_open(const char *path, const char *key, bool full, struct checkpoint *c, json_t **meta, struct kt_err *err);
/* The description alone, of the same. NULL and err. */
json_t *entry_meta(const char *path, struct kt_err *err);
/* Write c's files and their description, which begins with facts, into the directory path. */
int entry_write(const char *path, const struct checkpoint *c, json_t *facts, struct kt_err *err);

#endif
