/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schbench.h - the threads of a Schbench worker.
 *
 * As in Chris Mason's benchmark of that name: a worker thread asks its message thread for work and sleeps; the message thread
 * wakes all who ask, with one time stamp for all of them; who is woken sleeps a while (the network, say), then multiplies
 * matrices under the lock of the CPU it is on, which is held up where the holder lost its CPU. From stamp to running is a
 * wake-up latency, sleep and matrices are a request.
 *
 * With a rate of requests, message threads do not answer: at the start of every second each gives out as many as are due,
 * in turn to its worker threads, who do all they have before they sleep again.
 */
#ifndef KT_WORK_SCHBENCH_H
#define KT_WORK_SCHBENCH_H

#include "guest/work/worker.h"
#include <pthread.h>

struct schbench {
	unsigned message_threads, worker_threads, footprint_kib, operations;
	int64_t sleep_ns, split_percent, rps;
	unsigned auto_rps, pipe_bytes;
	bool skip_locking;
};

struct bench_thread {
	struct worker self;         /* its own books, of which wake_latency are its wake-ups */
	struct histogram request;
	struct bench *bench;
	struct bench_thread *msg;   /* its message thread; NULL: it is one */
	struct bench_thread *next;  /* in the list of those who asked */
	_Atomic(struct bench_thread *) asked; /* of a message thread: the list, the last one first */
	_Atomic uint64_t wake_ns, loops;
	_Atomic uint32_t futex, requests, pending;
	uint64_t delay_ns, slices;  /* from its schedstat, at its end */
	uint64_t *data;
	char *page;                 /* pipe mode: what is transferred */
	pthread_t id;
};

struct bench {
	const struct schbench *args;
	struct bench_thread *threads; /* a message thread, its worker threads, the next message thread */
	unsigned per_message, n;      /* worker threads of each message thread; all threads */
	unsigned dim, shared_dim;     /* of what is a thread's own, and of what they share */
	uint64_t *shared;
	_Atomic bool quit;
	_Atomic int64_t rps;          /* of each message thread */
	struct { _Alignas(64) _Atomic bool held; } cpu_locks[CPUMASK_MAX];
};

/* The matrix products of a request that are of a thread's own matrices: all without a split. The others are shared. */
static inline unsigned own_operations(const struct schbench *a)
{
	return a->split_percent < 0 ? a->operations : (uint64_t)a->operations * a->split_percent / 100;
}

/* All of its memory. */
/* Threads that it will have, on so many CPUs; 0 and err: too many. */
unsigned bench_count(const struct schbench *a, unsigned cpus, struct kt_err *err);
int bench_prepare(struct bench *b, struct worker *w, const struct schbench *args, struct kt_err *err);
/* Start the threads; -1 and err when not all could be: then those that could are gone again. */
int bench_start(struct bench *b, struct kt_err *err);
/* Stop them all and wait until they are gone. */
void bench_stop(struct bench *b);
uint64_t bench_loops(const struct bench *b);

#endif
