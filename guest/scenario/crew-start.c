// SPDX-License-Identifier: GPL-2.0-only
/* Start workers, a wave at a time: see crew.h. */
#include "guest/scenario/crew.h"
#include "libexec/lib/spawn.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const uint64_t ready_limit_ns = 60ull * NSEC_PER_SEC;

static long futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void woken(int sig)
{
	(void)sig; /* only there so that system calls return EINTR */
}

/* Batches that start together, until they have. */
struct wave {
	struct crew *crew;
	size_t first, n;
	struct go *gate;
	unsigned wanted;
	pid_t parent;
	const struct crew_ops *ops;
	void *ctx;
};

static _Noreturn void worker_main(const struct wave *wave, struct worker *w)
{
	const struct crew *c = wave->crew;
	sigset_t s = crew_signals();
	uint64_t one = 1;

	setpgid(0, 0);
	prctl(PR_SET_NAME, w->type->name);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	if ((wave->ops->prepare && wave->ops->prepare(w, wave->ctx, &w->err)) || worker_prepare(w, &w->err))
		_exit(1);
	/* After that, for another user id takes it back. A parent that died before the request does not send it. */
	if (spawn_bind(wave->parent, SIGKILL))
		_exit(1);
	/* By a descriptor: a worker with another user id could send no signal. */
	if (atomic_fetch_add(&wave->gate->ready, 1) + 1 == wave->wanted && write(c->ready_fd, &one, sizeof(one)) < 0)
		_exit(1);
	while (!atomic_load(&wave->gate->word))
		futex(&wave->gate->word, FUTEX_WAIT, 0);
	worker_begin(w);
	w->type->run(w, w->args);
	if (worker_running(w))
		_exit(1); /* its work failed */
	worker_end(w);
	_exit(0);
}

static int fork_group(const struct wave *wave, unsigned first, struct kt_err *err)
{
	struct crew *c = wave->crew;
	struct worker *group = &c->workers[first];
	struct crew_batch *b = crew_batch_of(c, first);
	unsigned size = work_group_size(group->type, group->args);

	b->nr_set_up = first + size - b->b->first;
	if (group->type->setup && group->type->setup(group, size, group->args, err))
		return kt_context(err, "cannot set up %s", group->type->name);
	for (unsigned i = 0; i < size; i++) {
		pid_t pid = wave->ops->fork(&group[i], wave->ctx, err);

		if (pid < 0)
			return kt_context(err, "cannot fork worker %u", group[i].index);
		if (!pid)
			worker_main(wave, &group[i]);
		c->members[first + i].pid = c->members[first + i].tid = group[i].tid = pid;
		c->alive++;
	}
	for (unsigned i = 0; i < size; i++)
		for (size_t f = 0; f < WORKER_FDS; f++)
			kt_closep(&group[i].fds[f]);
	return 0;
}

static int fork_batch(const struct wave *wave, size_t batch, struct kt_err *err)
{
	const struct batch *b = wave->crew->batches[batch].b;

	wave->crew->batches[batch].forked = true;
	for (unsigned i = 0; i < b->n; i += work_group_size(b->work->type, b->work->args))
		if (fork_group(wave, b->first + i, err))
			return -1;
	return 0;
}

static unsigned alive_in(const struct crew *c, size_t first, size_t n)
{
	unsigned alive = 0;

	for (size_t i = first; i < first + n; i++)
		for (unsigned k = 0; k < c->batches[i].b->n; k++)
			alive += c->members[c->batches[i].b->first + k].pid > 0;
	return alive;
}

static int failed_worker(const struct wave *wave, struct kt_err *err)
{
	const struct crew *c = wave->crew;
	unsigned from = c->batches[wave->first].b->first;

	for (unsigned i = from; i < from + wave->wanted; i++) {
		const struct member *m = &c->members[i];
		const struct worker *w = &c->workers[i];

		if (m->end == MEMBER_ALIVE)
			continue;
		if (w->err.msg[0])
			return kt_fail(err, "%s", w->err.msg);
		return kt_fail(err, "worker %u ended before it was ready (%s %d)", w->index,
			       m->end == MEMBER_EXITED ? "exit code" : "signal", m->code);
	}
	BUG("no worker has failed");
}

static int await_ready(const struct wave *wave, struct kt_err *err)
{
	struct crew *c = wave->crew;
	uint64_t limit = now_ns() + ready_limit_ns;

	while (atomic_load(&wave->gate->ready) < wave->wanted && alive_in(c, wave->first, wave->n) == wave->wanted &&
	       !c->interrupted)
		if (!crew_wait_until(c, limit))
			return kt_fail(err, "%u of %u workers did not get ready within %d s",
				       wave->wanted - wave->gate->ready, wave->wanted, (int)(ready_limit_ns / NSEC_PER_SEC));
	if (c->interrupted)
		return crew_interrupted(c, err);
	crew_reap(c);
	if (alive_in(c, wave->first, wave->n) < wave->wanted)
		return failed_worker(wave, err);
	return 0;
}

int crew_fork(struct crew *c, size_t first, size_t n, const struct crew_ops *ops, void *ctx, struct kt_err *err)
{
	struct sigaction act = { .sa_handler = woken }; /* no SA_RESTART */
	struct wave wave = { .crew = c, .first = first, .n = n, .parent = getpid(), .ops = ops, .ctx = ctx };

	if (!n)
		return 0;
	wave.gate = c->batches[first].go;
	for (size_t i = first; i < first + n; i++)
		wave.wanted += c->batches[i].b->n;
	sigaction(SIGSTOPWORK, &act, NULL);
	fflush(NULL);
	for (size_t i = first; i < first + n; i++)
		if (fork_batch(&wave, i, err))
			return -1;
	if (await_ready(&wave, err))
		return -1;
	for (size_t i = first; i < first + n; i++)
		for (unsigned k = 0; k < c->batches[i].b->n; k++) {
			struct member *m = &c->members[c->batches[i].b->first + k];

			crew_read_schedstat(m->pid, &m->before);
		}
	return 0;
}

uint64_t crew_go(struct crew *c, size_t first, size_t n)
{
	uint64_t now = now_ns();

	for (size_t i = first; i < first + n; i++)
		c->batches[i].go->start_ns = now;
	if (!n)
		return now;
	atomic_store(&c->batches[first].go->word, 1);
	futex(&c->batches[first].go->word, FUTEX_WAKE, INT_MAX);
	return now;
}
