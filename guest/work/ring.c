// SPDX-License-Identifier: GPL-2.0-only
/* A token that goes round: see ring.h. */
#include "guest/work/ring.h"
#include "guest/work/futex.h"
#include <fcntl.h>

enum { READ_END = 0, WRITE_END = 1 };

int ring_pipes(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	for (unsigned i = 0; i < n; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC))
			return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
		group[(i + 1) % n].fds[READ_END] = p[0];
		group[i].fds[WRITE_END] = p[1];
	}
	return 0;
}

static bool has_pipes(const struct worker *w)
{
	return w->fds[READ_END] >= 0;
}

static bool pass_on(struct worker *w, struct worker *next)
{
	atomic_store(&w->mail.stamp_ns, now_ns());
	if (!has_pipes(w)) {
		atomic_store(&next->mail.word, 1);
		futex_wake(&next->mail.word, 1);
		return true;
	}
	while (write(w->fds[WRITE_END], "", 1) != 1)
		if (errno != EINTR || !worker_running(w))
			return false;
	return true;
}

static bool await_token(struct worker *w)
{
	char c;

	if (!has_pipes(w)) {
		while (!atomic_exchange(&w->mail.word, 0)) {
			if (!worker_running(w))
				return false;
			futex_wait(&w->mail.word, 0);
		}
		return true;
	}
	while (read(w->fds[READ_END], &c, 1) != 1)
		if (errno != EINTR || !worker_running(w))
			return false;
	return true;
}

void ring_run(struct worker *w, unsigned n, bool record, void (*work)(struct worker *w, const void *args))
{
	struct worker *next = &w->group[(w->member + 1) % n], *previous = &w->group[(w->member + n - 1) % n];
	bool mine = w->member == 0;

	while (worker_running(w) && (mine || await_token(w))) {
		if (record && !mine)
			worker_woken(w, atomic_load(&previous->mail.stamp_ns));
		mine = false;
		work(w, w->args);
		if (!pass_on(w, next))
			break;
		w->iterations++;
		worker_tick(w, 1);
	}
}

int ring_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	for (unsigned i = 0; i + 1 < n; i++)
		if (group[i].work_units - group[i + 1].work_units > 1 || group[0].work_units - group[n - 1].work_units > 1)
			return kt_fail(err, "of a ring, one had %ju turns, the next %ju", (uintmax_t)group[i].work_units,
				       (uintmax_t)group[i + 1].work_units);
	return 0;
}

unsigned ring_pair(const void *args)
{
	(void)args;
	return 2;
}
