// SPDX-License-Identifier: GPL-2.0-only
/* Kernel symbols: see symbols.h. */
#include "guest/symbols.h"
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const wanted[] = { "scx_root", "scx_watchdog_timeout", "scx_watchdog_timestamp", "scx_watchdog_interval",
				      "page_offset_base" };

/* What the program below is given and gives back. */
enum { NAME_SIZE = 64 };
struct query {
	union {
		char name[NAME_SIZE]; /* filled up with zeros */
		uint64_t words[NAME_SIZE / 8];
	};
	uint64_t address;
};

static int bpf_syscall(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

#define COPY(to, to_off, from, from_off) \
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0, .src_reg = from, .off = from_off }, \
	{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = to, .src_reg = BPF_REG_0, .off = to_off }
#define COPY_32(to, to_off, from, from_off) COPY(to, to_off, from, from_off), COPY(to, (to_off) + 8, from, (from_off) + 8), \
	COPY(to, (to_off) + 16, from, (from_off) + 16), COPY(to, (to_off) + 24, from, (from_off) + 24)
#define POINT(reg, base, at) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = reg, .src_reg = base }, \
	{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = reg, .imm = at }
#define SET(reg, value) { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg, .imm = value }

/* A program for struct query, which names a symbol: bpf_kallsyms_lookup_name() is the kernel's only way to ask for one. */
static int load_lookup(void)
{
	enum { NAME = -NAME_SIZE, ADDRESS = NAME - 8 }; /* on its stack: helpers take no pointers into what it is given */
	static const struct bpf_insn program[] = {
		POINT(BPF_REG_6, BPF_REG_1, 0),
		COPY_32(BPF_REG_10, NAME, BPF_REG_6, 0), COPY_32(BPF_REG_10, NAME + 32, BPF_REG_6, 32),
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = ADDRESS },
		POINT(BPF_REG_1, BPF_REG_10, NAME), SET(BPF_REG_2, NAME_SIZE), SET(BPF_REG_3, 0), POINT(BPF_REG_4, BPF_REG_10, ADDRESS),
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_kallsyms_lookup_name },
		COPY(BPF_REG_6, offsetof(struct query, address), BPF_REG_10, ADDRESS),
		SET(BPF_REG_0, 0), { .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SYSCALL, .prog_flags = BPF_F_SLEEPABLE, .insn_cnt = ARRAY_SIZE(program),
				.insns = (uintptr_t)program, .license = (uintptr_t)"GPL", .prog_name = "lookup" };

	return bpf_syscall(BPF_PROG_LOAD, &attr);
}

static uint64_t look_up(int program, const char *name)
{
	struct query q = { 0 };
	union bpf_attr attr = { .test = { .prog_fd = program, .ctx_in = (uintptr_t)&q, .ctx_size_in = sizeof(q) } };

	strncpy(q.name, name, sizeof(q.name) - 1);
	return bpf_syscall(BPF_PROG_TEST_RUN, &attr) ? 0 : q.address;
}

void symbols_save(const char *path)
{
	_cleanup_fclose_ FILE *out = fopen(path, "we");
	_cleanup_close_ int program = load_lookup();

	for (size_t i = 0; out && program >= 0 && i < ARRAY_SIZE(wanted); i++) {
		uint64_t address = look_up(program, wanted[i]);

		if (address)
			fprintf(out, "%016jx %s\n", (uintmax_t)address, wanted[i]);
	}
}

uint64_t symbols_find(const char *name, struct kt_err *err)
{
	static int program = -1; /* loaded once: the verifier takes its time */
	uint64_t address;

	if (program < 0)
		program = load_lookup();
	address = program < 0 ? 0 : look_up(program, name);
	if (program < 0)
		kt_fail(err, "the kernel does not give addresses of symbols: %s", strerror(errno));
	else if (!address)
		kt_fail(err, "the kernel has no symbol '%s'", name);
	return address;
}

json_t *symbols_load(const char *path)
{
	_cleanup_fclose_ FILE *in = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	json_t *symbols = json_object();
	size_t cap = 0;

	while (in && getline(&line, &cap, in) > 0) {
		size_t digits = strcspn(line, " ");

		line[strcspn(line, "\n")] = '\0';
		if (line[digits])
			json_object_set_new(symbols, line + digits + 1, json_stringn(line, digits));
	}
	return symbols;
}
