// SPDX-License-Identifier: GPL-2.0-only
/* Scheduler declarations: see scheduler.h. */
#include "libexec/spec/scheduler.h"
#include <regex.h>

/* What holds for every element of an array or member of an object. */
typedef bool element(const struct jcur *c);

static bool is_string(const struct jcur *c)
{
	return json_is_string(c->j) || jcur_error(c, "must be a string");
}

static bool is_text_or_integer(const struct jcur *c)
{
	return json_is_string(c->j) || json_is_integer(c->j) || jcur_error(c, "must be a string or a whole number");
}

static bool is_write(const struct jcur *c)
{
	const char *s;

	if (!jcur_str(c, &s))
		return false;
	const char *file = !strncmp(s, "write ", 6) ? s + 6 : NULL, *value = file ? strchr(file, ' ') : NULL;
	if (!value || *file != '/' || !value[1])
		return jcur_error(c, "'%s' is not \"write /FILE VALUE\"", s);
	return true;
}

static bool check_every(const struct jcur *c, element *check)
{
	bool ok = true;
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach(c->j, i, value) {
		struct jcur e = jcur_at(c, i);

		ok &= check(&e);
	}
	json_object_foreach(c->j, key, value) {
		struct jcur e = { .doc = c->doc, .up = c, .key = key, .j = value };

		ok &= check(&e);
	}
	return ok;
}

#define ARRAY_OF(field, check) \
	static bool parse_##field(const struct jcur *c, void *out, void *ctx) \
	{ \
		(void)ctx; \
		((struct scheduler_def *)out)->field = c->j; \
		return jcur_is_array(c, 0) && check_every(c, check); \
	}
#define OBJECT_OF(field, check) \
	static bool parse_##field(const struct jcur *c, void *out, void *ctx) \
	{ \
		(void)ctx; \
		((struct scheduler_def *)out)->field = c->j; \
		return jcur_is_object(c) && check_every(c, check); \
	}

static bool accept_anything(const struct jcur *c)
{
	(void)c; /* the object's own types decide, where it is loaded */
	return true;
}

OBJECT_OF(options, accept_anything)
ARRAY_OF(args, is_string)
OBJECT_OF(env, is_string)
OBJECT_OF(sysctls, is_text_or_integer)
ARRAY_OF(files, is_string)
ARRAY_OF(enable, is_write)
ARRAY_OF(disable, is_write)

static bool parse_scheduler_flags(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return flags_parse(c, &((struct scheduler_def *)out)->flags);
}

static bool set_kind(const struct jcur *c, struct scheduler_def *d, enum scheduler_kind kind)
{
	if (d->kind != SCHEDULER_NONE)
		return jcur_error(c, "is a second scheduler: '%s' is given too", scheduler_kind_name(d->kind));
	d->kind = kind;
	return true;
}

static bool parse_bpf(const struct jcur *c, void *out, void *ctx)
{
	struct scheduler_def *d = out;

	(void)ctx;
	return set_kind(c, d, SCHEDULER_BPF) && jcur_str(c, &d->path);
}

static bool parse_binary(const struct jcur *c, void *out, void *ctx)
{
	struct scheduler_def *d = out;

	(void)ctx;
	return set_kind(c, d, SCHEDULER_BINARY) && jcur_str(c, &d->path);
}

const struct row scheduler_builtin_rows[] = {
	{ .name = "enable", .kind = ROW_CUSTOM, .required = true, .type = "array of strings", .parse = parse_enable,
	  .help = "lines \"write FILE VALUE\" that switch it on" },
	{ .name = "disable", .kind = ROW_CUSTOM, .required = true, .type = "array of strings", .parse = parse_disable,
	  .help = "lines that switch it off again" },
	{ 0 }
};

static bool parse_builtin(const struct jcur *c, void *out, void *ctx)
{
	return set_kind(c, out, SCHEDULER_BUILTIN) && rows_parse(c, scheduler_builtin_rows, out, ctx);
}

/* A name goes into file names and lines of text. */
static bool parse_name(const struct jcur *c, void *out, void *ctx)
{
	struct scheduler_def *d = out;

	(void)ctx;
	return jcur_name(c, &d->name) && (!streq(d->name, "none") || jcur_error(c, "'none' means no scheduler"));
}

const struct row scheduler_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .type = "string", .parse = parse_name,
	  .help = "what it is called in reports; the name of its file when not given" },
	{ .name = "bpf", .kind = ROW_CUSTOM, .type = "string", .parse = parse_bpf, .help = "a BPF object, loaded by ktstr" },
	{ .name = "binary", .kind = ROW_CUSTOM, .type = "string", .parse = parse_binary,
	  .help = "a program that loads a scheduler and stays until it is told to end" },
	{ .name = "builtin", .kind = ROW_CUSTOM, .type = "object", .parse = parse_builtin, .sub = scheduler_builtin_rows,
	  .help = "a scheduler that is part of the kernel" },
	{ .name = "options", .kind = ROW_CUSTOM, .type = "object", .parse = parse_options,
	  .help = "bpf: global variables of the object, by name" },
	{ .name = "args", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_args,
	  .help = "binary: its arguments" },
	{ .name = "env", .kind = ROW_CUSTOM, .type = "object", .parse = parse_env, .help = "binary: its environment" },
	{ .name = "sysctls", .kind = ROW_CUSTOM, .type = "object", .parse = parse_sysctls,
	  .help = "set before it is loaded, by name" },
	{ .name = "files", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_files,
	  .help = "files of the host that are copied into its working directory" },
	{ .name = "kernel_args", .kind = ROW_STR, .offset = offsetof(struct scheduler_def, kernel_args),
	  .help = "added to the kernel's command line" },
	{ .name = "flags", .kind = ROW_CUSTOM, .type = "array of objects", .parse = parse_scheduler_flags, .sub = flag_rows,
	  .help = "bpf, binary: what the scheduler can run with and without" },
	{ 0 }
};

static void default_name(struct scheduler_def *d)
{
	const char *base = d->path && strrchr(d->path, '/') ? strrchr(d->path, '/') + 1 : d->path;
	size_t n = base ? strlen(base) : 0;

	if (n > 6 && streq(base + n - 6, ".bpf.o"))
		n -= 6;
	else if (n > 2 && streq(base + n - 2, ".o"))
		n -= 2;
	d->name = d->made_name = xasprintf("%.*s", (int)MIN(n, (size_t)JCUR_NAME_MAX), base ? base : "");
	if (!base || !*d->name || streq(d->name, "none")) {
		free(d->made_name);
		d->name = d->made_name = xstrdup(scheduler_kind_name(d->kind));
	}
}

/* A flag is what its scheduler has: arguments or options. */
static bool check_flags(const struct jcur *c, const struct scheduler_def *d)
{
	struct jcur list, at;
	bool ok = true;

	if (!jcur_get(c, "flags", &list))
		return true;
	if (d->kind == SCHEDULER_BUILTIN)
		return jcur_error(&list, "are for 'bpf' and 'binary'");
	for (size_t i = 0; i < d->flags.n; i++) {
		struct jcur flag = jcur_at(&list, i);

		if (d->kind == SCHEDULER_BPF && jcur_get(&flag, "args", &at))
			ok = jcur_error(&at, "are for 'binary'; a flag of a BPF object has 'options'");
		if (d->kind == SCHEDULER_BINARY && jcur_get(&flag, "options", &at))
			ok = jcur_error(&at, "are for 'bpf'; a flag of a binary has 'args'");
	}
	return ok;
}

bool scheduler_parse(const struct jcur *c, void *out, void *ctx)
{
	struct scheduler_def *d = out;
	bool ok = true;

	*d = (struct scheduler_def){ .json = c->j };
	if (json_is_string(c->j))
		return streq(json_string_value(c->j), "none") ||
		       jcur_error(c, "must be \"none\" or an object with 'bpf', 'binary' or 'builtin'");
	if (!rows_parse(c, scheduler_rows, d, ctx))
		return false;
	if (d->kind == SCHEDULER_NONE)
		return jcur_error(c, "needs one of 'bpf', 'binary', 'builtin'");
	if (d->options && d->kind != SCHEDULER_BPF)
		ok = jcur_error(c, "'options' are for 'bpf'");
	if ((d->args || d->env) && d->kind != SCHEDULER_BINARY)
		ok = jcur_error(c, "'args' and 'env' are for 'binary'");
	ok &= check_flags(c, d);
	if (!d->name)
		default_name(d);
	return ok;
}

bool spec_parse_regex(const struct jcur *c, void *out, void *ctx)
{
	char why[200];
	const char *s;
	regex_t re;

	(void)out;
	(void)ctx;
	if (!jcur_str(c, &s))
		return false;
	int bad = regcomp(&re, s, REG_EXTENDED | REG_NOSUB);
	if (!bad) {
		regfree(&re);
		return true;
	}
	regerror(bad, &re, why, sizeof(why));
	return jcur_error(c, "'%s' is not an extended regular expression: %s", s, why);
}

static bool parse_matches(const struct jcur *c, void *out, void *ctx)
{
	return spec_parse_regex(c, out, ctx) && jcur_str(c, &((struct expected_exit *)out)->matches);
}

static const struct row exit_rows[] = {
	{ .name = "contains", .kind = ROW_STR, .offset = offsetof(struct expected_exit, contains), .help = "its reason or message has this text in it" },
	{ .name = "matches", .kind = ROW_CUSTOM, .type = "string", .parse = parse_matches,
	  .help = "they match this extended regular expression" },
	{ 0 }
};

static bool parse_exit(const struct jcur *c, void *out, void *ctx)
{
	const struct row *which;

	return rows_parse_one(c, exit_rows, out, ctx, &which);
}

const struct row scheduler_expect_rows[] = {
	{ .name = "exit", .kind = ROW_CUSTOM, .type = "object", .parse = parse_exit, .sub = exit_rows,
	  .help = "that it exits with an error" },
	{ 0 }
};

bool scheduler_parse_expect(const struct jcur *c, void *out, void *ctx)
{
	const struct row *which;

	if (json_is_string(c->j))
		return streq(json_string_value(c->j), "survive") ||
		       jcur_error(c, "must be \"survive\" or {\"exit\": {\"contains\": ...}}");
	return rows_parse_one(c, scheduler_expect_rows, out, ctx, &which);
}

void scheduler_deinit(struct scheduler_def *d)
{
	free(d->made_name);
	*d = (struct scheduler_def){ 0 };
}

const char *scheduler_kind_name(enum scheduler_kind k)
{
	static const char *const names[] = { "none", "bpf", "binary", "builtin" };

	return names[k];
}
