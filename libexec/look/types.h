/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.h - what is known of a kernel, whichever guest runs it: its symbols and its types. Host side.
 *
 * To find kallsyms in a vmlinux, unpack it and index the BTF takes 0.2 s, and most runs need a few addresses of it. So the tables
 * are kept as they are in memory: types/SHA256 of the cache (cache.h), by the digest of the vmlinux. The file is used only if it is
 * this user's or root's, nobody else may write to it, and it is whole: it has a hash of itself. What is not kept is read again. ktstr-kernel clean removes the files.
 */
#ifndef LOOK_TYPES_H
#define LOOK_TYPES_H

#include "libexec/look/btf.h"
#include "libexec/look/kallsyms.h"

struct kernel_types {
	struct kallsyms symbols;
	struct btf *btf;
	uint32_t *by_name;   /* a hash table of the structs and unions that have one */
	size_t size;
};

/* Of this vmlinux; they stay to the end of the program. -1 and err: it cannot be read, or has no kallsyms or BTF. */
int kernel_types_read(const char *vmlinux, struct kernel_types *ret, struct kt_err *err);
/* The same, from the cache. What is not there yet is read from the vmlinux and put there. */
int kernel_types_recall(const char *vmlinux, struct kernel_types *ret, struct kt_err *err);
/* A struct or union; 0: there is none. */
uint32_t kernel_types_find(const struct kernel_types *k, const char *name);

#endif
