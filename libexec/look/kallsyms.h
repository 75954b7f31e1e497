/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kallsyms.h - where a kernel's functions and variables are, and what is at an address.
 *
 * Release kernels have no symbol table. They have kallsyms: the names, packed by a table of 256 tokens, and an offset for each,
 * in the kernel's read-only data. Nothing says where these tables are, so they are looked for, and every length and offset in
 * them is checked. With nokaslr the image's addresses are the guest's. Layouts of 6.12 to 7.3 are known: offsets are from an own
 * address each (7.x), or from kallsyms_relative_base, with per-CPU symbols below it or not.
 */
#ifndef LOOK_KALLSYMS_H
#define LOOK_KALLSYMS_H

#include "libexec/lib/kt.h"

struct symbol {
	uint64_t address;
	uint32_t name;   /* in names */
	char type;       /* as nm has it: T, t, D, d, B, b ... */
};

struct kallsyms {
	struct symbol *v; /* in rising order of addresses */
	size_t n;
	char *names;
	uint32_t *hash;   /* of names: places in v, from 1; 0: free */
	size_t hash_size; /* a power of two */
};

/* Of the ELF file of this name: a kernel's vmlinux. -1 and err: it cannot be read, or has no kallsyms that are understood. */
int kallsyms_read(const char *vmlinux, struct kallsyms *ret, struct kt_err *err);
void kallsyms_deinit(struct kallsyms *s);
/* The bytes of all names. */
size_t kallsyms_names_size(const struct kallsyms *s);
const char *kallsyms_name(const struct kallsyms *s, const struct symbol *sym);
/* The symbol of this name, the one with the lowest address; NULL: there is none. *several: whether there are more. */
const struct symbol *kallsyms_find(const struct kallsyms *s, const char *name, bool *several);
/* Its address; 0: there is none. */
uint64_t kallsyms_address(const struct kallsyms *s, const char *name);
/* The symbol that begins at this address or is the last before; NULL: it is outside of the kernel's image. */
const struct symbol *kallsyms_at(const struct kallsyms *s, uint64_t address);
/* FNV-1a, 32 bits: what a table of names is hashed by. */
uint32_t kallsyms_hash_name(const char *name);
/* Write an ELF file that has the sections of vmlinux, without contents, and these symbols. gdb and crash take it. */
int kallsyms_write_elf(const struct kallsyms *s, const char *vmlinux, FILE *to, struct kt_err *err);

#endif
