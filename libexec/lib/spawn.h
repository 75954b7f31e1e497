/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.h - programs and processes that die with the one that starts them. */
#ifndef KT_SPAWN_H
#define KT_SPAWN_H

#include "libexec/lib/kt.h"
#include <sys/types.h>

/*
 * In a new process: have this signal sent when its parent dies. -1 when the parent has died already, and nobody will send it.
 * parent is what getpid() was before the fork.
 */
int spawn_bind(pid_t parent, int signal);

struct spawn {
	const char *path;        /* the program; NULL: argv[0], which is looked for in PATH */
	char *const *argv;       /* without a path, variables may come first, as a shell has it: "NAME=VALUE", ... */
	char *const *env;        /* NULL: ours. Only with a path */
	/* Descriptors and their numbers there; fd -1 is /dev/null. Of ours it has the standard ones, and no other. */
	const struct spawn_fd { int fd, as; } *fds;
	size_t nr_fds;
	int cgroup;              /* the directory of the cgroup that it is born in; -1: ours */
	bool session;            /* the leader of one of its own */
	int64_t max_file;        /* no file that it writes gets larger; 0: no limit */
};

/*
 * Start a program that gets SIGKILL when the calling thread ends; nothing is blocked in it, and SIGPIPE ends it. Its pid; or -1
 * and err, with code KT_NOT_FOUND or KT_EXEC_FAILED when it cannot be executed.
 */
pid_t spawn_program(const struct spawn *s, struct kt_err *err);
/* Wait until it has ended, and reap it: its wait status. */
int spawn_wait(pid_t pid);

#endif
