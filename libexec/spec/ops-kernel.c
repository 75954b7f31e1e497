// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ops on the kernel's memory: what they take. In the guest guest/scenario/ops-kernel.c asks for them, and on the host
 * libexec/boot/memory.c does them.
 */
#include "libexec/spec/scene.h"

static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

static bool parse_c_name(const struct jcur *c, const char *what, const char **ret)
{
	const char *s;

	if (!jcur_str(c, &s))
		return false;
	if (s[strspn(s, name_chars)])
		return jcur_error(c, "'%s' is no name of a %s", s, what);
	if (strlen(s) > KERNEL_MAX_NAME)
		return jcur_error(c, "has more than %d characters", KERNEL_MAX_NAME);
	*ret = s;
	return true;
}

static bool parse_symbol_name(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_c_name(c, "symbol", &((struct kernel_args *)out)->symbol);
}

static bool parse_member(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_c_name(c, "member", &((struct kernel_args *)out)->member);
}

static bool parse_offset(const struct jcur *c, void *out, void *ctx)
{
	int64_t offset;

	(void)ctx;
	if (!jcur_int(c, 0, INT32_MAX, &offset))
		return false;
	((struct kernel_args *)out)->offset = (uint64_t)offset;
	return true;
}

static const struct row symbol_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_symbol_name,
	  .help = "as /proc/kallsyms has it" },
	{ .name = "offset", .kind = ROW_CUSTOM, .type = "integer", .parse = parse_offset, .help = "bytes from there" },
	{ 0 }
};

static bool parse_symbol(const struct jcur *c, void *out, void *ctx)
{
	((struct kernel_args *)out)->target = KERNEL_SYMBOL;
	return json_is_string(c->j) ? parse_symbol_name(c, out, ctx) : rows_parse(c, symbol_rows, out, ctx);
}

/* "0x..." or decimal; the whole of 64 bits. */
static bool parse_u64(const struct jcur *c, uint64_t *ret)
{
	const char *s;
	char *end;

	if (!jcur_str(c, &s))
		return false;
	errno = 0;
	*ret = strtoull(s, &end, strncmp(s, "0x", 2) ? 10 : 16);
	return (*s >= '0' && *s <= '9' && !*end && !errno) || jcur_error(c, "'%s' is no number of 64 bits, such as \"0x1f\"", s);
}

static bool parse_kva(const struct jcur *c, void *out, void *ctx)
{
	struct kernel_args *a = out;

	(void)ctx;
	a->target = KERNEL_KVA;
	return parse_u64(c, &a->offset);
}

static bool parse_cpu(const struct jcur *c, void *out, void *ctx)
{
	return op_parse_cpu(c, ctx, &((struct kernel_args *)out)->cpu);
}

#define MEMBER_ROW(of) \
	{ .name = "member", .kind = ROW_CUSTOM, .type = "string", .parse = parse_member, \
	  .help = "of " of ", with dots for those of a member; all of it from its beginning when not given" }

static const struct row per_cpu_rows[] = {
	{ .name = "symbol", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_symbol_name,
	  .help = "a per-CPU variable, as runqueues" },
	{ .name = "cpu", .kind = ROW_CUSTOM, .required = true, .type = "integer", .parse = parse_cpu, .help = "whose" },
	MEMBER_ROW("the variable"),
	{ 0 }
};

static bool parse_per_cpu(const struct jcur *c, void *out, void *ctx)
{
	((struct kernel_args *)out)->target = KERNEL_PER_CPU;
	return rows_parse(c, per_cpu_rows, out, ctx);
}

static bool parse_task_cgroup(const struct jcur *c, void *out, void *ctx)
{
	struct kernel_args *a = out;

	(void)ctx;
	if (json_is_string(c->j) && !*json_string_value(c->j)) {
		a->cgroup = "";
		return true;
	}
	return spec_parse_cgroup_name(c, &a->cgroup);
}

static const struct row task_rows[] = {
	{ .name = "cgroup", .kind = ROW_CUSTOM, .type = "string", .parse = parse_task_cgroup,
	  .help = "that the worker was started in, or \"\" for one beside the cgroups; the runner itself when not given" },
	{ .name = "group", .kind = ROW_UINT, .offset = offsetof(struct kernel_args, group), .max = SPEC_MAX_WORKERS,
	  .help = "which of the further groups of the cgroup it is of; 0 is the cgroup's own" },
	{ .name = "index", .kind = ROW_UINT, .offset = offsetof(struct kernel_args, index), .max = SPEC_MAX_WORKERS,
	  .help = "its place in the group" },
	MEMBER_ROW("task_struct"),
	{ 0 }
};

static bool parse_task(const struct jcur *c, void *out, void *ctx)
{
	((struct kernel_args *)out)->target = KERNEL_TASK;
	return rows_parse(c, task_rows, out, ctx);
}

static const struct row target_rows[] = {
	{ .name = "symbol", .kind = ROW_CUSTOM, .type = "string, or object", .parse = parse_symbol, .sub = symbol_rows,
	  .help = "a variable of the kernel" },
	{ .name = "kva", .kind = ROW_CUSTOM, .type = "string", .parse = parse_kva, .help = "an address, as 0xffffffff81000000" },
	{ .name = "per_cpu", .kind = ROW_CUSTOM, .type = "object", .parse = parse_per_cpu, .sub = per_cpu_rows,
	  .help = "a variable of one CPU" },
	{ .name = "task", .kind = ROW_CUSTOM, .type = "object", .parse = parse_task, .sub = task_rows,
	  .help = "the task_struct of a worker, or of the runner" },
	{ 0 }
};

static bool parse_target(const struct jcur *c, void *out, void *ctx)
{
	const struct row *row;

	return rows_parse_one(c, target_rows, out, ctx, &row);
}

static bool parse_bytes(const struct jcur *c, void *out, void *ctx)
{
	struct kernel_args *a = out;
	int64_t n;

	(void)ctx;
	if (!jcur_int(c, 1, KERNEL_MAX_BYTES, &n))
		return false;
	a->size = (unsigned)n;
	a->bytes = true;
	return true;
}

static const struct row width_rows[] = {
	{ .name = "bytes", .kind = ROW_CUSTOM, .required = true, .type = "integer", .parse = parse_bytes,
	  .help = "so many, 1 to 1024" },
	{ 0 }
};

static bool parse_width(const struct jcur *c, void *out, void *ctx)
{
	struct kernel_args *a = out;
	const char *s = json_string_value(c->j);

	if (json_is_object(c->j))
		return rows_parse(c, width_rows, out, ctx);
	if (s && (streq(s, "u32") || streq(s, "u64"))) {
		a->size = streq(s, "u32") ? sizeof(uint32_t) : sizeof(uint64_t);
		return true;
	}
	return jcur_error(c, "must be u32, u64, or an object with bytes");
}

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool parse_hex(const struct jcur *c, struct kernel_args *a)
{
	const char *s = json_string_value(c->j);

	if (!s || strlen(s) != 2 * (size_t)a->size)
		return jcur_error(c, "must be a string of %u hexadecimal digits, two a byte", 2 * a->size);
	for (unsigned i = 0; i < a->size; i++, s += 2) {
		if (digit(s[0]) < 0 || digit(s[1]) < 0)
			return jcur_error(c, "'%.2s' is no byte in hexadecimal", s);
		a->value[i] = (unsigned char)(digit(s[0]) << 4 | digit(s[1]));
	}
	return true;
}

static bool parse_value(const struct jcur *c, void *out, void *ctx)
{
	struct kernel_args *a = out;
	int64_t number = 0;
	uint64_t bits;

	(void)ctx;
	if (!a->size)
		return true; /* its width was an error */
	a->value = xcalloc(a->size, 1);
	if (a->bytes)
		return parse_hex(c, a);
	bool u32 = a->size == sizeof(uint32_t);
	if (json_is_string(c->j)) {
		if (!parse_u64(c, &bits))
			return false;
		if (u32 && bits > UINT32_MAX)
			return jcur_error(c, "has more than 32 bits");
	} else if (!jcur_int(c, u32 ? INT32_MIN : INT64_MIN, u32 ? UINT32_MAX : INT64_MAX, &number)) {
		return false;
	} else {
		bits = (uint64_t)number;
	}
	memcpy(a->value, &bits, a->size);
	return true;
}

#define ROWS(target_keys, width_keys) \
	{ .name = "target", .kind = ROW_CUSTOM, .required = true, .type = "object", .parse = parse_target, .sub = target_keys, \
	  .help = "where: one of symbol, kva, per_cpu, task" }, \
	{ .name = "width", .kind = ROW_CUSTOM, .required = true, .type = "u32, u64, or object", .parse = parse_width, \
	  .sub = width_keys, .help = "how much; a member must be so large" }

static const struct row read_rows[] = {
	{ .name = "tag", .kind = ROW_STR, .required = true, .offset = offsetof(struct kernel_args, tag),
	  .help = "name of the result" },
	ROWS(target_rows, width_rows),
	{ 0 }
};

static const struct row write_rows[] = {
	{ .name = "tag", .kind = ROW_STR, .offset = offsetof(struct kernel_args, tag), .help = "name of the result" },
	ROWS(NULL, NULL), /* the same, and listed once */
	{ .name = "value", .kind = ROW_CUSTOM, .required = true, .type = "integer, or string", .parse = parse_value,
	  .help = "what is written: a number, in a string with or without 0x where it is large, or the digits of the bytes" },
	{ 0 }
};

static bool parse_read(const struct jcur *c, void *args, struct spec_reader *rd)
{
	return rows_parse(c, read_rows, args, rd);
}

static bool parse_write(const struct jcur *c, void *args, struct spec_reader *rd)
{
	return rows_parse(c, write_rows, args, rd);
}

static void kernel_deinit(void *args)
{
	free(((struct kernel_args *)args)->value);
}

/* The worker runs when it is looked at. */
static bool check_kernel(struct scene *sc, const struct op *op)
{
	const struct kernel_args *a = op->args;

	if (a->target != KERNEL_TASK || !a->cgroup || sc->guess || scene_worker(sc, a->cgroup, a->group, a->index) >= 0)
		return true;
	return scene_error(sc, op, "target.task", "no worker %u of group %u of %s%s%s runs at this point", a->index, a->group,
			   *a->cgroup ? "cgroup '" : "those beside the cgroups", a->cgroup, *a->cgroup ? "'" : "");
}

#define KERNEL_OP(var, op_name, op_rows, op_parse, text) \
	const struct op_kind op_##var = { \
		.name = op_name, .type = "object", .rows = op_rows, .args_size = sizeof(struct kernel_args), .parse = op_parse, \
		.deinit = kernel_deinit, .check = check_kernel, .help = text, \
	}

/* The keys of cold ones are those of hot ones, and listed once, too. */
KERNEL_OP(read_kernel_hot, "ReadKernelHot", read_rows, parse_read, "read the kernel's memory, from outside");
KERNEL_OP(read_kernel_cold, "ReadKernelCold", NULL, parse_read, "the same, while all CPUs stand");
KERNEL_OP(write_kernel_hot, "WriteKernelHot", write_rows, parse_write, "write into the kernel's memory, from outside");
KERNEL_OP(write_kernel_cold, "WriteKernelCold", NULL, parse_write, "the same, while all CPUs stand");

bool op_is_kernel(const struct op *op)
{
	return op->kind && op->kind->check == check_kernel;
}
