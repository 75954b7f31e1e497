// SPDX-License-Identifier: GPL-2.0-only
/*
 * IpcVariance: a hot phase of arithmetic, many instructions a cycle, then a cold one that touches random cache lines of
 * 512 KiB, each found through the one before, so that it waits for memory.
 */
#include "guest/work/worker.h"

enum { REGION = 512 * 1024, LINE = 64, LINES = REGION / LINE };

struct ipc_variance { int64_t hot, cold, period; };

static int ipc_variance_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)args;
	return work_alloc(w, REGION, err);
}

/* Four multiplications that do not wait for each other count as four iterations. */
__attribute__((noinline)) static uint64_t hot(uint64_t n)
{
	uint64_t a = n, b = n + 1, c = n + 2, d = n + 3;

	for (uint64_t i = 0; i < n; i += 4) {
		a = a * 27893 + i;
		b = b * 27893 + i;
		c = c * 27893 + i;
		d = d * 27893 + i;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	return a ^ b ^ c ^ d;
}

/* Where the next touch goes depends on what this one found. */
__attribute__((noinline)) static void cold(uint64_t *region, uint64_t n, uint64_t at)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *line = &region[at % LINES * (LINE / sizeof(*region))];

		at = at * 6364136223846793005 + ++*line;
		at ^= at >> 29;
	}
}

static uint64_t touch_lines(const uint64_t *region)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LINES; i++)
		sum += region[(size_t)i * (LINE / sizeof(*region))];
	return sum;
}

static void ipc_variance_run(struct worker *w, const void *args)
{
	const struct ipc_variance *a = args;

	while (worker_running(w)) {
		for (int64_t i = 0; i < a->period && worker_running(w); i++) {
			cold(w->own, a->cold, hot(a->hot) + worker_random(w));
			worker_tick(w, 1);
		}
		w->iterations++;
	}
	w->wrong = touch_lines(w->own) != w->work_units * a->cold;
}

static const struct row rows[] = {
	{ .name = "hot_iters", .kind = ROW_INT, .offset = offsetof(struct ipc_variance, hot), .min = 1, .max = 1e9,
	  .def = 100000, .help = "multiplications of a hot phase" },
	{ .name = "cold_iters", .kind = ROW_INT, .offset = offsetof(struct ipc_variance, cold), .min = 1, .max = 1e7,
	  .def = 1024, .help = "cache lines that a cold phase touches" },
	{ .name = "period_iters", .kind = ROW_INT, .offset = offsetof(struct ipc_variance, period), .min = 1, .max = 1e9,
	  .def = 64, .help = "pairs of phases to an iteration" },
	{ 0 }
};

const struct work_type work_ipc_variance = {
	.name = "IpcVariance",
	.summary = "Hot phases of arithmetic and cold ones of cache misses, in turn: tasks whose instructions per cycle vary.",
	.unit = "one hot and one cold phase",
	.args = rows,
	.args_size = sizeof(struct ipc_variance),
	.prepare = ipc_variance_prepare,
	.run = ipc_variance_run,
	.verify = work_verify_right,
};
