// SPDX-License-Identifier: GPL-2.0-only
/* Bursty: CPU-bound for a while, then asleep. */
#include "guest/work/worker.h"

enum { SPINS = 1024 };

struct bursty { int64_t burst_ns, sleep_ns; };

static void bursty_run(struct worker *w, const void *args)
{
	const struct bursty *a = args;

	while (worker_running(w)) {
		uint64_t until = w->last_ns + a->burst_ns;

		while (worker_running(w) && w->last_ns < until)
			worker_compute_until(w, SPINS, 1, until);
		if (worker_running(w))
			worker_sleep(w, a->sleep_ns);
		w->iterations++;
	}
}

static const struct row rows[] = {
	{ .name = "burst_ms", .kind = ROW_NS, .offset = offsetof(struct bursty, burst_ns), .min = 0.001,
	  .max = 3600000,
	  .def = 50, .help = "time spent spinning, on the clock" },
	{ .name = "sleep_ms", .kind = ROW_NS, .offset = offsetof(struct bursty, sleep_ns), .min = 0.001,
	  .max = 3600000,
	  .def = 100, .help = "time spent asleep" },
	{ 0 }
};

const struct work_type work_bursty = {
	.name = "Bursty",
	.summary = "Spins for a while, then sleeps: wake-up placement, and what a sleeper may claim when it comes back.",
	.unit = "1024 spins",
	.traits = WORK_COMPUTES,
	.gap = "the sleep that was asked for; beyond it counts",
	.args = rows,
	.args_size = sizeof(struct bursty),
	.run = bursty_run,
};
