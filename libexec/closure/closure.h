/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * closure.h - what a program of this machine needs in order to run in the guest, which has nothing: the program, its
 * ELF interpreter, every shared library that its DT_NEEDED entries lead to (the dynamic linker of this machine lists them), the interpreter of a script, and the
 * extra files somebody asks for. Found as ld.so finds it, on this machine, and packed with the paths it has here.
 *
 *	struct closure c = closure_init("specs");
 *	if (closure_add_program(&c, "stress-ng", NULL, NULL, &err) || closure_pack(&c, cpio, &err)) ...
 *	closure_deinit(&c);
 *
 * Paths. A name without a slash is looked for in PATH, and is in the guest's. A relative path starts at the base, the
 * directory of the spec, here as in the guest, where that is CLOSURE_BASE. An absolute one is the same in the guest.
 * There /bin, /sbin, /lib and /lib64 are links to what is below /usr. What is a symbolic link here is one there.
 *
 * Of what is opened while a program runs, libgcc_s.so.1 is brought along for programs that end threads by pthread_exit() or
 * pthread_cancel(), or print backtraces: glibc aborts without it. What is not found: other libraries that a program opens
 * (dlopen: gconv, plugins) and files it reads. They can be named as extra files; a shared library named so brings its
 * own closure, and /etc/nsswitch.conf the modules that it names.
 */
#ifndef KT_CLOSURE_H
#define KT_CLOSURE_H

#include "libexec/lib/json.h"

#define CLOSURE_BASE "/run/ktstr"

struct closure_file {
	char *guest;     /* absolute, normal, below /usr where it could be */
	char *host;      /* its bytes are this file's; NULL: a symbolic link */
	char *target;    /* of a link: a guest path */
	unsigned mode;   /* permission bits */
	char sha256[65]; /* of the bytes that were packed: closure_pack()'s */
};

struct closure {
	char *base;      /* a real path */
	char *std_dir;   /* where the guest's ld.so looks without being told: a guest path, once it is known */
	struct closure_file *files;
	size_t n;
};

/* base is the directory that relative paths start at. */
struct closure closure_init(const char *base);
/* Relative paths start there from now on. */
void closure_rebase(struct closure *c, const char *base);
void closure_deinit(struct closure *c);
/*
 * Add a program and all it needs. library_path is LD_LIBRARY_PATH as the program will have it, or NULL. *guest, when
 * guest is not NULL, is the path to run it by in the guest, to be freed. 0, or -1 and err: not found, not executable,
 * not for this machine, or a library that is missing, with who needs it and where it was looked for.
 */
int closure_add_program(struct closure *c, const char *program, const char *library_path, char **guest,
			struct kt_err *err);
/* Add a file, or a directory with all that is in it. */
int closure_add_file(struct closure *c, const char *path, struct kt_err *err);
/* Append everything to a cpio archive whose root is the guest's; directories and files in the order of their names. */
int closure_pack(struct closure *c, FILE *cpio, struct kt_err *err);
/* After closure_pack(): a line an entry, of all that makes the archive what it is. To be freed. */
char *closure_manifest(const struct closure *c);
/* After closure_pack(): [{"path": guest path, "sha256": hex}...] of the files, sorted. */
json_t *closure_to_json(const struct closure *c);

#endif
