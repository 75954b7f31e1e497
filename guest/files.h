/* SPDX-License-Identifier: GPL-2.0-only */
/* files.h - the kernel's small files: a value in, a value out. 0, or -1 and err. */
#ifndef KT_FILES_H
#define KT_FILES_H

#include "libexec/lib/kt.h"

/* "/proc/sys/net/core/somaxconn" of net.core.somaxconn; to be freed. */
char *sysctl_path(const char *name);
int write_text(const char *path, const char *text, struct kt_err *err);
/* The first line. */
int read_text(const char *path, char *buf, size_t size, struct kt_err *err);

#endif
