/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sched.h - the scheduler under test, as a scenario sees it: attached before the first worker, looked at between steps,
 * let go at the end, and a record for each thing that happened to it ("scheduler" of ktstr-report(5)).
 *
 * It wants a caller that has real-time priority: a scheduler that starves everybody must not starve who judges it.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "libexec/lib/outcome.h"
#include "libexec/spec/scheduler.h"
#include <sys/types.h>

struct sched {
	const struct scheduler_def *def; /* NULL or SCHEDULER_NONE: none is wanted */
	int64_t watchdog_timeout_ns;
	bool virtual_clock;              /* the caller's, as in struct scenario_opts */
	pid_t supervisor;                /* 0: none */
	int supervisor_fd;               /* a pidfd: whoever reaps all children may have taken it, and its number be another's */
	int fd;                          /* what it says, readable when there is news; -1 */
	char *buf;                       /* a line of it that is not whole yet */
	size_t n;
	json_t *records;                 /* array: what happened, oldest first */
	bool enabled;                    /* it is, as far as is known */
	bool expected;                   /* its end was asked for */
	json_t *events;                  /* counters when the phase began; NULL: none */
	int64_t events_ns;
};

/*
 * Load it and wait until the kernel has enabled it. OUTCOME_UNSUPPORTED: this kernel has no sched_ext; OUTCOME_ERROR: it did
 * not come to be; err says why in one line, the record says all.
 */
enum outcome sched_attach(struct sched *s, const struct scheduler_def *def, int64_t watchdog_timeout_ns, struct kt_err *err);
/* Take in what is new; false when it is gone though nobody asked for that. True when there never was one. */
bool sched_alive(struct sched *s);
/* Let go of it, wait until the kernel has too. -1 and err if that fails. */
int sched_detach(struct sched *s, struct kt_err *err);
/*
 * Count how many of these processes, which sleep or run, are of the scheduler's class: for a record that shows that they
 * were its tasks. Where none is wanted nothing is done, and NULL returned; else the record, which is the scheduler's.
 */
json_t *sched_count_tasks(struct sched *s, const pid_t *pids, size_t n);
/* The process is of the class of sched_ext; one that is dead and was not waited for may have been. */
bool sched_has(pid_t pid);
/* A phase begins, or ends: the scheduler's event counters, whose differences are a record of the phase. */
void sched_phase_begin(struct sched *s);
void sched_phase_end(struct sched *s, unsigned phase);
/* Write what happened, with times since start_ns. */
int sched_write(const struct sched *s, uint64_t start_ns, FILE *out, struct kt_err *err);
void sched_deinit(struct sched *s);

#endif
