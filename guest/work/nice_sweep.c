// SPDX-License-Identifier: GPL-2.0-only
/* NiceSweep: every nice value there is, one after the other. */
#include "guest/work/worker.h"
#include <sys/resource.h>

enum { SPINS = 512, NICE_MIN = -20, NICE_MAX = 19 };

static bool be_nice(int nice, struct kt_err *err)
{
	if (!setpriority(PRIO_PROCESS, 0, nice))
		return true;
	kt_fail(err, "nice value %d is refused: %s%s", nice, strerror(errno),
		errno == EPERM || errno == EACCES ? " (it takes CAP_SYS_NICE)" : "");
	return false;
}

static void nice_sweep_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w)) {
		for (int nice = NICE_MIN; nice <= NICE_MAX && worker_running(w); nice++) {
			if (!be_nice(nice, &w->err))
				return;
			worker_spin(SPINS);
			worker_tick(w, 1);
		}
		w->iterations++;
	}
}

static int nice_sweep_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)w, (void)args;
	return be_nice(NICE_MIN, err) ? 0 : -1;
}

const struct work_type work_nice_sweep = {
	.name = "NiceSweep",
	.summary = "Sets its nice value from -20 to 19, over and over, and spins a little with each: reweighting of running tasks.",
	.unit = "512 spins with one nice value",
	.traits = WORK_ROOT,
	.prepare = nice_sweep_prepare,
	.run = nice_sweep_run,
};
