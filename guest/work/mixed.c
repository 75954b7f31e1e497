// SPDX-License-Identifier: GPL-2.0-only
/* Mixed: spins, then yields. */
#include "guest/work/worker.h"
#include <sched.h>

enum { SPINS = 1024 };

static void mixed_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w)) {
		worker_spin(SPINS);
		sched_yield();
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_mixed = {
	.name = "Mixed",
	.summary = "Spins, then calls sched_yield(), in turn: CPU-bound load that gives way, as in oversubscribed machines.",
	.unit = "1024 spins and one sched_yield()",
	.run = mixed_run,
};
