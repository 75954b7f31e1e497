// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: measure COMMAND [ARGUMENT...]
 * Runs the command and writes "WALL_MS CPU_MS MAXRSS_KIB STATUS" to descriptor 9 (stderr if there is none): wall-clock
 * time, user and system time and the peak resident memory of the command itself, not of its children.
 */
#include "libexec/lib/kt.h"
#include <sys/resource.h>
#include <sys/wait.h>

static double timeval_seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	struct rusage ru;
	int status;

	kt_init("measure");
	if (argc < 2)
		die_usage("no command");
	clock_gettime(CLOCK_MONOTONIC, &a);
	pid_t pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		die(KT_NOT_FOUND, "cannot run '%s': %s", argv[1], strerror(errno));
	}
	/* wait4() gives the child with those of its own that it waited for; the peak is the largest one's. */
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid)
		die(KT_TROUBLE, "cannot run '%s': %s", argv[1], strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &b);
	double wall = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	if (dprintf(9, "%.3f %.3f %ld %d\n", wall, 1e3 * (timeval_seconds(ru.ru_utime) + timeval_seconds(ru.ru_stime)), ru.ru_maxrss,
		    WEXITSTATUS(status)) < 0)
		fprintf(stderr, "%.3f %.3f %ld %d\n", wall, 1e3 * (timeval_seconds(ru.ru_utime) + timeval_seconds(ru.ru_stime)),
			ru.ru_maxrss, WEXITSTATUS(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : KT_TROUBLE;
}
