/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - one worker, in memory shared with its parent, and what a work type calls while it runs.
 *
 * The clock is CLOCK_MONOTONIC, and everything is counted from the go that all workers share, so that a
 * worker that is woken late shows it. A seed other than 0 has a worker start a while after go, asleep until then; its
 * figures count from there. Nothing here depends on a pid, an address, the time of day or chance.
 */
#ifndef KT_WORKER_H
#define KT_WORKER_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/histogram.h"
#include "guest/work/compute.h"
#include "guest/work/work.h"
#include <stdatomic.h>

enum { WORKER_FDS = 4, WORKER_DETAIL = 96 };

/* Shared by the workers of a batch, which start and stop together. */
struct go {
	_Atomic uint32_t word;    /* a futex: 0 until go; that of the first batch is for all that start together */
	_Atomic uint32_t ready;   /* workers that wait for go */
	_Atomic bool stop;
	struct worker *workers;   /* all that there ever are, by batch and index */
	unsigned n;
	uint64_t start_ns;        /* written before word */
	bool virtual_clock;       /* the machine counts instructions: PAUSE lets every other vCPU have a turn first */
	struct compute_costs compute;
	_Atomic uint64_t stop_ns; /* written before stop */
};

struct worker {
	/* The parent's, before the fork. */
	struct go *go;
	const struct work_type *type;
	const void *args;
	unsigned cgroup, index; /* which batch of the spec (libexec/spec/spec.h), which worker of it */
	unsigned home;          /* the first batch whose cgroup has the same name: that of all workers of a cgroup */
	unsigned member;        /* which worker of its group */
	struct worker *group;   /* the first worker of its group: the others follow */
	const char *cgroup_dir; /* of the cgroup it is born in; NULL without cgroups, or beside them */
	_Atomic pid_t tid;      /* while it is a worker's: 0 before it is forked and before it may be another's */
	void *shared;           /* setup()'s: work_share() */
	const struct outside *outside; /* setup()'s: figures of the program that is the worker; NULL: it is one itself */
	int fds[WORKER_FDS];    /* setup()'s: this worker's own ends, -1 when unused */
	char detail[WORKER_DETAIL]; /* the type's: what the record says of how it worked here; or "" */
	uint64_t delay_ns;      /* how long after go it starts: the seed's */
	uint64_t random;        /* worker_random()'s: the seed's */

	/* The worker's own: figures for its record. */
	bool started, finished;
	unsigned last_cpu, max_gap_cpu;
	uint64_t last_ns;       /* the last tick; from here on a gap grows */
	uint64_t work_units, iterations, migrations;
	uint64_t max_gap_ns, max_gap_start_ns; /* the start on the clock, not from go */
	uint64_t cpu_start_ns, cpu_end_ns, end_ns;
	struct cpumask cpus_used;
	struct kt_err err;      /* why it could not be prepared, or why its work failed */
	void *own;              /* prepare()'s: work_alloc() */
	uint32_t computed, charged; /* what its ports said last: modulo 2^32 */
	uint64_t modelled_ns;   /* of its computing */
	uint64_t compute_unit_ns, compute_rest_ns; /* of the units that it computes; 0: none. Of a unit that is not done yet */
	unsigned compute_units; /* work units for each */
	bool wrong;             /* its work had a wrong result: work_verify_right() */
	struct cpumask cpus_allowed; /* where it might run when it got ready */

	/* A line for the group: one writes, its partner reads. */
	_Alignas(128) struct {
		_Atomic uint64_t stamp_ns;
		_Atomic uint32_t word;
	} mail;

	_Alignas(128) struct histogram wake_latency;
};

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* For the work type. */

static inline bool worker_running(const struct worker *w)
{
	return !atomic_load_explicit(&w->go->stop, memory_order_relaxed);
}

/* Work: n times four instructions that wait for each other and touch no memory. Costs the same wherever it is called. */
void worker_spin(uint64_t n);
/* The same, executed or modelled. Ends early for no stop. */
void worker_compute(struct worker *w, uint64_t n);
/*
 * Compute in pieces of so many spins and a tick, each of which counts so many work units: one piece, or, where computing is modelled, as many
 * as there are until the next interrupt, but not beyond a time on the clock (UINT64_MAX: none). Returns how many. For a loop, after a tick.
 */
uint64_t worker_compute_until(struct worker *w, uint64_t spins, unsigned units, uint64_t until);
/* A checkpoint, after units of work: the gap since the last one, the CPU, the clock in w->last_ns. */
void worker_tick(struct worker *w, uint64_t units);
/* Sleep, on purpose: the time asked for is in no gap, time beyond it is. Ends early when the worker must stop. */
void worker_sleep(struct worker *w, uint64_t ns);
/* The same, right after a tick, until a time on the clock; true if it came, and then the time of the return is in w->last_ns. */
bool worker_sleep_until(struct worker *w, uint64_t until);
/* Just woken by a partner who wrote stamp_ns before waking: record the latency, if the worker was waiting by then. */
void worker_woken(struct worker *w, uint64_t stamp_ns);
/* A loop that has nothing to do any more, such as one whose partner is gone, waits here for the stop. */
void worker_wait_stop(const struct worker *w);
/* Before run() returns because its work failed: why. The scenario ends with that error. */
void worker_fail(struct worker *w, const char *fmt, ...) KT_PRINTF(2, 3);
/* All work is done: wait for the stop; that time is in no gap. */
void worker_rest(struct worker *w);

/* A number from all of 64 bits: the only chance a work type may have. The seed and the worker's place in the spec decide. */
uint64_t worker_random(struct worker *w);

/* For setup(): memory that the whole group shares, zeroed, in each one's w->shared; teardown() unmaps it. */
int work_share(struct worker *group, unsigned n, size_t size, struct kt_err *err);
/* For prepare(): zeroed memory of this worker alone, faulted in here and now, in w->own. */
int work_alloc(struct worker *w, size_t size, struct kt_err *err);
/* A verify() for types whose workers check their own results and set w->wrong. */
int work_verify_right(const struct worker *group, unsigned n, const void *args, struct kt_err *err);

/* For the scenario, around run(). */

/* When it starts; go must have been. */
static inline uint64_t worker_start_ns(const struct worker *w)
{
	return w->go->start_ns + w->delay_ns;
}

/* In the worker: fault in what it writes, so that the run does not, and what its type prepares. */
int worker_prepare(struct worker *w, struct kt_err *err);
/* In the worker, after go; sleeps until its start. */
void worker_begin(struct worker *w);
void worker_end(struct worker *w);
/* The gap that is open when a worker dies or is stopped. */
void worker_close_gap(struct worker *w, uint64_t now);

#endif
