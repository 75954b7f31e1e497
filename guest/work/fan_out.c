// SPDX-License-Identifier: GPL-2.0-only
/* One wakes many: see fan_out.h. */
#include "guest/work/fan_out.h"
#include "guest/work/futex.h"

/* The round is in the messenger's mail; how many have done with it in the first receiver's, on another line. */
static _Atomic uint32_t *round_of(struct worker *w)
{
	return &w->group[0].mail.word;
}

static _Atomic uint32_t *done_of(struct worker *w)
{
	return &w->group[1].mail.word;
}

void fan_out_send(struct worker *w)
{
	atomic_store(done_of(w), 0);
	atomic_store(&w->mail.stamp_ns, now_ns());
	atomic_fetch_add(round_of(w), 1);
	futex_wake(round_of(w), INT_MAX);
}

bool fan_out_gather(struct worker *w, unsigned receivers)
{
	uint32_t done;

	while ((done = atomic_load(done_of(w))) != receivers) {
		if (!worker_running(w))
			return false;
		futex_wait(done_of(w), done);
	}
	return true;
}

bool fan_out_receive(struct worker *w, uint32_t *round)
{
	uint32_t now;

	while ((now = atomic_load(round_of(w))) == *round) {
		if (!worker_running(w))
			return false;
		futex_wait(round_of(w), now);
	}
	*round = now;
	worker_woken(w, atomic_load(&w->group[0].mail.stamp_ns));
	return true;
}

void fan_out_done(struct worker *w, unsigned receivers)
{
	if (atomic_fetch_add(done_of(w), 1) + 1 == receivers)
		futex_wake(done_of(w), 1);
}

const char *fan_out_role(const struct worker *w, const void *args)
{
	(void)args;
	return fan_out_is_messenger(w) ? "messenger" : "receiver";
}

int fan_out_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	for (unsigned i = 1; i < n; i++)
		if (group[i].work_units - group[0].work_units > 1)
			return kt_fail(err, "a receiver had %ju rounds, the messenger %ju", (uintmax_t)group[i].work_units,
				       (uintmax_t)group[0].work_units);
	return 0;
}
