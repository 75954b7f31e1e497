// SPDX-License-Identifier: GPL-2.0-only
/* AluHot: arithmetic of one instruction width, and nothing else. The record's detail says which width it was. */
#include "guest/work/alu.h"
#include "guest/work/worker.h"

struct alu_hot { unsigned width; };

static int alu_hot_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct alu_hot *a = args;
	enum alu_width width;

	if (alu_resolve(a->width, &width, err))
		return -1;
	for (unsigned i = 0; i < n; i++)
		snprintf(group[i].detail, sizeof(group[i].detail), "width %s", alu_width_names[width]);
	return 0;
}

static int alu_hot_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct alu_hot *a = args;
	enum alu_width width;

	(void)w;
	return alu_resolve(a->width, &width, err) ? -1 : alu_allow(width, err);
}

static void alu_hot_run(struct worker *w, const void *args)
{
	const struct alu_hot *a = args;
	struct kt_err err;
	enum alu_width width;

	if (alu_resolve(a->width, &width, &err))
		BUG("%s", err.msg);
	while (worker_running(w)) {
		w->wrong |= !alu_run(width);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static const struct row rows[] = {
	{ .name = "width", .kind = ROW_ENUM, .offset = offsetof(struct alu_hot, width), .names = alu_width_names,
	  .help = "instruction width: the widest that the CPU has, or this one, or no run" },
	{ 0 }
};

const struct work_type work_alu_hot = {
	.name = "AluHot",
	.summary = "Multiplies and adds in registers of a given width, many instructions a cycle: hot tasks, wide units, frequency.",
	.unit = "256 rounds of 8 chains of multiply and add; of Amx, of 4 tile products",
	.args = rows,
	.args_size = sizeof(struct alu_hot),
	.setup = alu_hot_setup,
	.prepare = alu_hot_prepare,
	.run = alu_hot_run,
	.verify = work_verify_right,
};
