// SPDX-License-Identifier: GPL-2.0-only
/*
 * ForkExit: children that end at once.
 *
 * A child does so little that it needs nobody to end it: it is gone as soon as it has run, also when its parent is killed.
 */
#include "guest/work/worker.h"
#include <sys/wait.h>

static void fork_exit_run(struct worker *w, const void *args)
{
	(void)args;
	while (worker_running(w)) {
		uint64_t before = w->last_ns;
		int status;
		pid_t pid = _Fork();

		if (!pid) {
			atomic_store(&w->mail.stamp_ns, now_ns());
			_exit(0);
		}
		if (pid < 0)
			return worker_fail(w, "cannot fork: %s", strerror(errno));
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				return worker_fail(w, "cannot wait for a child: %s", strerror(errno));
		if (status)
			return worker_fail(w, "a child ended with wait status %#x, not 0", (unsigned)status);
		uint64_t ran = atomic_load(&w->mail.stamp_ns);
		if (ran < before)
			return worker_fail(w, "a child was reaped that has not run");
		histogram_record(&w->wake_latency, ran - before);
		w->iterations++;
		worker_tick(w, 1);
	}
}

const struct work_type work_fork_exit = {
	.name = "ForkExit",
	.summary = "Forks children that exit at once, and reaps them: placing new tasks, and letting go of dead ones.",
	.unit = "one child forked, run and reaped",
	.gap = "nothing; waiting for the child counts",
	.latency = "from just before fork() to the child's first instructions",
	.traits = WORK_FORKS,
	.run = fork_exit_run,
};
