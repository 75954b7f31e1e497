/* SPDX-License-Identifier: GPL-2.0-only */
/* path.h - a list of directories with colons between, as PATH is. */
#ifndef KT_PATH_H
#define KT_PATH_H

#include "libexec/lib/kt.h"

/* The next directory, of *len bytes, which may be none; *list goes on behind it. NULL at the end of the list, or of no list. */
const char *path_next(const char **list, size_t *len);
/* The executable file that a name without a slash stands for, in the absolute directories of a list; NULL, or to be freed. */
char *path_find(const char *list, const char *name);

#endif
