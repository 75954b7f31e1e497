/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scheduler.h - a scheduler under test, as a spec or a file of its own declares it; ktstr-scheduler(5) is the user's page.
 *
 *     {"bpf": "fifo.bpf.o", "options": {"slice_ns": 5000000}}   a BPF object, loaded by our loader
 *     {"binary": "scx_foo", "args": ["--verbose"]}              a loader of somebody else's
 *     {"builtin": {"enable": [...], "disable": [...]}}          part of the kernel, switched by writes to files
 *
 * Strings live as long as the document.
 */
#ifndef KT_SCHEDULER_H
#define KT_SCHEDULER_H

#include "libexec/spec/flags.h"

enum scheduler_kind {
	SCHEDULER_NONE, /* the kernel's own */
	SCHEDULER_BPF, SCHEDULER_BINARY, SCHEDULER_BUILTIN,
};

struct scheduler_def {
	enum scheduler_kind kind;
	const char *name;         /* "name", or the file's without directory and .bpf.o */
	char *made_name;          /* the latter */
	const char *path;         /* of the object or binary, as written; NULL for a builtin */
	json_t *json;             /* the whole declaration; borrowed */
	json_t *options;          /* object, bpf only; NULL: none; and so below */
	json_t *args;             /* array of strings, binary only */
	json_t *env;              /* object of strings, binary only */
	json_t *sysctls;          /* object of strings and integers */
	json_t *files;            /* array of strings: host paths */
	json_t *enable, *disable; /* arrays of "write FILE VALUE", builtin only */
	const char *kernel_args;
	struct flags flags;       /* what it can be run with and without; none for a builtin */
};

/* The error that it is expected to exit with: TEXT that its reason and message contain or match. NULL both: it survives. */
struct expected_exit {
	const char *contains, *matches; /* a text; an extended regular expression */
};

/* A row's parse() of "survive", or {"exit": {"contains"|"matches": TEXT}}, for a struct expected_exit. */
bool scheduler_parse_expect(const struct jcur *c, void *out, void *ctx);

extern const struct row scheduler_rows[], scheduler_builtin_rows[], scheduler_expect_rows[];

/* Read a declaration: a row's parse(), for a struct scheduler_def. "none" is one too. */
bool scheduler_parse(const struct jcur *c, void *out, void *ctx);
void scheduler_deinit(struct scheduler_def *d);
const char *scheduler_kind_name(enum scheduler_kind k);

#endif
