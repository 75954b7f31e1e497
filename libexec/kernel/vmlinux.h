/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmlinux.h - is this ELF a kernel that we can boot, and what is in it. One pass over the file, in constant memory.
 */
#ifndef KT_VMLINUX_H
#define KT_VMLINUX_H

#include "libexec/lib/digest.h"

/* A fact that may be unknown; null in JSON. */
enum tri { TRI_UNKNOWN = -1, TRI_NO, TRI_YES };

enum { RELEASE_SIZE = 96 };

struct vmlinux {
	char release[RELEASE_SIZE];     /* from its "Linux version" banner, as in uname -r */
	char sha256[SHA256_HEX_SIZE];   /* of the whole file */
	bool btf;                       /* it has a .BTF section */
	enum tri sched_ext;             /* its BTF knows sched_ext_ops; unknown without BTF */
	enum tri cgroup2;               /* it registers that file system; the string is there, or unknown */
};

/*
 * Examine an open file that is called name in messages. 0; -1 and err, with code KT_TROUBLE when it is not an x86-64 kernel, or
 * cannot be read, and KT_CANNOT_TELL when it is a kernel without the PVH entry through which we boot.
 */
int vmlinux_probe(int fd, const char *name, struct vmlinux *ret, struct kt_err *err);

/* Copy the release that text starts with (it ends at a space). False when that cannot be the name of a directory. */
bool release_copy(const char *text, size_t len, char ret[RELEASE_SIZE]);

#endif
