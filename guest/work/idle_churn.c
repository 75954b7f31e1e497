// SPDX-License-Identifier: GPL-2.0-only
/* IdleChurn: a short burst, a short sleep, over and over, so that the CPU goes idle and comes back all the time. */
#include "guest/work/worker.h"
#include <sys/prctl.h>

enum { SPINS = 256 };

struct idle_churn { int64_t burst_ns, sleep_ns; bool precise; };

static int idle_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)w;
	if (((const struct idle_churn *)args)->precise && prctl(PR_SET_TIMERSLACK, 1))
		return kt_fail(err, "cannot set the timer slack: %s", strerror(errno));
	return 0;
}

static void idle_churn_run(struct worker *w, const void *args)
{
	const struct idle_churn *a = args;

	while (worker_running(w)) {
		uint64_t until = w->last_ns + a->burst_ns;

		while (worker_running(w) && w->last_ns < until)
			worker_compute_until(w, SPINS, 0, until);
		until = w->last_ns + a->sleep_ns;
		if (!worker_running(w) || !worker_sleep_until(w, until))
			continue;
		histogram_record(&w->wake_latency, w->last_ns - until);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static const struct row rows[] = {
	{ .name = "burst_ms", .kind = ROW_NS, .offset = offsetof(struct idle_churn, burst_ns), .min = 0.001, .max = 3600000,
	  .def = 1, .help = "time spent spinning, on the clock" },
	{ .name = "sleep_ms", .kind = ROW_NS, .offset = offsetof(struct idle_churn, sleep_ns), .min = 0.001, .max = 3600000,
	  .def = 5, .help = "time spent asleep" },
	{ .name = "precise_timing", .kind = ROW_BOOL, .offset = offsetof(struct idle_churn, precise),
	  .help = "a timer slack of 1 ns; else the kernel's, which is 50 us, and the floor of the latency" },
	{ 0 }
};

const struct work_type work_idle_churn = {
	.name = "IdleChurn",
	.summary = "Short bursts and short sleeps, in turn: going idle and coming back, timer wake-ups, idle CPU selection.",
	.unit = "one burst and one sleep",
	.traits = WORK_COMPUTES,
	.gap = "the sleep that was asked for; beyond it counts",
	.latency = "from the end of the sleep that was asked for to the return from it; includes the timer's slack",
	.args = rows,
	.args_size = sizeof(struct idle_churn),
	.prepare = idle_churn_prepare,
	.run = idle_churn_run,
};
