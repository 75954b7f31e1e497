/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crew.h - the workers of a scenario, in batches that start and stop at different times.
 *
 * All that there will be are laid out at the beginning, in memory shared with them. A wave of batches starts in two
 * phases: all of its workers are forked, each puts itself where it belongs and waits; when the last one waits, one
 * futex broadcast starts them. Each batch has a flag of its own at which its workers stop; a signal wakes those that are
 * blocked, again and again until they are gone, because one that lands just before a blocking call would be lost. Who is
 * not gone 5 s later is killed.
 *
 * A worker may have children of its own. It is the leader of a process group, which is killed when it is gone.
 *
 * Their parent sleeps in poll() meanwhile and writes nothing. It stays in the cgroup and the scheduling class in which
 * it was started: it is one more task that the scheduler under test must run now and then, a few milliseconds in all.
 * When it dies, so do they. From crew_create() on it blocks SIGCHLD, SIGTERM, SIGINT and SIGHUP; the last three end a
 * wait.
 */
#ifndef KT_CREW_H
#define KT_CREW_H

#include "libexec/spec/spec.h"
#include "guest/work/worker.h"
#include <signal.h>
#include <sys/types.h>

struct schedstat {
	uint64_t run_ns, delay_ns, timeslices; /* all 0 where the kernel does not count */
};

enum member_end { MEMBER_ALIVE, MEMBER_EXITED, MEMBER_SIGNALED, MEMBER_TIMED_OUT };

/* What the parent knows of a worker; the worker cannot write it. */
struct member {
	pid_t pid, tid;               /* pid is 0 before the fork and once it is reaped */
	enum member_end end;
	int code;                     /* exit code or signal */
	uint64_t end_ns;              /* when its end was noticed */
	struct schedstat before, after; /* before go, and at its end */
	bool has_affinity;
	struct cpumask affinity;      /* the last one that was asked for */
};

struct crew_batch {
	const struct batch *b;
	struct go *go;                /* its workers'; word and ready are those of its wave's first batch */
	unsigned nr_set_up;           /* workers whose groups have been through setup() */
	bool forked, stopping, closed;
	uint64_t stopped_ns;
};

struct crew {
	const struct spec *spec;
	unsigned n, alive;
	struct worker *workers;       /* n of them, in shared memory */
	struct member *members;       /* n of them */
	struct crew_batch *batches;   /* as spec->batches */
	void *map;
	size_t map_size;
	int signal_fd, ready_fd, timer_fd;
	int news_fd;                  /* somebody else's: ends a crew_wait() when it becomes readable; or -1 */
	bool news;                    /* it did */
	int interrupted;              /* a signal that asks this program to end, or 0 */
};

struct crew_ops {
	/* In the parent: fork a worker where it belongs; as fork(), with err filled when it returns -1. */
	pid_t (*fork)(const struct worker *w, void *ctx, struct kt_err *err);
	/* In the worker, before it says that it is ready. NULL: nothing to do. */
	int (*prepare)(const struct worker *w, void *ctx, struct kt_err *err);
};

/* Lay out the workers of a spec. The spec must stay. virtual_clock: see struct go. */
int crew_create(const struct spec *spec, bool virtual_clock, struct crew *ret, struct kt_err *err);
/* Before any is started: what they compute is to be modelled. -1 and err: this machine cannot do that. */
int crew_model(struct crew *c, struct kt_err *err);
/* Give them what they have of the seed. Before the first go: again, if it was not known before. */
void crew_sow(struct crew *c, int64_t seed);
/* Kills what is left of it. */
void crew_destroy(struct crew *c);
/* A wave: fork the workers of n batches from the first on, and wait until each has prepared itself and sleeps. */
int crew_fork(struct crew *c, size_t first, size_t n, const struct crew_ops *ops, void *ctx, struct kt_err *err);
/* Start them, returning at once; when that was. */
uint64_t crew_go(struct crew *c, size_t first, size_t n);
/* Wait until then, or for news, noting who dies. -1 when a signal asks this program to end. */
int crew_wait(struct crew *c, uint64_t until_ns, struct kt_err *err);
/* The same, but until anything has happened at all. */
int crew_wait_once(struct crew *c, uint64_t until_ns, struct kt_err *err);
/* Have the workers of a batch stop. They need not be able to, yet. */
void crew_stop_soon(struct crew *c, size_t batch);
/*
 * Wait until all that must stop have, and remove what their types made; afterwards none of them is left. -1 when one is,
 * because even SIGKILL did not help, and when the work of one has failed.
 */
int crew_stop(struct crew *c, struct kt_err *err);
/* Stopped when told to, and all of its figures are there. */
bool crew_completed(const struct crew *c, unsigned i);
/* The batch of worker number i. */
static inline struct crew_batch *crew_batch_of(const struct crew *c, unsigned i)
{
	return &c->batches[c->workers[i].cgroup];
}

/* For crew-start.c. */
enum { SIGSTOPWORK = SIGUSR1 };
sigset_t crew_signals(void); /* what the parent takes by its descriptor */
void crew_read_schedstat(pid_t pid, struct schedstat *ret);
/* Note who has ended. */
void crew_reap(struct crew *c);
/* Sleep until somebody is ready or has ended, or a signal, or the time; true while there is time left. */
bool crew_wait_until(struct crew *c, uint64_t until);
int crew_interrupted(const struct crew *c, struct kt_err *err);

#endif
