/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crew.h - workers that start and stop together.
 *
 * In two phases: all are forked, each puts itself where it belongs and waits; when the last one waits, one
 * futex broadcast starts them. They stop at a shared flag; a signal wakes those that are blocked, again and
 * again until they are gone, because one that lands just before a blocking call would be lost. Who is not
 * gone 5 s later is killed.
 *
 * Their parent sleeps in sigtimedwait() meanwhile and writes nothing. It stays in the cgroup and the
 * scheduling class in which it was started: it is one more task that the scheduler under test must run now
 * and then, a few milliseconds in all. When it dies, so do they. From crew_create() on it blocks SIGCHLD,
 * SIGUSR2, SIGTERM, SIGINT and SIGHUP; the last three end a hold.
 */
#ifndef KT_CREW_H
#define KT_CREW_H

#include "spec.h"
#include "work/worker.h"
#include <sys/types.h>

struct schedstat {
	uint64_t run_ns, delay_ns, timeslices; /* all 0 where the kernel does not count */
};

enum member_end { MEMBER_ALIVE, MEMBER_EXITED, MEMBER_SIGNALED, MEMBER_TIMED_OUT };

/* What the parent knows of a worker; the worker cannot write it. */
struct member {
	pid_t pid, tid;               /* pid is 0 once it is reaped */
	enum member_end end;
	int code;                     /* exit code or signal */
	uint64_t end_ns;              /* when its end was noticed */
	struct schedstat before, after; /* before go, and at its end */
};

struct crew {
	unsigned n, alive;
	unsigned nr_set_up;     /* the first workers, whose groups have been through setup() */
	struct worker *workers; /* n of them, and go, in shared memory */
	struct go *go;
	struct member *members; /* n of them */
	size_t map_size;
	int interrupted;        /* a signal that asks this program to end, or 0 */
	uint64_t stopped_ns;
};

struct crew_ops {
	/* In the parent: fork a worker where it belongs; as fork(), with err filled when it returns -1. */
	pid_t (*fork)(const struct worker *w, void *ctx, struct kt_err *err);
	/* In the worker, before it says that it is ready. NULL: nothing to do. */
	int (*prepare)(const struct worker *w, void *ctx, struct kt_err *err);
};

/* Lay out the workers of a spec, in the order of its cgroups. The spec must stay. */
int crew_create(const struct spec *spec, int64_t seed, struct crew *ret, struct kt_err *err);
/* Kills what is left of it. */
void crew_destroy(struct crew *c);
/* Fork them all, and wait until each has prepared itself and sleeps. */
int crew_fork(struct crew *c, const struct crew_ops *ops, void *ctx, struct kt_err *err);
/* Start them; returns at once. */
void crew_go(struct crew *c);
/* Wait until that long after go, noting who dies. -1 when a signal asks this program to end. */
int crew_hold(struct crew *c, int64_t duration_ns, struct kt_err *err);
/*
 * Stop them all, and remove what their types made; afterwards none is left. -1 when one is, because even SIGKILL did not
 * help, and when the work of one has failed.
 */
int crew_stop(struct crew *c, struct kt_err *err);
/* Stopped when told to, and all of its figures are there. */
bool crew_completed(const struct crew *c, unsigned i);

#endif
