// SPDX-License-Identifier: GPL-2.0-only
/* SpinWait: CPU-bound, never gives the CPU up. */
#include "guest/work/worker.h"

enum { SPINS = 1024 };

static void spin_wait_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w))
		w->iterations += worker_compute_until(w, SPINS, 1, UINT64_MAX);
}

const struct work_type work_spin_wait = {
	.name = "SpinWait",
	.summary = "Spins and never gives the CPU up: fairness between CPU-bound tasks, preemption, load balancing.",
	.unit = "1024 spins",
	.traits = WORK_COMPUTES,
	.run = spin_wait_run,
};
