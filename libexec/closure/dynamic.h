/* SPDX-License-Identifier: GPL-2.0-only */
/* dynamic.h - what an ELF file asks the dynamic linker for. */
#ifndef KT_DYNAMIC_H
#define KT_DYNAMIC_H

#include "libexec/lib/kt.h"

enum dynamic_kind {
	DYNAMIC_NONE,    /* not ELF */
	DYNAMIC_FOREIGN, /* ELF, but not a program or library of this machine */
	DYNAMIC_OURS,
};

struct dynamic {
	enum dynamic_kind kind; /* the rest is there for DYNAMIC_OURS only */
	char *interp;           /* PT_INTERP, or NULL: static, or a library */
	char **needed;          /* DT_NEEDED in their order: NULL-terminated, never NULL */
	char *rpath;            /* DT_RPATH, or NULL; NULL too when there is a DT_RUNPATH, which replaces it */
	char *runpath;
	bool unwinds;           /* it calls what glibc opens libgcc_s.so.1 for, when it is called: a thread's end, a backtrace */
};

/* 0, or -1 and err when the file cannot be read or is damaged. */
int dynamic_read(const char *path, struct dynamic *ret, struct kt_err *err);
void dynamic_deinit(struct dynamic *d);

#endif
