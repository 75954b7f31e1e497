// SPDX-License-Identifier: GPL-2.0-only
/* FutexPingPong: two workers take turns on one futex; whose turn it is spins, then wakes the other. */
#include "futex.h"
#include "worker.h"

enum { PAIR = 2 };

struct ping_pong { int64_t spin; };

/* The turn: a member's number, in the mail of the first. */
static bool await_turn(struct worker *w, _Atomic uint32_t *turn)
{
	while (atomic_load(turn) != w->member) {
		if (!worker_running(w))
			return false;
		futex_wait(turn, !w->member);
	}
	worker_woken(w, atomic_load(&w->group[!w->member].mail.stamp_ns));
	return true;
}

static void run(struct worker *w, const void *args)
{
	const struct ping_pong *a = args;
	_Atomic uint32_t *turn = &w->group[0].mail.word;
	bool first = w->member == 0;

	while (worker_running(w) && (first || await_turn(w, turn))) {
		first = false;
		worker_spin(a->spin);
		atomic_store(&w->mail.stamp_ns, now_ns());
		atomic_store(turn, !w->member);
		futex_wake(turn, 1);
		w->iterations++;
		worker_tick(w, 1);
	}
}

/* They take turns, so no one is ahead by more than a turn. */
static int verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	uint64_t a = group[0].work_units, b = group[1].work_units;

	(void)n, (void)args;
	if (a - b > 1)
		return kt_fail(err, "one had %ju turns, the other %ju", (uintmax_t)a, (uintmax_t)b);
	return 0;
}

static unsigned group_size(const void *args)
{
	(void)args;
	return PAIR;
}

static const struct row rows[] = {
	{ .name = "spin", .kind = ROW_INT, .offset = offsetof(struct ping_pong, spin), .max = 1e7,
	  .def = 1024,
	  .help = "spins before the turn is handed over" },
	{ 0 }
};

const struct work_type work_futex_ping_pong = {
	.name = "FutexPingPong",
	.summary = "Pairs wake each other through a futex, spinning in between: wake-up latency without the cost of a pipe.",
	.unit = "one turn",
	.gap = "nothing; waiting for the partner counts, for a partner that does not run is what a gap shows",
	.latency = "from just before the turn is handed over to the partner's return from its wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct ping_pong),
	.group_size = group_size,
	.run = run,
	.verify = verify,
};
