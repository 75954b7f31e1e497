// SPDX-License-Identifier: GPL-2.0-only
/*
 * ThunderingHerd: many waiters on one futex word are woken by one call, again and again, with a pause in between. A batch
 * does not begin before all of the herd have come back from the last one.
 */
#include "guest/work/fan_out.h"

struct herd { unsigned waiters; int64_t batches, pause_ns; };

static unsigned thundering_herd_group_size(const void *args)
{
	return ((const struct herd *)args)->waiters + 1;
}

static void wake_herd(struct worker *w, const struct herd *a)
{
	for (int64_t i = 0; i < a->batches && worker_running(w); i++) {
		fan_out_send(w);
		worker_sleep(w, a->pause_ns);
		if (!fan_out_gather(w, a->waiters))
			return;
		w->iterations++;
		worker_tick(w, 1);
	}
}

static void thundering_herd_run(struct worker *w, const void *args)
{
	const struct herd *a = args;
	uint32_t round = 0;

	if (fan_out_is_messenger(w)) {
		wake_herd(w, a);
	} else {
		while (worker_running(w) && round < a->batches && fan_out_receive(w, &round)) {
			fan_out_done(w, a->waiters);
			w->iterations++;
			worker_tick(w, 1);
		}
	}
	worker_rest(w);
}

static const struct row rows[] = {
	{ .name = "waiters", .kind = ROW_UINT, .offset = offsetof(struct herd, waiters), .min = 1, .max = 1023, .def = 7,
	  .help = "workers that wait, besides the one that wakes them" },
	{ .name = "batches", .kind = ROW_INT, .offset = offsetof(struct herd, batches), .min = 1, .max = 1e9, .def = 1000,
	  .help = "how often the herd is woken in all; then it rests until the end" },
	{ .name = "inter_batch_ms", .kind = ROW_NS, .offset = offsetof(struct herd, pause_ns), .min = 0.001, .max = 3600000,
	  .def = 5, .help = "the waker's sleep between two batches" },
	{ 0 }
};

const struct work_type work_thundering_herd = {
	.name = "ThunderingHerd",
	.summary = "One call wakes a whole herd that sleeps on one futex word: broadcast wake-ups, and how long the last one waits.",
	.unit = "one batch",
	.gap = "the waker's sleep that was asked for, and all time after the last batch; waiting for the next batch counts",
	.latency = "of waiters: from just before the wake-up of all to the return from the wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct herd),
	.group_size = thundering_herd_group_size,
	.role = fan_out_role,
	.run = thundering_herd_run,
	.verify = fan_out_verify,
};
