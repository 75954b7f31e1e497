// SPDX-License-Identifier: GPL-2.0-only
/* Payloads of a running scenario: see payloads.h. */
#include "guest/scenario/payloads.h"
#include "guest/scenario/cgroup.h"
#include "guest/scenario/engine.h"
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A minder ends its program within 2 s, and a tree that does not die within another 4. */
static const uint64_t stop_limit_ns = 10ull * NSEC_PER_SEC;
enum { WATCHDOG_PART_S = 5 };

/* A cgroup that no spec can name: it begins with a dot. It has no controllers, so that there may be workers beside it. */
static enum outcome make_cgroup(struct engine *e, struct payload_run *r, int *fd, struct kt_err *err)
{
	if (!engine_root(e)) {
		*fd = -1;
		return OUTCOME_DONE;
	}
	if (!e->root_open) {
		enum outcome o = cgroup_open_root(engine_root(e), err);
		if (o != OUTCOME_DONE)
			return o;
		e->root_open = true;
	}
	r->dir = xasprintf("%s%s.payload-%s", r->cgroup ? r->cgroup : "", r->cgroup ? "/" : "", r->payload->name);
	if (cgroup_make(engine_root(e), r->dir, err)) {
		free(r->dir);
		r->dir = NULL;
		return OUTCOME_ERROR;
	}
	_cleanup_free_ char *path = xasprintf("%s/%s", engine_root(e), r->dir);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0) {
		kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		return OUTCOME_ERROR;
	}
	return OUTCOME_DONE;
}

static int start_minder(struct payload_run *r, const struct command *cmd, int cgroup, bool scheduled, struct kt_err *err)
{
	pid_t parent = getpid();
	int control[2];

	r->m = mmap(NULL, sizeof(*r->m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->m == MAP_FAILED) {
		r->m = NULL;
		return kt_fail(err, "cannot map %zu bytes: %s", sizeof(*r->m), strerror(errno));
	}
	r->m->look = scheduled;
	r->m->out.tail = (struct tail){ r->m->out.tail_ring, sizeof(r->m->out.tail_ring) };
	r->m->errors.tail = (struct tail){ r->m->errors.tail_ring, sizeof(r->m->errors.tail_ring) };
	if (pipe2(control, O_CLOEXEC))
		return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	r->pid = fork();
	if (!r->pid) {
		close(control[1]);
		if (spawn_bind(parent, SIGKILL))
			_exit(1);
		minder_main(r->m, cmd, (uint64_t)r->payload->timeout_ns, control[0], cgroup);
	}
	close(control[0]);
	r->control = control[1];
	if (r->pid < 0) {
		r->pid = 0;
		return kt_fail(err, "cannot fork a minder: %s", strerror(errno));
	}
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	return r->pidfd < 0 ? kt_fail(err, "cannot watch a minder: %s", strerror(errno)) : 0;
}

enum outcome payload_start(struct engine *e, unsigned index, const char *cgroup, struct kt_err *err)
{
	const struct payload *p = &e->spec->payloads.v[index];
	_cleanup_(command_deinit) struct command cmd = { 0 };
	_cleanup_close_ int fd = -1;

	e->payload_runs = xrealloc(e->payload_runs, e->nr_payload_runs + 1, sizeof(*e->payload_runs));
	struct payload_run *r = &e->payload_runs[e->nr_payload_runs++];
	*r = (struct payload_run){ .payload = p, .cgroup = cgroup, .phase = e->phase, .pidfd = -1, .control = -1 };
	enum outcome o = command_init(&cmd, &p->program, err) ? OUTCOME_ERROR : make_cgroup(e, r, &fd, err);
	if (o == OUTCOME_DONE && start_minder(r, &cmd, fd, e->sched.enabled, err))
		o = OUTCOME_ERROR;
	if (o == OUTCOME_DONE)
		r->tasks = sched_count_tasks(&e->sched, &r->pid, 1); /* its program begins in the class of its minder */
	return o == OUTCOME_DONE ? o : (kt_context(err, "payload '%s'", p->name), o);
}

static bool payload_over(const struct payload_run *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };

	return !r->pid || atomic_load(&r->m->done) || poll(&p, 1, 0) > 0;
}

struct payload_run *payload_running(struct engine *e, unsigned index)
{
	for (size_t i = e->nr_payload_runs; i--;)
		if (e->payload_runs[i].payload == &e->spec->payloads.v[index] && e->payload_runs[i].pid)
			return &e->payload_runs[i];
	return NULL;
}

/* Until it is over, or the time; and, when it is worth waiting for only under the scheduler, until that is gone. */
static int await_payload(struct engine *e, const struct payload_run *r, uint64_t until_ns, bool under, struct kt_err *err)
{
	while (!payload_over(r) && now_ns() < until_ns) {
		engine_kick(e);
		if (!sched_alive(&e->sched) && under)
			return 0;
		e->crew.news_fd = e->sched.fd;
		if (crew_wait_once(&e->crew, MIN(until_ns, now_ns() + (uint64_t)WATCHDOG_PART_S * NSEC_PER_SEC), err))
			return -1;
	}
	return 0;
}

/* Its minder has said all, or is dead: end what is left of both. */
static int clean_up(struct engine *e, struct payload_run *r, struct kt_err *err)
{
	int ret = 0;

	if (!r->pid)
		return 0;
	if (!payload_over(r))
		kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0); /* or whoever waits for all has done it */
	r->pid = 0;
	kt_closep(&r->pidfd);
	kt_closep(&r->control);
	if (r->dir)
		ret = cgroup_remove(engine_root(e), r->dir, err);
	free(r->dir);
	r->dir = NULL;
	/* ... and may have gone over to the scheduler itself, when that does not take all. */
	if (r->tasks && r->m->under)
		json_object_set_new(r->tasks, "under", json_integer(1));
	if (!atomic_load(&r->m->done))
		ret = kt_fail(err, "payload '%s': its minder died", r->payload->name);
	return ret;
}

int payload_stop(struct engine *e, struct payload_run *r, enum minder_end how, struct kt_err *err)
{
	if (!payload_over(r)) {
		atomic_store(&r->m->told, how);
		if (write(r->control, "", 1) != 1)
			return kt_fail(err, "cannot tell a minder to stop: %s", strerror(errno));
		if (await_payload(e, r, now_ns() + stop_limit_ns, false, err))
			return -1;
	}
	return clean_up(e, r, err);
}

int payload_wait(struct engine *e, struct payload_run *r, uint64_t until_ns, struct kt_err *err)
{
	if (await_payload(e, r, until_ns, true, err))
		return -1;
	return payload_stop(e, r, sched_alive(&e->sched) ? MINDER_TIMED_OUT : MINDER_STOPPED, err);
}

int payloads_stop(struct engine *e, struct kt_err *err)
{
	for (size_t i = 0; i < e->spec->payloads.n; i++) {
		struct payload_run *r = e->scene.payloads[i].running ? NULL : payload_running(e, i);

		if (r && payload_stop(e, r, MINDER_STOPPED, err))
			return -1;
	}
	return 0;
}

int payloads_destroy(struct engine *e, struct kt_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < e->nr_payload_runs; i++) {
		struct payload_run *r = &e->payload_runs[i];

		if (r->pid && !payload_over(r)) {
			kill(r->pid, SIGKILL);
			clean_up(e, r, NULL); /* that it died is no news */
		} else if (clean_up(e, r, err)) {
			ret = -1;
		}
		if (r->m)
			munmap(r->m, sizeof(*r->m));
		free(r->dir);
	}
	free(e->payload_runs);
	e->payload_runs = NULL;
	e->nr_payload_runs = 0;
	return ret;
}
