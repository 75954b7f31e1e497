// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequence: phases of spinning, arithmetic, sleeping, yielding and I/O, each for its time on the clock, over and over.
 *
 * The I/O goes to a file in memory (memfd): the system call, the copy and the page cache are real, the
 * device is the 100 us of sleep. So it needs no disk and is the same everywhere.
 */
#include "guest/work/alu.h"
#include "guest/work/worker.h"
#include <sched.h>
#include <sys/mman.h>

enum { SPINS = 1024, IO_BYTES = 64 * 1024, IO_SLEEP_NS = 100 * NSEC_PER_USEC, MAX_PHASES = 64 };

enum phase_kind { PHASE_SPIN, PHASE_SLEEP, PHASE_YIELD, PHASE_IO, PHASE_ALU };

struct phase {
	int64_t ns;
	enum phase_kind kind;
	unsigned width; /* of PHASE_ALU */
};

struct sequence {
	struct phase phases[MAX_PHASES];
	unsigned n;
};

static const char block[IO_BYTES];

static void io_once(struct worker *w)
{
	/* A file in memory that was written whole once does not run out of space; EINTR is the stop. */
	if (pwrite(w->fds[0], block, sizeof(block), 0) < 0 && errno != EINTR)
		_exit(1);
	worker_sleep(w, IO_SLEEP_NS);
}

/* setup() has seen that it is there. */
static enum alu_width width_of(const struct phase *p)
{
	enum alu_width width = ALU_SCALAR;
	struct kt_err err;

	if (p->kind == PHASE_ALU && alu_resolve(p->width, &width, &err))
		BUG("%s", err.msg);
	return width;
}

static void run_phase(struct worker *w, const struct phase *p)
{
	uint64_t until = w->last_ns + p->ns;
	enum alu_width width = width_of(p);

	if (p->kind == PHASE_SLEEP) {
		worker_sleep(w, p->ns);
		worker_tick(w, 1);
		return;
	}
	while (worker_running(w) && w->last_ns < until) {
		switch (p->kind) {
		case PHASE_SPIN: worker_compute_until(w, SPINS, 1, until); continue;
		case PHASE_YIELD: sched_yield(); break;
		case PHASE_IO: io_once(w); break;
		case PHASE_ALU: w->wrong |= !alu_run(width); break;
		case PHASE_SLEEP: break;
		}
		worker_tick(w, 1);
	}
}

static void sequence_run(struct worker *w, const void *args)
{
	const struct sequence *s = args;

	while (worker_running(w)) {
		for (unsigned i = 0; i < s->n && worker_running(w); i++)
			run_phase(w, &s->phases[i]);
		w->iterations++;
	}
}

static int sequence_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct sequence *s = args;
	bool needs_file = false;
	enum alu_width width;

	(void)n;
	for (unsigned i = 0; i < s->n; i++) {
		const struct phase *p = &s->phases[i];

		needs_file |= p->kind == PHASE_IO;
		if (p->kind == PHASE_ALU && alu_resolve(p->width, &width, err))
			return -1;
		if (p->kind == PHASE_ALU && p->width == ALU_WIDEST)
			snprintf(group->detail, sizeof(group->detail), "the widest width is %s", alu_width_names[width]);
	}
	if (!needs_file)
		return 0;
	group->fds[0] = memfd_create("ktstr-io", MFD_CLOEXEC);
	if (group->fds[0] < 0)
		return kt_fail(err, "cannot make a file in memory: %s", strerror(errno));
	if (pwrite(group->fds[0], block, sizeof(block), 0) != (ssize_t)sizeof(block))
		return kt_fail(err, "cannot write a file in memory: %s", strerror(errno));
	return 0;
}

static int sequence_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct sequence *s = args;

	(void)w;
	for (unsigned i = 0; i < s->n; i++)
		if (s->phases[i].kind == PHASE_ALU && alu_allow(width_of(&s->phases[i]), err))
			return -1;
	return 0;
}

static const struct row alu_rows[] = {
	{ .name = "width", .kind = ROW_ENUM, .offset = offsetof(struct phase, width), .names = alu_width_names,
	  .help = "instruction width: the widest that the CPU has, or this one, or no run" },
	{ .name = "duration_ms", .kind = ROW_NS, .required = true, .offset = offsetof(struct phase, ns), .min = 0.001,
	  .max = 3600000, .help = "how long" },
	{ 0 }
};

static bool parse_alu(const struct jcur *c, void *out, void *ctx)
{
	return rows_parse(c, alu_rows, out, ctx);
}

#define PHASE(key, text) \
	{ .name = key, .kind = ROW_NS, .offset = offsetof(struct phase, ns), .min = 0.001, .max = 3600000, \
	  .help = text }

/* In the order of enum phase_kind. */
static const struct row phase_rows[] = {
	PHASE("spin_ms", "spin; a unit is 1024 spins"),
	PHASE("sleep_ms", "sleep; the whole sleep is a unit"),
	PHASE("yield_ms", "yield; a unit is one sched_yield()"),
	PHASE("io_ms", "write 64 KiB and sleep 100 us; that is a unit"),
	{ .name = "alu", .kind = ROW_CUSTOM, .type = "object", .parse = parse_alu, .sub = alu_rows,
	  .help = "multiply and add, as AluHot does; a unit is one of its units" },
	{ 0 }
};

static bool parse_phase(const struct jcur *c, struct sequence *s)
{
	struct phase p = { 0 };
	const struct row *which;

	if (!rows_parse_one(c, phase_rows, &p, NULL, &which))
		return false;
	p.kind = which - phase_rows;
	s->phases[s->n++] = p;
	return true;
}

static bool parse_first(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_phase(c, out);
}

static bool parse_rest(const struct jcur *c, void *out, void *ctx)
{
	bool ok = true;

	(void)ctx;
	if (!jcur_is_array(c, 0))
		return false;
	size_t n = json_array_size(c->j);
	if (n >= MAX_PHASES)
		return jcur_error(c, "%zu phases, more than %d", n, MAX_PHASES - 1);
	for (size_t i = 0; i < n; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= parse_phase(&e, out);
	}
	return ok;
}

static const struct row rows[] = {
	{ .name = "first", .kind = ROW_CUSTOM, .required = true, .type = "phase", .parse = parse_first,
	  .sub = phase_rows,
	  .help = "the phase it starts with" },
	{ .name = "rest", .kind = ROW_CUSTOM, .type = "array of phases", .parse = parse_rest,
	  .help = "the others, at most 63" },
	{ 0 }
};

const struct work_type work_sequence = {
	.name = "Sequence",
	.summary = "Goes through phases of spinning, arithmetic, sleeping, yielding and I/O, in turn: tasks that change their kind.",
	.unit = "1024 spins, one sleep, one sched_yield(), 64 KiB written, or a unit of AluHot, as the phase says",
	.gap = "the sleep that was asked for, in sleep and I/O phases; beyond it counts, and so do yields",
	.args = rows,
	.args_size = sizeof(struct sequence),
	.traits = WORK_COMPUTES,
	.setup = sequence_setup,
	.prepare = sequence_prepare,
	.run = sequence_run,
	.verify = work_verify_right,
};
