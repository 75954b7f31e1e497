// SPDX-License-Identifier: GPL-2.0-only
/* YieldHeavy: nothing but sched_yield(). */
#include "guest/work/worker.h"
#include <sched.h>

static void yield_heavy_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w)) {
		sched_yield();
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_yield_heavy = {
	.name = "YieldHeavy",
	.summary = "Calls sched_yield() all the time: the enqueue and pick paths, and whether who yields still gets its share.",
	.unit = "one sched_yield()",
	.run = yield_heavy_run,
};
