/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols.h - addresses of kernel variables that the host reads or writes (libexec/boot/watchdog.c): a kernel image has no
 * symbol table, so they are the running kernel's own word. To read all of /proc/kallsyms takes half a second: init does it
 * before the checkpoint, and keeps what is wanted in a file, as lines of the same form.
 */
#ifndef GUEST_SYMBOLS_H
#define GUEST_SYMBOLS_H

#include "json.h"

/* Write those of the running kernel to path. What cannot be read is not in it. */
void symbols_save(const char *path);
/* {"name": "hexadecimal address"} of that file. */
json_t *symbols_load(const char *path);

#endif
