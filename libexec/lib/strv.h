/* SPDX-License-Identifier: GPL-2.0-only */
/* strv.h - a growing, NULL-terminated vector of strings that it owns: command lines. */
#ifndef KT_STRV_H
#define KT_STRV_H

#include "libexec/lib/kt.h"

struct strv {
	char **v; /* NULL-terminated once anything was added */
	size_t n;
};

void strv_add(struct strv *s, const char *fmt, ...) KT_PRINTF(2, 3);
/* Add every string of a NULL-terminated vector as it is. */
void strv_add_all(struct strv *s, char *const *from);
/* The vector as a line for a POSIX shell, quoted where needed; the caller frees it. */
char *strv_shell(const struct strv *s);
void strv_deinit(struct strv *s);

#endif
