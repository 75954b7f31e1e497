/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * read.h - a trace, read. The file may be anything: it may be cut short, or a guest that lies may have had it written. What was
 * read before a fault is good, and stays.
 */
#ifndef TRACE_READ_H
#define TRACE_READ_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/json.h"
#include "libexec/trace/format.h"

struct trace_cgroup { char *path; uint64_t id; };

struct trace_task {
	uint32_t tid, tgid, policy, prio;
	const char *cgroup;      /* its path, "/" for the root; "": not known */
	struct cpumask allowed;  /* CPUs that it may use */
	char comm[TRACE_COMM_SIZE]; /* as the guest has it, so perhaps not printable; ends with NUL */
};

struct trace_event {
	enum record_kind kind;
	unsigned flags;          /* as in the file */
	unsigned cpu;            /* where it happened */
	int64_t ns;              /* after the first phase began, or after the start where none did */
	const struct trace_task *task; /* it happened to; of a switch: what runs from now on; NULL: to none */
	const struct trace_task *prev; /* of a switch */
	uint32_t state;          /* of prev, as the kernel has it */
	unsigned to_cpu;         /* the task's, of an enqueue and a migrate; or the one that is throttled or goes on- or offline */
	uint32_t code;           /* of an exit */
	const char *cgroup;      /* of a throttle and an unthrottle */
	struct cpumask allowed;  /* of an affinity */
};

struct trace_reader {
	const char *path;
	json_t *header;
	unsigned nr_cpus;
	int64_t zero_ns;
	const unsigned char *map;
	size_t size, at, block_end; /* of the file, of the next record, of its block */
	int64_t now_ns, last_ns; /* since the machine's start */
	uint32_t left;           /* events that are to come in this block */
	uint64_t events;         /* that were read */
	struct trace_task *tasks;
	struct trace_cgroup *cgroups;
	uint32_t nr_tasks, nr_cgroups, max_tasks, max_cgroups;
};

/* -1 and err: there is no such file, it is no trace, or it is of another version. */
int trace_read_open(const char *path, struct trace_reader *r, struct kt_err *err);
void trace_read_close(struct trace_reader *r);
/*
 * The next event, or what runs when a block begins (RECORD_RUNNING). 1; 0: there are no more, and the trace is whole; -1 and err: what
 * follows cannot be read, or is not there. What an event points to is good until the next call.
 */
int trace_read_next(struct trace_reader *r, struct trace_event *ret, struct kt_err *err);

#endif
