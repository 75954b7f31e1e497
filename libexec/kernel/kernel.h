/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h - which kernel to boot, and the cache of kernels.
 *
 * The cache is the directory kernels/ of the ktstr cache (cache.h). An entry is called by its release, with -2, -3 ...
 * when kernels of the same release differ, and holds
 *
 *     vmlinux      the ELF: what is booted
 *     bzImage      what it was extracted from; absent when it was added as an ELF
 *     config       its configuration, when that was to be had
 *     kernel.json  the facts, in one object:
 *                  release    as uname -r says
 *                  sched_ext  it can load sched_ext schedulers; true, false or null (unknown)
 *                  btf        it has BTF
 *                  cgroup2    true, false or null (unknown)
 *                  origin     "debian:SUITE PACKAGE VERSION", "file:PATH" or "tree:DIR"
 *                  sha256     of the vmlinux
 *                  added      when, in UTC: 2026-11-24T02:16:00Z
 *
 * An entry is used only if it, its files and the directory kernels/ are this user's or root's and nobody else may write to
 * them, and if the vmlinux has the digest that kernel.json says. Reading a vmlinux takes a quarter of a second: its digest
 * is remembered, as digest.h says, and the file is read again when its device, inode, size, mtime or ctime are others, or
 * the host was booted since.
 *
 * Files used where they are (a vmlinux given by path) and files that have an entry already (a bzImage given by path a
 * second time) are recognised by device, inode, size, mtime and ctime, and neither read nor hashed again: a file
 * kernels/.seen/<these five> holds the facts of the one, the entry's name of the other, and the path of both.
 */
#ifndef KT_KERNEL_H
#define KT_KERNEL_H

#include "libexec/kernel/vmlinux.h"
#include <jansson.h>

struct kernel {
	char *name;        /* of the entry; NULL for a vmlinux that is not in the cache */
	char *vmlinux;     /* absolute path of the ELF */
	char *release, *origin, *added;
	char sha256[SHA256_HEX_SIZE];
	bool btf;
	enum tri sched_ext, cgroup2;
	char *why;         /* one line: what was picked and why; kernel_resolve() only, else NULL */
};

void kernel_deinit(struct kernel *k);

/*
 * Find the kernel that arg means: a path of a vmlinux or bzImage, a build tree, a cached release, or the start of
 * one ("7.3" means the newest 7.3.x, not 7.30). NULL: the same by KTSTR_KERNEL, else the newest in the cache, ./linux,
 * ../linux, the newest of /boot/vmlinuz*. A bzImage outside the cache is added to it. 0, and the caller
 * says ret->why on stderr; -1 and err, with code KT_TROUBLE: there is none, or it is no kernel; KT_CANNOT_TELL: no PVH entry, no
 * BTF, or no cgroup2.
 */
int kernel_resolve(const char *arg, struct kernel *ret, struct kt_err *err);

/*
 * Add a bzImage, a vmlinux or a build tree to the cache. origin and config (a file) may be NULL: then they are made of
 * the path, and looked for beside the image. A kernel whose vmlinux is there already is not added twice. Returns
 * as above.
 */
int kernel_add(const char *path, const char *origin, const char *config, struct kernel *ret, struct kt_err *err);

/* The names of all entries, newest first, NULL-terminated; NULL and err on failure. A cache that is not there is empty. */
char **kernel_names(struct kt_err *err);
void kernel_names_free(char **names);
/* The facts of an entry, as they are written there. */
int kernel_load(const char *name, struct kernel *ret, struct kt_err *err);
/* The same of an entry that is to be used: see above. */
int kernel_load_checked(const char *name, struct kernel *ret, struct kt_err *err);
/* Keep the newest entries that can be read; remove the others, and what was remembered of files that are gone. */
int kernel_clean(size_t keep, struct kt_err *err);

/* The facts, as in kernel.json. */
json_t *kernel_facts(const struct kernel *k);

/* Compare two releases: 7.10 > 7.9, 7.3.0 > 7.3.0-rc2. */
int release_cmp(const char *a, const char *b);

#endif
