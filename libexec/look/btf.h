/* SPDX-License-Identifier: GPL-2.0-only */
/* btf.h - where things are in the kernel's memory, by its BTF. */
#ifndef LOOK_BTF_H
#define LOOK_BTF_H

#include "libexec/lib/kt.h"

struct btf;
struct btf_place { uint64_t offset; uint32_t size; }; /* both in bytes */
/*
 * Where a member is in a struct (BTF_KIND_STRUCT) or a per-CPU variable (BTF_KIND_VAR) of that name. path is "a.b.c". It goes
 * through structs, and through unions without a name, but not through pointers and arrays, and not to bits. NULL: all of
 * the struct or variable. 0, or -1 and err.
 */
int btf_find_place(const struct btf *btf, unsigned kind, const char *name, const char *path, struct btf_place *ret,
		   struct kt_err *err);
/* The same of the struct or union of this type. */
int btf_follow(const struct btf *btf, uint32_t id, const char *path, struct btf_place *ret, struct kt_err *err);

#endif
