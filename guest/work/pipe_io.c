// SPDX-License-Identifier: GPL-2.0-only
/* PipeIo: two workers hand one byte to and fro through two pipes; who has it spins, then passes it on. */
#include "worker.h"
#include <fcntl.h>

enum { PAIR = 2, READ_END = 0, WRITE_END = 1 };

struct pipe_io { int64_t burst; };

static bool pass_on(struct worker *w)
{
	atomic_store(&w->mail.stamp_ns, now_ns());
	while (write(w->fds[WRITE_END], "", 1) != 1)
		if (errno != EINTR || !worker_running(w))
			return false;
	return true;
}

static bool receive(struct worker *w)
{
	char c;

	while (read(w->fds[READ_END], &c, 1) != 1)
		if (errno != EINTR || !worker_running(w))
			return false;
	worker_woken(w, atomic_load(&w->group[!w->member].mail.stamp_ns));
	return true;
}

static void run(struct worker *w, const void *args)
{
	const struct pipe_io *a = args;
	bool mine = w->member == 0;

	while (worker_running(w) && (mine || receive(w))) {
		mine = false;
		worker_spin(a->burst);
		if (!pass_on(w))
			break;
		w->iterations++;
		worker_tick(w, 1);
	}
}

static int setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)args;
	for (unsigned i = 0; i < n; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC))
			return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
		group[!i].fds[READ_END] = p[0];
		group[i].fds[WRITE_END] = p[1];
	}
	return 0;
}

/* They take turns, so no one is ahead by more than a turn. */
static int verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	uint64_t a = group[0].work_units, b = group[1].work_units;

	(void)n, (void)args;
	if (a - b > 1)
		return kt_fail(err, "one passed the byte on %ju times, the other %ju times", (uintmax_t)a, (uintmax_t)b);
	return 0;
}

static unsigned group_size(const void *args)
{
	(void)args;
	return PAIR;
}

static const struct row rows[] = {
	{ .name = "burst", .kind = ROW_INT, .offset = offsetof(struct pipe_io, burst), .max = 1e7,
	  .def = 1024,
	  .help = "spins before the byte is passed on" },
	{ 0 }
};

const struct work_type work_pipe_io = {
	.name = "PipeIo",
	.summary = "Pairs pass a byte to and fro through pipes, spinning in between: sync wake-ups, and where the woken one runs.",
	.unit = "the byte passed on once",
	.gap = "nothing; waiting for the partner counts, for a partner that does not run is what a gap shows",
	.latency = "from just before the write to the partner's return from read(), when it was in read() by then",
	.args = rows,
	.args_size = sizeof(struct pipe_io),
	.group_size = group_size,
	.setup = setup,
	.run = run,
	.verify = verify,
};
