/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entry.h - one saved state on the disk: what checkpoint.c and cache.c share. For other folders: checkpoint.h.
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
 * Hash the contents of a file. If `to` is not -1, copy to it the pages that are not all zero. Afterwards the file's offset is 0.
 * The file is read in small pieces, so that an image of gigabytes takes little memory.
 */
int hash_file(int from, int to, char ret[HASH_HEX_SIZE], struct kt_err *err);

/*
 * Open the state in the directory path, which was saved under this key. c gets its files, and *meta (may be NULL) its meta.json.
 * 0; 1: there is no state; -1 and err: the state is damaged. A file whose identity has changed is compared with its hash, and its
 * new identity is noted. With `full` every file is compared.
 */
int entry_open(const char *path, const char *key, bool full, struct checkpoint *c, json_t **meta, struct kt_err *err);
/* meta.json of the state in the directory path. NULL and err. */
json_t *entry_meta(const char *path, struct kt_err *err);
/* Write the files of c and their meta.json, which begins with `facts`, into the directory path. */
int entry_write(const char *path, const struct checkpoint *c, json_t *facts, struct kt_err *err);

#endif
