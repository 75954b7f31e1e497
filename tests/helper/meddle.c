// SPDX-License-Identifier: GPL-2.0-only
/*
 * meddle - in the guest, in the place of ktstr-work: runs the real one and does to its workers what no spec can ask for.
 * 50 ms after their go (of guest time, on the virtual clock), the workers of the cgroup
 *   stray  move to the root cgroup, out of their cpuset
 *   kill   get a SIGKILL
 *   stop   get a SIGSTOP, so that they cannot stop when they are told to
 *   left   get a stranger into their cgroup, nobody's child, who stays when they are gone
 */
#include "guest/hw.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define ROOT "/sys/fs/cgroup/"

static void move_process(pid_t pid, const char *cgroup)
{
	_cleanup_free_ char *path = xasprintf(ROOT "%s/cgroup.procs", cgroup);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (dprintf(fd, "%d", (int)pid) < 0)
		die(KT_TROUBLE, "cannot move %d: %s", (int)pid, strerror(errno));
}

/* In the cgroup before its parent is gone: then whoever waits for that finds it there. */
static void leave(const char *cgroup)
{
	pid_t parent = fork();

	if (parent) {
		waitpid(parent, NULL, 0);
		return;
	}
	pid_t orphan = fork();
	if (!orphan) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	move_process(orphan, cgroup);
	_exit(0);
}

static void meddle(void)
{
	static const char *const cgroups[] = { "stray", "kill", "stop" };

	for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++) {
		_cleanup_free_ char *path = xasprintf(ROOT "%s/cgroup.procs", cgroups[i]);
		_cleanup_fclose_ FILE *f = fopen(path, "re");

		for (int pid; f && fscanf(f, "%d", &pid) == 1;)
			if (i == 0)
				move_process(pid, ".");
			else
				kill(pid, i == 1 ? SIGKILL : SIGSTOP);
	}
	if (!access(ROOT "left", F_OK))
		leave("left");
}

int main(int argc, char **argv)
{
	char line[65536];
	int fd[2], status;
	struct kt_err err;

	(void)argc;
	kt_init("meddle");
	if (hw_init(&err))
		die(KT_TROUBLE, "%s", err.msg);
	if (pipe2(fd, O_CLOEXEC) < 0)
		die(KT_TROUBLE, "pipe2: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		execv("/bin/real-work", argv);
		die(KT_EXEC_FAILED, "cannot run the real ktstr-work: %s", strerror(errno));
	}
	close(fd[1]);
	FILE *in = fdopen(fd[0], "re");
	for (bool gone = false; fgets(line, sizeof(line), in);) {
		hw_say(line, strlen(line));
		if (gone || !strstr(line, "\"BASELINE\""))
			continue;
		gone = true;
		nanosleep(&(struct timespec){ .tv_nsec = 50 * NSEC_PER_MSEC }, NULL);
		meddle();
	}
	if (waitpid(pid, &status, 0) != pid)
		die(KT_TROUBLE, "waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : KT_TROUBLE;
}
