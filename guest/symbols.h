/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols.h - addresses of kernel variables that the host reads or writes (libexec/boot/watchdog.c, memory.c): a kernel image has no
 * symbol table, so they are the running kernel's own word. A small BPF program asks for them by name; /proc/kallsyms, which
 * has to be read from one end to the other, was four tenths of a boot. init does it before the checkpoint, and keeps them in a
 * file: a line "ADDRESS NAME" for each.
 */
#ifndef GUEST_SYMBOLS_H
#define GUEST_SYMBOLS_H

#include "libexec/lib/json.h"

/* Write those of the running kernel to path. What cannot be read is not in it. */
void symbols_save(const char *path);
/* The address of one, asked for now. 0 and err: there is none, or the kernel does not tell. */
uint64_t symbols_find(const char *name, struct kt_err *err);
/* {"name": "hexadecimal address"} of that file. */
json_t *symbols_load(const char *path);

#endif
