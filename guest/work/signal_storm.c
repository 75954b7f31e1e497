// SPDX-License-Identifier: GPL-2.0-only
/*
 * SignalStorm: two workers that interrupt each other with signals, as many as they can.
 *
 * SIGURG, which is ignored where it has no handler. While one is pending more of them are lost, as signals are: a partner
 * that does not run is not owed thousands of them.
 */
#include "guest/work/worker.h"
#include <signal.h>
#include <sys/syscall.h>

enum { PAIR = 2, SIGSTORM = SIGURG };

struct storm { int64_t signals, work; };

static struct worker *self;

/* mail: when the oldest signal was sent that was not handled yet; how many were handled. */
static void handle_signal(int sig)
{
	uint64_t stamp = atomic_exchange(&self->mail.stamp_ns, 0), now = now_ns();

	(void)sig;
	if (stamp && now >= stamp)
		histogram_record(&self->wake_latency, now - stamp);
	atomic_fetch_add_explicit(&self->mail.word, 1, memory_order_relaxed);
}

/* False: the partner is gone. */
static bool send_one(struct worker *partner)
{
	pid_t tid = atomic_load(&partner->tid);
	uint64_t none = 0;

	atomic_compare_exchange_strong(&partner->mail.stamp_ns, &none, now_ns());
	return tid && !syscall(SYS_tkill, tid, SIGSTORM);
}

static void signal_storm_run(struct worker *w, const void *args)
{
	const struct storm *a = args;
	struct worker *partner = &w->group[!w->member];

	while (worker_running(w)) {
		worker_compute(w, a->work);
		for (int64_t i = 0; i < a->signals; i++) {
			if (!send_one(partner)) {
				worker_wait_stop(w);
				return;
			}
		}
		w->iterations++;
		worker_tick(w, 1);
	}
}

static int signal_storm_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	struct sigaction act = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };

	(void)args;
	self = w;
	return sigaction(SIGSTORM, &act, NULL) ? kt_fail(err, "cannot handle a signal: %s", strerror(errno)) : 0;
}

/* The last round may have come too late for a partner that had stopped. */
static int signal_storm_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct storm *a = args;

	for (unsigned i = 0; i < n; i++) {
		uint64_t rounds = group[!i].work_units, handled = atomic_load(&group[i].mail.word);

		if ((rounds > 1 && !handled) || handled > (rounds + 1) * a->signals)
			return kt_fail(err, "%ju signals were handled after %ju times %ju were sent", (uintmax_t)handled,
				       (uintmax_t)rounds, (uintmax_t)a->signals);
	}
	return 0;
}

static unsigned signal_storm_group_size(const void *args)
{
	(void)args;
	return PAIR;
}

static const struct row rows[] = {
	{ .name = "signals", .alias = "signals_per_iter", .kind = ROW_INT, .offset = offsetof(struct storm, signals),
	  .min = 1, .max = 1e6, .def = 16, .help = "signals to the partner each time" },
	{ .name = "work", .alias = "work_iters", .kind = ROW_INT, .offset = offsetof(struct storm, work), .max = 1e9,
	  .def = 1024, .help = "spins in between" },
	{ 0 }
};

const struct work_type work_signal_storm = {
	.name = "SignalStorm",
	.summary = "Pairs send each other signals while they run: kicks of running tasks and wake-ups by signal, all the time.",
	.unit = "the spins and the signals after them",
	.latency = "from just before a signal is sent, the first of those pending, to its handler",
	.args = rows,
	.args_size = sizeof(struct storm),
	.traits = WORK_COMPUTES,
	.group_size = signal_storm_group_size,
	.prepare = signal_storm_prepare,
	.run = signal_storm_run,
	.verify = signal_storm_verify,
};
