// SPDX-License-Identifier: GPL-2.0-only
/*
 * TimerLatency: sleeps from one point of a fixed grid in time to the next, as cyclictest does, and notes how late it comes
 * back. Points that have passed by then are left out.
 */
#include "guest/work/worker.h"
#include <sys/prctl.h>

struct timer_latency { int64_t interval_ns; };

static int timer_latency_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	(void)w, (void)args;
	if (prctl(PR_SET_TIMERSLACK, 1))
		return kt_fail(err, "cannot set the timer slack: %s", strerror(errno));
	return 0;
}

static void timer_latency_run(struct worker *w, const void *args)
{
	const struct timer_latency *a = args;
	uint64_t next = w->last_ns;

	while (worker_running(w)) {
		if (w->last_ns >= next)
			next += ((w->last_ns - next) / a->interval_ns + 1) * a->interval_ns;
		if (!worker_sleep_until(w, next))
			continue;
		histogram_record(&w->wake_latency, w->last_ns - next);
		w->iterations++;
		w->work_units++;
	}
}

static const struct row rows[] = {
	{ .name = "interval_us", .kind = ROW_NS, .offset = offsetof(struct timer_latency, interval_ns), .min = 1,
	  .max = 3600000000, .def = 1000, .help = "distance of two points of the grid" },
	{ 0 }
};

const struct work_type work_timer_latency = {
	.name = "TimerLatency",
	.summary = "Sleeps to the points of a fixed grid in time: how soon a task runs after its timer, next to whatever else runs.",
	.unit = "one sleep",
	.gap = "the sleep up to the next point; beyond it counts",
	.latency = "from a point of the grid to the return from the sleep that was to end there; the timer's slack is 1 ns",
	.args = rows,
	.args_size = sizeof(struct timer_latency),
	.prepare = timer_latency_prepare,
	.run = timer_latency_run,
};
