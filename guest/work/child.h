/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * child.h - a program, run by a process that does nothing else: the worker of type Exec, the minder of a payload.
 *
 * Who runs one becomes the reaper of all its descendants: one that loses its parent, by a double fork or otherwise, is
 * its child from then on. So the whole tree can be found, watched and ended, and its CPU time is RUSAGE_CHILDREN.
 */
#ifndef KT_CHILD_H
#define KT_CHILD_H

#include "libexec/lib/cpulist.h"
#include "libexec/spec/program.h"
#include <sys/types.h>

/* What execve() takes; made before anything is measured. */
struct command {
	char *path;
	char **argv, **envp;
};

/* 0, or -1 and err: there is no such program. */
int command_init(struct command *c, const struct program *p, struct kt_err *err);
void command_deinit(struct command *c);

enum child_end { CHILD_RUNS, CHILD_EXITED, CHILD_SIGNALED };

struct child {
	pid_t pid;          /* leader of a session and process group of its own; 0: none */
	int pidfd;
	enum child_end end;
	int code;           /* exit code or signal */
};

enum { CHILD_FDS = 4 };
/*
 * Run it, with these as its descriptors 0 to 3 (-1: /dev/null, and none for 3), born in the cgroup whose directory is open
 * as cgroup (-1: where its parent is). It dies with its parent. -1 and err when it cannot be executed.
 */
int child_start(struct child *c, const struct command *cmd, const int fds[CHILD_FDS], int cgroup, struct kt_err *err);
/* Sleep until it has ended, the time on CLOCK_MONOTONIC, or a signal. True: it has ended, and is a zombie still. */
bool child_wait(struct child *c, uint64_t until_ns);
/*
 * Unless it has ended: SIGTERM to its process group, and wait. True: it has ended, if only now, and is a zombie still.
 */
bool child_stop(struct child *c, uint64_t until_ns);
/* SIGKILL to all that is left of the tree, and reap it: nothing is left. */
void child_kill(struct child *c);
/* All descendants of the caller, at most max. */
unsigned child_tree(pid_t *list, unsigned max);
/* CPU time of all that has been reaped, in ns. */
uint64_t child_cpu_ns(void);

/* What the tree did, as /proc has it: a task that comes and goes between two looks is not seen. */
struct tree {
	struct tree_task { pid_t tid; uint64_t run_ns, delay_ns, timeslices, migrations; } *tasks;
	unsigned n, max, last_cpu;
	bool more;          /* there were more than max */
	struct cpumask cpus; /* that its tasks were seen on */
};

void tree_init(struct tree *t, unsigned max);
/* Look at every task of the tree below c; migrations, which cost more, only when they are asked for. */
void tree_look(struct tree *t, const struct child *c, bool migrations);
/* Sums over all tasks ever seen. */
struct tree_task tree_sum(const struct tree *t);

#endif
