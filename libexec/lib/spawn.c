// SPDX-License-Identifier: GPL-2.0-only
/* Processes that die with their parent: see spawn.h. */
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MAX_FDS = 128 };

int spawn_bind(pid_t parent, int signal)
{
	return prctl(PR_SET_PDEATHSIG, signal) || getppid() != parent ? -1 : 0;
}

/* First all of them out of the way of their targets, then down. The number of the pipe that errors go to may change. */
static int move_descriptors(const struct spawn *s, int *failed)
{
	int high[MAX_FDS], first_free = STDERR_FILENO + 1;

	/* What another thread or a library left open is not for this program. */
	syscall(SYS_close_range, first_free, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < s->nr_fds; i++)
		first_free = MAX(first_free, s->fds[i].as + 1);
	*failed = fcntl(*failed, F_DUPFD_CLOEXEC, first_free);
	for (size_t i = 0; i < s->nr_fds; i++) {
		int fd = s->fds[i].fd < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : s->fds[i].fd;

		high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, first_free);
		if (high[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < s->nr_fds; i++)
		if (dup2(high[i], s->fds[i].as) < 0)
			return -1;
	return 0;
}

/* In the new process. What failed goes to the parent as a number, through a pipe that execve() closes. */
static _Noreturn void execute(const struct spawn *s, pid_t parent, int failed)
{
	struct rlimit limit = { (rlim_t)s->max_file, (rlim_t)s->max_file };
	char *const *argv = s->argv;
	sigset_t none;

	if (spawn_bind(parent, SIGKILL))
		_exit(KT_EXEC_FAILED);
	if (s->session)
		setsid();
	if (!move_descriptors(s, &failed) && (!s->max_file || !setrlimit(RLIMIT_FSIZE, &limit))) {
		signal(SIGPIPE, SIG_DFL); /* others that are ignored are the caller's wish, as with nohup */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (s->path)
			execve(s->path, argv, s->env ? s->env : environ);
		while (!s->path && (*argv)[strcspn(*argv, "=/")] == '=')
			putenv(*argv++);
		if (!s->path)
			execvp(*argv, argv);
	}
	int e = errno;
	if (write(failed, &e, sizeof(e)) != sizeof(e))
		_exit(KT_EXEC_FAILED);
	_exit(KT_NOT_FOUND);
}

/* What is run, as messages call it. */
static const char *name_of(const struct spawn *s)
{
	char *const *argv = s->argv;

	while (!s->path && (*argv)[strcspn(*argv, "=/")] == '=')
		argv++;
	return s->path ? s->path : *argv;
}

static pid_t fork_into(int cgroup)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)cgroup };

	return cgroup < 0 ? fork() : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

pid_t spawn_program(const struct spawn *s, struct kt_err *err)
{
	pid_t parent = getpid(), pid;
	int failed[2], e = 0;
	ssize_t n;

	if (s->nr_fds > MAX_FDS)
		BUG("%zu descriptors", s->nr_fds);
	if (pipe2(failed, O_CLOEXEC))
		return kt_fail(err, "cannot make a pipe: %s", strerror(errno));
	_cleanup_close_ int from = failed[0], to = failed[1];
	pid = fork_into(s->cgroup);
	if (pid < 0)
		return kt_fail(err, "cannot fork to run '%s': %s", name_of(s), strerror(errno));
	if (!pid)
		execute(s, parent, to);
	close(take_fd(to));
	while ((n = read(from, &e, sizeof(e))) < 0 && errno == EINTR)
		;
	if (!n)
		return pid;
	spawn_wait(pid);
	return kt_fail_as(err, e == ENOENT ? KT_NOT_FOUND : KT_EXEC_FAILED, "cannot run '%s': %s", name_of(s), strerror(e));
}

int spawn_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			BUG("waitpid: %s", strerror(errno));
	return status;
}
