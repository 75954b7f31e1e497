/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cache.h - what is kept between runs: ${KTSTR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ktstr}.
 *
 * An entry is a directory that appears complete or not at all: it is filled in a stage beside its final name and
 * renamed. Stages are made under the lock of their directory and the lock ends with its process, so whoever holds
 * it knows that any stage it finds was left by the dead.
 *
 *     lock = cache_lock(dir); stage = cache_stage(dir, lock); ...fill it...; cache_publish(stage, dir, name)
 */
#ifndef KT_CACHE_H
#define KT_CACHE_H

#include "libexec/lib/kt.h"
#include <sys/types.h>

/* The absolute path of sub in the cache, whether it exists or not; NULL and err when the environment names no cache. */
char *cache_path(const char *sub, struct kt_err *err);
/* The same, made with its parents when missing, for this user only (0700). */
char *cache_dir(const char *sub, struct kt_err *err);

/*
 * 0 when the open file is of this type (S_IFREG, S_IFDIR), belongs to this user or root, and nobody else may write to it:
 * whoever can write to the cache decides what every later test says, and QEMU trusts what it loads. -1 and err.
 */
int cache_check_owner(int fd, mode_t type, struct kt_err *err);

/*
 * Wait for and take the lock of dir; it is held until the descriptor is closed. -1 and err on failure. The last
 * component of dir is made when missing.
 */
int cache_lock(const char *dir, struct kt_err *err);
/* The same without waiting; CACHE_BUSY when another process has the lock. */
int cache_trylock(const char *dir, struct kt_err *err);
enum { CACHE_BUSY = -2 };
/* The same for a program whose signals are events: ends early when `signals` becomes readable. */
struct cache_wait {
	const char *say;    /* on stderr, when there is something to wait for */
	int signals;        /* a signalfd; -1: none */
	int64_t timeout_ns; /* negative: none */
};
int cache_lock_watched(const char *dir, const struct cache_wait *w, struct kt_err *err);
/* With the lock held: remove the stages of dead processes. */
void cache_sweep(const char *dir);
/* With the lock held: remove the stages of dead processes and make a new one. NULL and err on failure. */
char *cache_stage(const char *dir, struct kt_err *err);
/* Bring the stage to the disk and give it its name, which must be free. */
int cache_publish(const char *stage, const char *dir, const char *name, struct kt_err *err);
/* With the lock held: take an entry out of sight at once, then remove it. */
int cache_remove(const char *dir, const char *name, struct kt_err *err);
/* With the lock held: remove dir itself, unless there is more in it than the lock and stages. */
void cache_drop(const char *dir);
/* Remove a file or directory, whatever is in it, as far as possible. For a stage that is not wanted any more. */
void cache_discard(const char *path);

/* Replace a small file in one step. */
int cache_write(const char *path, const char *text, size_t len, struct kt_err *err);

#endif
