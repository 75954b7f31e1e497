// SPDX-License-Identifier: GPL-2.0-only
/* FutexFanOut: a messenger spins, then wakes all of its receivers at once, each of which spins. */
#include "guest/work/fan_out.h"

struct futex_fan_out { unsigned fan_out; int64_t spin; };

static unsigned futex_fan_out_group_size(const void *args)
{
	return ((const struct futex_fan_out *)args)->fan_out + 1;
}

static void message_loop(struct worker *w, const struct futex_fan_out *a)
{
	while (worker_running(w)) {
		worker_compute(w, a->spin);
		fan_out_send(w);
		if (!fan_out_gather(w, a->fan_out))
			break;
		w->iterations++;
		worker_tick(w, 1);
	}
}

static void futex_fan_out_run(struct worker *w, const void *args)
{
	const struct futex_fan_out *a = args;
	uint32_t round = 0;

	if (fan_out_is_messenger(w)) {
		message_loop(w, a);
		return;
	}
	while (worker_running(w) && fan_out_receive(w, &round)) {
		worker_compute(w, a->spin);
		fan_out_done(w, a->fan_out);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static const struct row rows[] = {
	{ .name = "fan_out", .kind = ROW_UINT, .offset = offsetof(struct futex_fan_out, fan_out), .min = 1, .max = 1023,
	  .def = 4, .help = "receivers of a messenger" },
	{ .name = "spin", .kind = ROW_INT, .offset = offsetof(struct futex_fan_out, spin), .max = 1e7, .def = 1024,
	  .help = "spins of the messenger before it wakes, and of each receiver" },
	{ 0 }
};

const struct work_type work_futex_fan_out = {
	.name = "FutexFanOut",
	.summary = "A messenger wakes several receivers at once, all spin: how a burst of wake-ups is spread over CPUs.",
	.unit = "one round",
	.gap = "nothing; waiting for the others counts",
	.latency = "of receivers: from just before the messenger wakes them to the return from the wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct futex_fan_out),
	.traits = WORK_COMPUTES,
	.group_size = futex_fan_out_group_size,
	.role = fan_out_role,
	.run = futex_fan_out_run,
	.verify = fan_out_verify,
};
