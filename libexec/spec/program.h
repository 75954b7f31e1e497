/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program.h - a program as a spec asks for it: what to run, with which arguments, environment and files. The rows are
 * shared by whatever begins with a struct program: the work type Exec, a payload.
 */
#ifndef KT_PROGRAM_H
#define KT_PROGRAM_H

#include "libexec/lib/rows.h"

/* All of it lives as long as the document. */
struct program {
	const char *program;
	const json_t *args, *files; /* arrays of strings, or NULL */
	const json_t *env;          /* an object of strings, or NULL */
};

bool program_parse_args(const struct jcur *c, void *out, void *ctx);
bool program_parse_env(const struct jcur *c, void *out, void *ctx);
bool program_parse_files(const struct jcur *c, void *out, void *ctx);
/* Where a program without a slash is looked for when there is no PATH, as in the guest. */
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The value that env has for a name, or NULL. */
const char *program_getenv(const struct program *p, const char *name);

#define PROGRAM_ROWS \
	{ .name = "program", .kind = ROW_STR, .required = true, .offset = offsetof(struct program, program), \
	  .help = "what to run: a name in PATH, or a path; a relative path starts in the spec's directory" }, \
	{ .name = "args", .kind = ROW_CUSTOM, .type = "array of strings", .parse = program_parse_args, \
	  .help = "its arguments" }, \
	{ .name = "env", .kind = ROW_CUSTOM, .type = "object of strings", .parse = program_parse_env, \
	  .help = "its environment, beside PATH" }, \
	{ .name = "files", .kind = ROW_CUSTOM, .type = "array of strings", .parse = program_parse_files, \
	  .help = "files and directories that it needs in the guest; its shared libraries are found without this" }

#endif
