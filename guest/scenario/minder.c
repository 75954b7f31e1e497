// SPDX-License-Identifier: GPL-2.0-only
/* A payload's minder: see minder.h. */
#include "guest/scenario/minder.h"
#include "guest/sched/sched.h"
#include "guest/work/worker.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const uint64_t stop_ns = 2ull * NSEC_PER_SEC;

static void keep_output(struct minder_stream *s, size_t max, const char *p, size_t n)
{
	size_t first = MIN(n, max - s->kept);

	memcpy(s->head + s->kept, p, first);
	s->kept += first;
	tail_add(&s->tail, p, n);
}

/* What is there, but not for ever: whoever floods it must not keep it from looking at the time. False: closed. */
static bool drain_output(int fd, struct minder_stream *s, size_t max)
{
	enum { ROUNDS = 16 };
	static char buf[65536];
	ssize_t n = 0;

	for (int i = 0; i < ROUNDS && (n = read(fd, buf, sizeof(buf))) > 0; i++)
		keep_output(s, max, buf, (size_t)n);
	return n;
}

static int pipe_for(int fds[2], struct kt_err *err)
{
	if (pipe2(fds, O_CLOEXEC) || fcntl(fds[0], F_SETFL, O_NONBLOCK))
		return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
	return 0;
}

struct watch {
	struct minder *m;
	struct child child;
	int out, errors, control;
	uint64_t limit_ns; /* on the clock; UINT64_MAX: none */
};

static void tell_end(struct watch *w, enum minder_end how)
{
	w->m->end = how;
	w->limit_ns = now_ns() + stop_ns;
	if (w->child.pid > 0)
		kill(-w->child.pid, SIGTERM);
}

static void sleep_until_something(const struct watch *w)
{
	uint64_t now = now_ns(), left = w->limit_ns > now ? w->limit_ns - now : 0;
	struct timespec t = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };
	struct pollfd fds[] = { { w->child.pidfd, POLLIN, 0 }, { w->out, POLLIN, 0 }, { w->errors, POLLIN, 0 },
				{ w->m->end == MINDER_RUNS ? w->control : -1, POLLIN, 0 } };

	ppoll(fds, ARRAY_SIZE(fds), w->limit_ns == UINT64_MAX ? NULL : &t, NULL);
}

static void read_all(struct watch *w)
{
	if (w->out >= 0 && !drain_output(w->out, &w->m->out, MINDER_OUT))
		w->out = -1;
	if (w->errors >= 0 && !drain_output(w->errors, &w->m->errors, MINDER_ERR))
		w->errors = -1;
}

static void watch_payload(struct watch *w)
{
	struct minder *m = w->m;

	for (;;) {
		sleep_until_something(w);
		read_all(w);
		if (child_wait(&w->child, 0)) {
			if (m->end == MINDER_RUNS)
				m->end = MINDER_BY_ITSELF;
			return;
		}
		if (m->end == MINDER_RUNS && atomic_load(&m->told))
			tell_end(w, (enum minder_end)atomic_load(&m->told));
		if (now_ns() < w->limit_ns)
			continue;
		if (m->end != MINDER_RUNS) {
			m->killed = true;
			return;
		}
		tell_end(w, MINDER_TIMED_OUT);
	}
}

static void end_all(struct watch *w, int cgroup)
{
	struct minder *m = w->m;
	_cleanup_close_ int kill_fd = cgroup < 0 ? -1 : openat(cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	/* All at once, where that can be done: no race with what forks. */
	if (kill_fd >= 0 && write(kill_fd, "1", 1) != 1)
		kt_warn("cannot kill a cgroup: %s", strerror(errno));
	child_kill(&w->child);
	m->child_end = w->child.end;
	m->code = w->child.code;
	read_all(w);
}

static int start_payload(struct watch *w, const struct command *cmd, int cgroup)
{
	struct kt_err *err = &w->m->err;
	int out[2], errors[2];

	if (pipe_for(out, err) || pipe_for(errors, err))
		return -1;
	const int fds[CHILD_FDS] = { -1, out[1], errors[1], -1 };
	w->out = out[0];
	w->errors = errors[0];
	w->m->start_ns = now_ns();
	int ret = child_start(&w->child, cmd, fds, cgroup, err);
	close(out[1]);
	close(errors[1]);
	return ret;
}

_Noreturn void minder_main(struct minder *m, const struct command *cmd, uint64_t limit_ns, int control, int cgroup)
{
	struct watch w = { .m = m, .out = -1, .errors = -1, .control = control };
	struct rusage ru;

	prctl(PR_SET_NAME, "ktstr-minder");
	if (start_payload(&w, cmd, cgroup)) {
		m->end = MINDER_NOT_STARTED;
	} else {
		w.limit_ns = limit_ns ? m->start_ns + limit_ns : UINT64_MAX;
		watch_payload(&w);
		m->end_ns = now_ns();
		m->under = m->look && sched_has(w.child.pid);
		end_all(&w, cgroup);
	}
	m->cpu_ns = child_cpu_ns();
	getrusage(RUSAGE_CHILDREN, &ru);
	m->max_rss_kib = (uint64_t)ru.ru_maxrss;
	atomic_store(&m->done, true);
	_exit(0);
}
