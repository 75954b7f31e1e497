// SPDX-License-Identifier: GPL-2.0-only
/* Lay workers out, wait for them, stop them: see crew.h. crew-start.c starts them. */
#include "guest/scenario/crew.h"
#include <fcntl.h>
#include <signal.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static const uint64_t stop_limit_ns = 5ull * NSEC_PER_SEC;
static const uint64_t kill_limit_ns = 5ull * NSEC_PER_SEC;
/* Starts are spread over a few scheduler ticks, but not over much of a short run. */
static const uint64_t max_delay_ns = 10 * NSEC_PER_MSEC;
enum { DELAY_PART = 16 };
static const uint64_t resignal_ns = 10 * NSEC_PER_MSEC;

sigset_t crew_signals(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigaddset(&s, SIGTERM);
	sigaddset(&s, SIGINT);
	sigaddset(&s, SIGHUP);
	return s;
}

static unsigned home_of(const struct spec *spec, size_t batch)
{
	const char *cgroup = spec->batches[batch].cgroup;

	for (size_t i = 0; i < batch; i++) {
		const char *other = spec->batches[i].cgroup;

		if (cgroup && other ? streq(cgroup, other) : cgroup == other)
			return i;
	}
	return batch;
}

static void lay_out_batch(struct crew *c, size_t batch)
{
	const struct batch *b = &c->spec->batches[batch];
	unsigned size = work_group_size(b->work->type, b->work->args), home = home_of(c->spec, batch);

	for (unsigned i = 0; i < b->n; i++) {
		struct worker *w = &c->workers[b->first + i];

		w->go = c->batches[batch].go;
		w->type = b->work->type;
		w->args = b->work->args;
		w->cgroup = batch;
		w->home = home;
		w->index = i;
		w->member = i % size;
		w->group = w - w->member;
		for (size_t f = 0; f < WORKER_FDS; f++)
			w->fds[f] = -1;
	}
}

static void sow(struct worker *w, int64_t seed, unsigned n, uint64_t delay_limit)
{
	w->random = seed;
	w->random = worker_random(w) + n;
	w->random = worker_random(w); /* neighbours, by seed or by place, get unrelated streams */
	w->delay_ns = !seed ? 0 : w->member ? w->group->delay_ns : worker_random(w) % delay_limit;
}

/*
 * A stream of random numbers for every worker, and a start for every group. One start for a group, or what partners wait
 * for each other would be the seed's doing and not the scheduler's. Seed 0: all start at go.
 */
void crew_sow(struct crew *c, int64_t seed)
{
	uint64_t delay_limit = MIN(max_delay_ns, (uint64_t)c->spec->duration_ns / DELAY_PART);

	for (unsigned i = 0; i < c->n; i++)
		sow(&c->workers[i], seed, i, delay_limit);
}

static int open_fds(struct crew *c, struct kt_err *err)
{
	sigset_t block = crew_signals();

	sigprocmask(SIG_BLOCK, &block, NULL);
	signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would reap them for us */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	c->signal_fd = signalfd(-1, &block, SFD_CLOEXEC | SFD_NONBLOCK);
	c->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->signal_fd < 0 || c->ready_fd < 0 || c->timer_fd < 0)
		return kt_fail(err, "cannot wait for the workers: %s", strerror(errno));
	return 0;
}

int crew_create(const struct spec *spec, bool virtual_clock, struct crew *ret, struct kt_err *err)
{
	struct crew c = { .spec = spec, .n = spec->nr_workers, .signal_fd = -1, .ready_fd = -1, .timer_fd = -1, .news_fd = -1 };
	size_t go_at = c.n * sizeof(struct worker), n = spec->nr_batches;

	c.map_size = go_at + n * sizeof(struct go) + 1; /* no map is of size 0 */
	c.map = mmap(NULL, c.map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.map == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes for %u workers: %s", c.map_size, c.n, strerror(errno));
	c.workers = c.map;
	c.members = xcalloc(c.n, sizeof(*c.members));
	c.batches = xcalloc(n, sizeof(*c.batches));
	for (size_t i = 0; i < n; i++) {
		c.batches[i].b = &spec->batches[i];
		c.batches[i].go = (struct go *)((char *)c.map + go_at) + i;
		c.batches[i].go->workers = c.workers;
		c.batches[i].go->n = c.n;
		c.batches[i].go->virtual_clock = virtual_clock;
		lay_out_batch(&c, i);
	}
	if (open_fds(&c, err)) {
		crew_destroy(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

int crew_model(struct crew *c, struct kt_err *err)
{
	struct compute_costs compute;

	if (compute_init(&compute, err))
		return -1;
	for (size_t i = 0; i < c->spec->nr_batches; i++)
		c->batches[i].go->compute = compute;
	return 0;
}

void crew_read_schedstat(pid_t pid, struct schedstat *ret)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	char *p = text;
	ret->run_ns = strtoull(p, &p, 10);
	ret->delay_ns = strtoull(p, &p, 10);
	ret->timeslices = strtoull(p, &p, 10);
}

static struct member *member_of(struct crew *c, pid_t pid)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->members[i].pid == pid)
			return &c->members[i];
	return NULL;
}

/* Note who has ended. The figures of /proc are read while the process is still a zombie. */
void crew_reap(struct crew *c)
{
	siginfo_t info;

	while (info.si_pid = 0, !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid) {
		struct member *m = member_of(c, info.si_pid);

		if (m) {
			m->end_ns = now_ns();
			crew_read_schedstat(m->pid, &m->after);
			if (m->end == MEMBER_ALIVE)
				m->end = info.si_code == CLD_EXITED ? MEMBER_EXITED : MEMBER_SIGNALED;
			m->code = info.si_status;
			c->alive--;
			c->workers[m - c->members].tid = 0;
		}
		if (m) {
			kill(-m->pid, SIGKILL); /* children that it left; it is their group's leader, and no pid is used twice yet */
			m->pid = 0;
		}
		waitid(P_PID, info.si_pid, &info, WEXITED);
	}
}

static void read_signals(struct crew *c)
{
	struct signalfd_siginfo info;

	while (read(c->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			c->interrupted = (int)info.ssi_signo;
}

/*
 * Sleep until a signal, or until somebody is ready or there is news, or the time; true while there is time left. The time is
 * a timer's: a poll that has one may be late by a thousandth of it.
 */
static bool sleep_until(struct crew *c, int news_fd, uint64_t until)
{
	struct itimerspec t = { .it_value = { .tv_sec = until / NSEC_PER_SEC, .tv_nsec = until % NSEC_PER_SEC } };
	struct pollfd fds[] = { { .fd = c->signal_fd, .events = POLLIN }, { .fd = c->ready_fd, .events = POLLIN },
				{ .fd = c->timer_fd, .events = POLLIN }, { .fd = news_fd, .events = POLLIN } };
	uint64_t ignored;

	timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	if (poll(fds, ARRAY_SIZE(fds), -1) > 0) {
		if (fds[0].revents)
			read_signals(c);
		if (fds[1].revents && read(c->ready_fd, &ignored, sizeof(ignored)) < 0)
			BUG("an eventfd that was ready is not");
		c->news = fds[3].revents;
	}
	crew_reap(c);
	return now_ns() < until;
}

int crew_interrupted(const struct crew *c, struct kt_err *err)
{
	return kt_fail(err, "interrupted by SIG%s", sigabbrev_np(c->interrupted));
}

bool crew_wait_until(struct crew *c, uint64_t until)
{
	return sleep_until(c, -1, until);
}

int crew_wait(struct crew *c, uint64_t until_ns, struct kt_err *err)
{
	c->news = false;
	while (!c->interrupted && !c->news)
		if (!sleep_until(c, c->news_fd, until_ns))
			break;
	return c->interrupted ? crew_interrupted(c, err) : 0;
}

int crew_wait_once(struct crew *c, uint64_t until_ns, struct kt_err *err)
{
	if (!c->interrupted)
		sleep_until(c, c->news_fd, until_ns);
	return c->interrupted ? crew_interrupted(c, err) : 0;
}

static bool must_stop(const struct crew *c, unsigned i)
{
	return c->members[i].pid > 0 && crew_batch_of(c, i)->stopping;
}

static unsigned workers_left(const struct crew *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++)
		n += must_stop(c, i);
	return n;
}

static void signal_all(const struct crew *c, int sig)
{
	for (unsigned i = 0; i < c->n; i++)
		if (must_stop(c, i))
			kill(c->members[i].pid, sig);
}

/* Everybody who must gone before the time? */
static bool wait_gone(struct crew *c, uint64_t until)
{
	while (workers_left(c))
		if (!crew_wait_until(c, until))
			break;
	return !workers_left(c);
}

static int kill_all(struct crew *c, struct kt_err *err)
{
	for (unsigned i = 0; i < c->n; i++)
		if (must_stop(c, i))
			c->members[i].end = MEMBER_TIMED_OUT;
	signal_all(c, SIGKILL);
	if (!wait_gone(c, now_ns() + kill_limit_ns))
		return kt_fail(err, "%u workers still exist %d s after SIGKILL", workers_left(c),
			       (int)(kill_limit_ns / NSEC_PER_SEC));
	return 0;
}

static void close_books(struct crew *c, const struct batch *b)
{
	for (unsigned i = b->first; i < b->first + b->n; i++) {
		struct worker *w = &c->workers[i];

		if (w->finished)
			continue;
		if (!w->started)
			w->last_ns = worker_start_ns(w);
		compute_settle(w);
		worker_close_gap(w, c->members[i].end_ns);
	}
}

void crew_stop_soon(struct crew *c, size_t batch)
{
	struct crew_batch *b = &c->batches[batch];

	if (!b->forked || b->stopping)
		return;
	b->stopping = true;
	b->stopped_ns = now_ns();
	atomic_store(&b->go->stop_ns, b->stopped_ns);
	atomic_store(&b->go->stop, true);
}

static int tear_down(struct crew *c, struct crew_batch *b, struct kt_err *err)
{
	unsigned n = b->nr_set_up;
	int ret = 0;

	b->nr_set_up = 0;
	for (unsigned i = 0, size; i < n; i += size) {
		struct worker *group = &c->workers[b->b->first + i];

		size = work_group_size(group->type, group->args);
		if (group->type->teardown && group->type->teardown(group, size, group->args, err))
			ret = kt_context(err, "cannot tear down %s", group->type->name);
	}
	return ret;
}

/* Not those that were killed: these could not say why. */
static int failed_work(const struct crew *c, const struct batch *b, struct kt_err *err)
{
	for (unsigned i = b->first; i < b->first + b->n; i++) {
		const struct worker *w = &c->workers[i];

		if (w->err.msg[0])
			return kt_fail(err, "%s, worker %u of cgroup '%s': %s", w->type->name, w->index, batch_cgroup(b), w->err.msg);
	}
	return 0;
}

static int close_batch(struct crew *c, struct crew_batch *b, struct kt_err *err)
{
	b->closed = true;
	close_books(c, b->b);
	return tear_down(c, b, err) ? -1 : failed_work(c, b->b, err);
}

int crew_stop(struct crew *c, struct kt_err *err)
{
	uint64_t now = now_ns(), limit = now + stop_limit_ns;
	int ret = 0;

	do {
		signal_all(c, SIGSTOPWORK);
		now = now_ns();
	} while (now < limit && !wait_gone(c, MIN(now + resignal_ns, limit)));
	if (workers_left(c))
		ret = kill_all(c, err);
	for (size_t i = 0; i < c->spec->nr_batches; i++)
		if (c->batches[i].stopping && !c->batches[i].closed && close_batch(c, &c->batches[i], ret ? NULL : err))
			ret = -1;
	return ret;
}

void crew_destroy(struct crew *c)
{
	if (!c->map)
		return;
	for (size_t i = 0; i < c->spec->nr_batches; i++)
		c->batches[i].stopping = true;
	if (c->alive)
		kill_all(c, NULL);
	for (size_t i = 0; i < c->spec->nr_batches; i++)
		tear_down(c, &c->batches[i], NULL);
	munmap(c->map, c->map_size);
	free(c->members);
	free(c->batches);
	kt_closep(&c->signal_fd);
	kt_closep(&c->ready_fd);
	kt_closep(&c->timer_fd);
	*c = (struct crew){ 0 };
}

bool crew_completed(const struct crew *c, unsigned i)
{
	const struct member *m = &c->members[i];

	return m->end == MEMBER_EXITED && m->code == 0 && c->workers[i].finished;
}
