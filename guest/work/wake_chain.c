// SPDX-License-Identifier: GPL-2.0-only
/* WakeChain: a token goes round a ring of workers; each works for a while, then wakes the next. */
#include "guest/work/ring.h"

enum { SPINS = 64 };

struct wake_chain { unsigned depth, wake; int64_t work_ns; };

static const char *const wake_names[] = { "Pipe", "Futex", NULL };

static unsigned wake_chain_group_size(const void *args)
{
	return ((const struct wake_chain *)args)->depth;
}

static int wake_chain_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct wake_chain *a = args;

	return streq(wake_names[a->wake], "Pipe") ? ring_pipes(group, n, args, err) : 0;
}

static void wake_chain_work(struct worker *w, const void *args)
{
	const struct wake_chain *a = args;

	worker_tick(w, 0);
	for (uint64_t until = w->last_ns + a->work_ns; w->last_ns < until && worker_running(w);)
		worker_compute_until(w, SPINS, 0, until);
}

static void wake_chain_run(struct worker *w, const void *args)
{
	ring_run(w, wake_chain_group_size(args), true, wake_chain_work);
}

static const struct row rows[] = {
	{ .name = "depth", .kind = ROW_UINT, .offset = offsetof(struct wake_chain, depth), .min = 2, .max = 1024, .def = 4,
	  .help = "workers of a chain; further ones make further chains" },
	{ .name = "wake", .kind = ROW_ENUM, .offset = offsetof(struct wake_chain, wake), .names = wake_names,
	  .help = "how the next one is woken: by a pipe, which is a sync wake-up, or by a futex, which is not" },
	{ .name = "work_per_hop_us", .kind = ROW_NS, .offset = offsetof(struct wake_chain, work_ns), .min = 0.001,
	  .max = 1e6, .def = 100, .help = "time spent spinning before the next one is woken, on the clock" },
	{ 0 }
};

const struct work_type work_wake_chain = {
	.name = "WakeChain",
	.summary = "Rings of workers, one of which runs at a time and wakes the next: wake-up placement along a pipeline.",
	.unit = "one hop",
	.gap = "nothing; waiting for the turn counts",
	.latency = "from just before a worker wakes the next to that one's return from its wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct wake_chain),
	.traits = WORK_COMPUTES,
	.group_size = wake_chain_group_size,
	.setup = wake_chain_setup,
	.run = wake_chain_run,
	.verify = ring_verify,
};
