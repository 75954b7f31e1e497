/* SPDX-License-Identifier: GPL-2.0-only */
/* cache.h - what kernel.c, cache.c and facts.c share. For other folders: kernel.h. */
#ifndef KT_KERNEL_CACHE_H
#define KT_KERNEL_CACHE_H

#include "libexec/kernel/kernel.h"
#include <sys/stat.h>

/* An open image: a bzImage or an ELF file, perhaps found in a build tree. */
struct image {
	char *path;      /* absolute */
	char *origin;    /* "file:PATH" or "tree:DIR" */
	int fd;
	bool elf;
	struct stat st;
};

int image_open(const char *path, struct image *ret, struct kt_err *err);
void image_deinit(struct image *im);
/* The facts of an ELF image, to be used where it is. */
int image_examine(const struct image *im, struct kernel *ret, struct kt_err *err);
/* As kernel_add(). */
int image_add(const struct image *im, const char *origin, const char *config, struct kernel *ret,
	      struct kt_err *err);

/* Whether we can work with it; what names it beside its release. */
int kernel_usable(const struct kernel *k, const char *what, struct kt_err *err);

/* Fill ret with the facts in j, which is called name in messages. */
int kernel_read_facts(json_t *j, const char *name, struct kernel *ret, struct kt_err *err);

/* What was found out about the file st describes, which is at path; false when it is new. */
bool kernel_recall(const struct stat *st, const char *path, struct kernel *ret);
/* Remember it, if the open file still is what was examined. */
void kernel_remember(int fd, const struct stat *before, const char *path, const struct kernel *k);
/* Forget the files that are gone or have changed, and those whose entry is gone. */
void kernel_forget(void);

#endif
