// SPDX-License-Identifier: GPL-2.0-only
/* Start, hold and stop workers: see crew.h. */
#include "crew.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const uint64_t ready_limit_ns = 60ull * NSEC_PER_SEC;
static const uint64_t stop_limit_ns = 5ull * NSEC_PER_SEC;
static const uint64_t kill_limit_ns = 5ull * NSEC_PER_SEC;
/* Starts are spread over a few scheduler ticks, but not over much of a short run. */
static const uint64_t max_delay_ns = 10 * NSEC_PER_MSEC;
enum { DELAY_PART = 16 };
static const uint64_t resignal_ns = 10 * NSEC_PER_MSEC;
enum { SIGSTOPWORK = SIGUSR1, SIGREADY = SIGUSR2 };

static long futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static sigset_t signals(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigaddset(&s, SIGREADY);
	sigaddset(&s, SIGTERM);
	sigaddset(&s, SIGINT);
	sigaddset(&s, SIGHUP);
	return s;
}

/*
 * The seed's: a stream of random numbers for every worker, and a start for every group. One start for a group, or what
 * partners wait for each other would be the seed's doing and not the scheduler's. Seed 0: all start at go.
 */
static void sow(struct worker *w, int64_t seed, unsigned n, uint64_t delay_limit)
{
	w->random = seed;
	w->random = worker_random(w) + n;
	w->random = worker_random(w); /* neighbours, by seed or by place, get unrelated streams */
	if (seed)
		w->delay_ns = w->member ? w->group->delay_ns : worker_random(w) % delay_limit;
}

static void lay_out(struct crew *c, const struct spec *spec, int64_t seed)
{
	uint64_t delay_limit = MIN(max_delay_ns, (uint64_t)spec->duration_ns / DELAY_PART);
	unsigned n = 0;

	for (size_t g = 0; g < spec->nr_cgroups; g++) {
		const struct cgroup_def *def = &spec->cgroups[g];
		unsigned size = work_group_size(def->type, def->args);

		for (unsigned i = 0; i < def->workers; i++, n++) {
			struct worker *w = &c->workers[n];

			w->go = c->go;
			w->type = def->type;
			w->args = def->args;
			w->cgroup = g;
			w->index = i;
			w->member = i % size;
			w->group = w - w->member;
			sow(w, seed, n, delay_limit);
			for (size_t f = 0; f < WORKER_FDS; f++)
				w->fds[f] = -1;
		}
	}
}

int crew_create(const struct spec *spec, int64_t seed, struct crew *ret, struct kt_err *err)
{
	struct crew c = { 0 };
	sigset_t block = signals();

	for (size_t g = 0; g < spec->nr_cgroups; g++)
		c.n += spec->cgroups[g].workers;
	size_t go_at = c.n * sizeof(struct worker);
	c.map_size = go_at + sizeof(struct go);
	void *map = mmap(NULL, c.map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes for %u workers: %s", c.map_size, c.n, strerror(errno));
	c.workers = map;
	c.go = (struct go *)((char *)map + go_at);
	c.go->workers = c.workers;
	c.go->n = c.n;
	c.members = xcalloc(c.n, sizeof(*c.members));
	lay_out(&c, spec, seed);
	sigprocmask(SIG_BLOCK, &block, NULL);
	signal(SIGCHLD, SIG_DFL); /* an inherited SIG_IGN would reap them for us */
	*ret = c;
	return 0;
}

static void read_schedstat(pid_t pid, struct schedstat *ret)
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
static void reap(struct crew *c)
{
	siginfo_t info;

	while (info.si_pid = 0, !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid) {
		struct member *m = member_of(c, info.si_pid);

		if (m) {
			m->end_ns = now_ns();
			read_schedstat(m->pid, &m->after);
			if (m->end == MEMBER_ALIVE)
				m->end = info.si_code == CLD_EXITED ? MEMBER_EXITED : MEMBER_SIGNALED;
			m->code = info.si_status;
			c->alive--;
			c->workers[m - c->members].tid = 0;
		}
		waitid(P_PID, info.si_pid, &info, WEXITED);
		if (m)
			m->pid = 0;
	}
}

/* Sleep until a signal or the time; true while there is time left. */
static bool wait_until(struct crew *c, uint64_t until)
{
	uint64_t now = now_ns(), left = until > now ? until - now : 0;
	struct timespec t = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };
	sigset_t s = signals();
	int sig = sigtimedwait(&s, NULL, &t);

	if (sig == SIGTERM || sig == SIGINT || sig == SIGHUP)
		c->interrupted = sig;
	reap(c);
	return now_ns() < until;
}

static int interrupted(const struct crew *c, struct kt_err *err)
{
	return kt_fail(err, "interrupted by SIG%s", sigabbrev_np(c->interrupted));
}

static void woken(int sig)
{
	(void)sig; /* only there so that system calls return EINTR */
}

static _Noreturn void worker_main(struct crew *c, struct worker *w, pid_t parent, const struct crew_ops *ops, void *ctx)
{
	sigset_t s = signals();

	/* A parent that died before the request does not send it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, w->type->name);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	if ((ops->prepare && ops->prepare(w, ctx, &w->err)) || worker_prepare(w, &w->err))
		_exit(1);
	if (atomic_fetch_add(&w->go->ready, 1) + 1 == c->n)
		kill(parent, SIGREADY);
	while (!atomic_load(&w->go->word))
		futex(&w->go->word, FUTEX_WAIT, 0);
	worker_begin(w);
	w->type->run(w, w->args);
	if (worker_running(w))
		_exit(1); /* its work failed */
	worker_end(w);
	_exit(0);
}

static int fork_group(struct crew *c, unsigned first, const struct crew_ops *ops, void *ctx, struct kt_err *err)
{
	struct worker *group = &c->workers[first];
	unsigned size = work_group_size(group->type, group->args);
	pid_t parent = getpid();

	c->nr_set_up = first + size;
	if (group->type->setup && group->type->setup(group, size, group->args, err))
		return kt_context(err, "cannot set up %s", group->type->name);
	for (unsigned i = 0; i < size; i++) {
		pid_t pid = ops->fork(&group[i], ctx, err);

		if (pid < 0)
			return kt_context(err, "cannot fork worker %u", first + i);
		if (!pid)
			worker_main(c, &group[i], parent, ops, ctx);
		c->members[first + i].pid = c->members[first + i].tid = group[i].tid = pid;
		c->alive++;
	}
	for (unsigned i = 0; i < size; i++)
		for (size_t f = 0; f < WORKER_FDS; f++)
			kt_closep(&group[i].fds[f]);
	return 0;
}

static int failed_worker(const struct crew *c, struct kt_err *err)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct member *m = &c->members[i];
		const struct worker *w = &c->workers[i];

		if (m->end == MEMBER_ALIVE)
			continue;
		if (w->err.msg[0])
			return kt_fail(err, "%s", w->err.msg);
		return kt_fail(err, "worker %u of cgroup number %u ended before it was ready (%s %d)", w->index, w->cgroup,
			       m->end == MEMBER_EXITED ? "exit code" : "signal", m->code);
	}
	BUG("no worker has failed");
}

int crew_fork(struct crew *c, const struct crew_ops *ops, void *ctx, struct kt_err *err)
{
	struct sigaction act = { .sa_handler = woken }; /* no SA_RESTART */
	uint64_t limit;

	sigaction(SIGSTOPWORK, &act, NULL);
	fflush(NULL);
	for (unsigned i = 0; i < c->n;) {
		if (fork_group(c, i, ops, ctx, err))
			return -1;
		i += work_group_size(c->workers[i].type, c->workers[i].args);
	}
	limit = now_ns() + ready_limit_ns;
	while (atomic_load(&c->go->ready) < c->n && c->alive == c->n && !c->interrupted)
		if (!wait_until(c, limit))
			return kt_fail(err, "%u of %u workers did not get ready within %d s", c->n - c->go->ready, c->n,
				       (int)(ready_limit_ns / NSEC_PER_SEC));
	if (c->interrupted)
		return interrupted(c, err);
	reap(c);
	if (c->alive < c->n)
		return failed_worker(c, err);
	for (unsigned i = 0; i < c->n; i++)
		read_schedstat(c->members[i].pid, &c->members[i].before);
	return 0;
}

void crew_go(struct crew *c)
{
	c->go->start_ns = now_ns();
	atomic_store(&c->go->word, 1);
	futex(&c->go->word, FUTEX_WAKE, INT_MAX);
}

int crew_hold(struct crew *c, int64_t duration_ns, struct kt_err *err)
{
	uint64_t until = c->go->start_ns + duration_ns;

	while (!c->interrupted)
		if (!wait_until(c, until))
			break;
	return c->interrupted ? interrupted(c, err) : 0;
}

static void signal_all(const struct crew *c, int sig)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->members[i].pid > 0)
			kill(c->members[i].pid, sig);
}

/* Everybody gone before the time? */
static bool wait_gone(struct crew *c, uint64_t until)
{
	while (c->alive)
		if (!wait_until(c, until))
			break;
	return !c->alive;
}

static int kill_all(struct crew *c, struct kt_err *err)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->members[i].pid > 0)
			c->members[i].end = MEMBER_TIMED_OUT;
	signal_all(c, SIGKILL);
	if (!wait_gone(c, now_ns() + kill_limit_ns))
		return kt_fail(err, "%u workers are not gone %d s after SIGKILL", c->alive,
			       (int)(kill_limit_ns / NSEC_PER_SEC));
	return 0;
}

static void close_books(struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct worker *w = &c->workers[i];

		if (w->finished)
			continue;
		if (!w->started)
			w->last_ns = worker_start_ns(w);
		worker_close_gap(w, c->members[i].end_ns);
	}
}

static int tear_down(struct crew *c, struct kt_err *err)
{
	unsigned n = c->nr_set_up;
	int ret = 0;

	c->nr_set_up = 0;
	for (unsigned i = 0, size; i < n; i += size) {
		struct worker *group = &c->workers[i];

		size = work_group_size(group->type, group->args);
		if (group->type->teardown && group->type->teardown(group, size, group->args, err))
			ret = kt_context(err, "cannot tear down %s", group->type->name);
	}
	return ret;
}

/* Not those that were killed: these could not say why. */
static int failed_work(const struct crew *c, struct kt_err *err)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct worker *w = &c->workers[i];

		if (w->err.msg[0])
			return kt_fail(err, "%s, worker %u of cgroup number %u: %s", w->type->name, w->index, w->cgroup,
				       w->err.msg);
	}
	return 0;
}

int crew_stop(struct crew *c, struct kt_err *err)
{
	uint64_t now = now_ns(), limit = now + stop_limit_ns;
	int ret = 0;

	c->stopped_ns = now;
	atomic_store(&c->go->stop_ns, now);
	atomic_store(&c->go->stop, true);
	do {
		signal_all(c, SIGSTOPWORK);
		now = now_ns();
	} while (now < limit && !wait_gone(c, MIN(now + resignal_ns, limit)));
	if (c->alive)
		ret = kill_all(c, err);
	close_books(c);
	if (tear_down(c, ret ? NULL : err))
		ret = -1;
	return ret ? ret : failed_work(c, err);
}

void crew_destroy(struct crew *c)
{
	if (!c->workers)
		return;
	if (c->alive)
		kill_all(c, NULL);
	tear_down(c, NULL);
	munmap(c->workers, c->map_size);
	free(c->members);
	*c = (struct crew){ 0 };
}

bool crew_completed(const struct crew *c, unsigned i)
{
	const struct member *m = &c->members[i];

	return m->end == MEMBER_EXITED && m->code == 0 && c->workers[i].finished;
}
