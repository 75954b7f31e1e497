// SPDX-License-Identifier: GPL-2.0-only
/* Running and ending a program and its descendants: see child.h. */
#include "guest/work/child.h"
#include "guest/work/worker.h"
#include "libexec/lib/path.h"
#include "libexec/lib/spawn.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MAX_TREE = 4096 };
/* A process that got SIGKILL is gone when it next runs; on an overloaded machine that may take its time. */
static const uint64_t kill_limit_ns = 4ull * NSEC_PER_SEC;

int command_init(struct command *c, const struct program *p, struct kt_err *err)
{
	const char *path = program_getenv(p, "PATH"), *key;
	size_t n = json_array_size(p->args), envs = 0;
	json_t *value, *env = (json_t *)p->env;

	*c = (struct command){ 0 };
	if (!path)
		path = getenv("PATH");
	if (!path)
		path = PROGRAM_PATH;
	c->path = strchr(p->program, '/') ? xstrdup(p->program) : path_find(path, p->program);
	if (!c->path)
		return kt_fail(err, "program '%s' is not in PATH (%s)", p->program, path);
	if (access(c->path, X_OK)) {
		kt_fail(err, "cannot run '%s': %s", c->path, strerror(errno));
		command_deinit(c);
		return -1;
	}
	c->argv = xcalloc(n + 2, sizeof(*c->argv));
	c->argv[0] = xstrdup(p->program);
	for (size_t i = 0; i < n; i++)
		c->argv[i + 1] = xstrdup(json_string_value(json_array_get(p->args, i)));
	c->envp = xcalloc(json_object_size(p->env) + 2, sizeof(*c->envp));
	if (!program_getenv(p, "PATH"))
		c->envp[envs++] = xasprintf("PATH=%s", path);
	json_object_foreach(env, key, value) {
		c->envp[envs++] = xasprintf("%s=%s", key, json_string_value(value));
	}
	return 0;
}

void command_deinit(struct command *c)
{
	for (char **p = c->argv; p && *p; p++)
		free(*p);
	for (char **p = c->envp; p && *p; p++)
		free(*p);
	free(c->argv);
	free(c->envp);
	free(c->path);
	*c = (struct command){ 0 };
}

int child_start(struct child *c, const struct command *cmd, const int fds[CHILD_FDS], int cgroup, struct kt_err *err)
{
	struct spawn_fd there[CHILD_FDS];
	struct spawn s = { .path = cmd->path, .argv = cmd->argv, .env = cmd->envp, .fds = there, .cgroup = cgroup, .session = true };

	*c = (struct child){ .pidfd = -1 };
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < CHILD_FDS; i++)
		if (i <= STDERR_FILENO || fds[i] >= 0)
			there[s.nr_fds++] = (struct spawn_fd){ fds[i], i };
	pid_t pid = spawn_program(&s, err);
	if (pid < 0)
		return -1;
	c->pid = pid;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		kt_fail(err, "cannot run '%s': %s", cmd->path, strerror(errno));
		child_kill(c);
		return -1;
	}
	return 0;
}

bool child_wait(struct child *c, uint64_t until_ns)
{
	uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
	struct timespec t = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };
	siginfo_t info = { 0 };

	if (!c->pid)
		return true;
	ppoll(&p, 1, &t, NULL);
	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return false;
	c->end = info.si_code == CLD_EXITED ? CHILD_EXITED : CHILD_SIGNALED;
	c->code = info.si_status;
	return true;
}

/* The children of one thread. */
static unsigned children_of_task(pid_t pid, const char *tid, pid_t *list, unsigned n, unsigned max)
{
	char path[128], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[MAX(len, 0)] = '\0';
	for (char *p = text, *end; n < max; p = end) {
		long child = strtol(p, &end, 10);

		if (end == p || (!*end && len == (ssize_t)sizeof(text) - 1)) /* cut: maybe only half a number */
			break;
		list[n++] = (pid_t)child;
	}
	return n;
}

static unsigned children_of(pid_t pid, pid_t *list, unsigned n, unsigned max)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (*e->d_name != '.')
			n = children_of_task(pid, e->d_name, list, n, max);
	if (dir)
		closedir(dir);
	return n;
}

unsigned child_tree(pid_t *list, unsigned max)
{
	unsigned n = children_of((pid_t)syscall(SYS_getpid), list, 0, max);

	for (unsigned i = 0; i < n; i++)
		n = children_of(list[i], list, n, max);
	return n;
}

void child_kill(struct child *c)
{
	static pid_t list[MAX_TREE];
	const struct timespec pause = { .tv_nsec = NSEC_PER_MSEC };
	uint64_t limit = now_ns() + kill_limit_ns;
	siginfo_t info = { 0 };

	/* Who forks meanwhile is found the next time: each round kills all that there are. */
	do {
		unsigned n = child_tree(list, MAX_TREE);

		for (unsigned i = 0; i < n; i++)
			kill(list[i], SIGKILL);
		while (info.si_pid = 0, !waitid(P_ALL, 0, &info, WEXITED | WNOHANG) && info.si_pid)
			if (info.si_pid == c->pid && c->end == CHILD_RUNS) {
				c->end = info.si_code == CLD_EXITED ? CHILD_EXITED : CHILD_SIGNALED;
				c->code = info.si_status;
			}
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && errno == ECHILD)
			break;
		nanosleep(&pause, NULL);
	} while (now_ns() < limit);
	kt_closep(&c->pidfd);
	c->pidfd = -1;
	c->pid = 0;
}

bool child_stop(struct child *c, uint64_t until_ns)
{
	bool ended = child_wait(c, 0);

	if (!ended)
		kill(-c->pid, SIGTERM);
	while (!ended && now_ns() < until_ns)
		ended = child_wait(c, until_ns);
	return ended;
}

uint64_t child_cpu_ns(void)
{
	struct rusage ru;

	getrusage(RUSAGE_CHILDREN, &ru);
	return ((uint64_t)ru.ru_utime.tv_sec + (uint64_t)ru.ru_stime.tv_sec) * NSEC_PER_SEC +
	       ((uint64_t)ru.ru_utime.tv_usec + (uint64_t)ru.ru_stime.tv_usec) * NSEC_PER_USEC;
}
