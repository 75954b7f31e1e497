/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h - what happened: the JSON Lines that ktstr-boot writes, read by whoever judges a run.
 *
 * ktstr-report(5) is the authority on records, members, units and ranges; this is the part of it
 * that a verdict depends on. The guest wrote most of a report and is not trusted: a line that
 * cannot be right is a defect of the report, named by its line ("report: line 12: $.cgroup: must be
 * a string, not null"), and no report with a defect is judged. Records of other kinds are skipped
 * by their first bytes and not parsed.
 */
#ifndef KT_REPORT_H
#define KT_REPORT_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/histogram.h"
#include "libexec/lib/json.h"
#include "libexec/spec/payload.h"

enum {
	REPORT_LINE_MAX = 16 << 20,  /* bytes of any line */
	REPORT_PARSED_MAX = 1 << 18, /* bytes of a guest's record that is parsed: up to 80 times that in memory */
	REPORT_TAIL = 20,            /* log records kept, the last ones */
	REPORT_SCX_PHASES = 1000,
	REPORT_DEFECTS = 20,         /* defects kept, the first ones */
};

enum report_outcome {
	REPORT_DONE,        /* the scenario ran */
	REPORT_LOST,        /* the VM was lost */
	REPORT_UNSUPPORTED, /* not possible here */
	REPORT_ERROR,       /* the work could not run */
	REPORT_TRUNCATED,   /* no end record */
};

/* What became of the scheduler under test, out of its records. */
struct report_scheduler {
	bool wanted;                    /* the spec names one */
	char *name;                     /* as the records call it */
	bool builtin;                   /* part of the kernel: its workers are of no class of their own */
	unsigned enabled;               /* how often it was seen enabled */
	unsigned restarts;              /* how often it was let go, and loaded again or about to be */
	bool attached, died;            /* at the last record; and once nobody asked for its end */
	int64_t died_at_ns;
	char *kind, *reason, *message;  /* of that death, or of the last end; NULL before */
	bool tasks_counted;
	int64_t tasks, tasks_under;     /* workers, and those of them that were of the scheduler's class before they began */
	json_t *phases;                 /* array: its records of phases, REPORT_SCX_PHASES at most */
	json_t *end;                    /* the record of that death or end */
};

enum worker_end { WORKER_EXITED, WORKER_SIGNALED, WORKER_TIMED_OUT };

struct report_worker {
	bool present; /* a record came */
	const struct report_cgroup *cgroup;
	unsigned index;
	int64_t tid;
	char work[32];
	struct cpumask cpuset, cpus_used;
	int64_t work_units, iterations, migrations;
	int64_t cpu_time_ns, wall_time_ns, off_cpu_ns;
	int64_t run_delay_ns;  /* waited for a CPU, as the kernel counts it; -1: it does not, or of nobody of ours */
	int64_t max_gap_ns, max_gap_at_ns, max_gap_cpu;
	bool completed;
	enum worker_end end;
	int exit_code;   /* WORKER_EXITED */
	char signal[16]; /* WORKER_SIGNALED */
};

/* A cgroup as the spec asked for it. */
struct report_cgroup {
	const char *name;
	unsigned index;
	unsigned nr_workers;
	struct report_worker *workers;  /* nr_workers of them, by index */
	struct histogram *wake_latency; /* of all of its workers, or NULL when none measured it */
};

enum payload_end { PAYLOAD_BY_ITSELF, PAYLOAD_STOPPED, PAYLOAD_KILLED, PAYLOAD_TIMED_OUT, PAYLOAD_NOT_STARTED };

/* One time that a payload was run. */
struct report_payload {
	const struct payload *payload;
	enum payload_end end;
	bool exited;
	int exit_code;   /* when it exited */
	char signal[16]; /* else; "" when it never ran */
	int64_t ran_ns;
	bool has_json;   /* there was some in its output */
	json_t *metrics; /* numbers by their dotted names */
	char *reason;    /* why it did not start, or NULL */
};

struct report {
	json_t *run;                    /* the run record, good or bad, or NULL; owns the strings */
	const char *name, *topology, *kernel;
	bool virtual_clock;
	int64_t seed;
	struct report_cgroup *cgroups;  /* as the spec lists them */
	size_t nr_cgroups;
	unsigned nr_workers;            /* asked for, in all */
	struct report_worker *workers;
	struct payloads payloads;       /* as the spec has them */
	struct report_payload *payload_runs;
	size_t nr_payload_runs;
	struct report_scheduler scheduler;
	enum report_outcome outcome;
	char *reason;                   /* of the outcome; NULL when it gave none */
	unsigned long lines;
	struct kt_errs defects;         /* printable() text */
	unsigned long nr_defects;       /* of which the first REPORT_DEFECTS are kept */
	struct report_log { char *line; size_t len; } tail[REPORT_TAIL];
	unsigned long nr_logs;          /* log records seen; record i is in tail[i % REPORT_TAIL] */
};

/*
 * Read a report to the end of the stream. -1 and err only when reading fails: what is wrong inside
 * is in defects.
 */
int report_read(int fd, struct report *ret, struct kt_err *err);
void report_deinit(struct report *r);
/* Add a defect that a later stage found: "report: " goes before it. */
void report_defect(struct report *r, const char *fmt, ...) KT_PRINTF(2, 3);
/* The kept log records, oldest first: an array of {"source","text"}. */
json_t *report_log_tail(const struct report *r);
const char *report_outcome_name(enum report_outcome o); /* "truncated" too, which no record says */

/* Records for writers. Text that is not UTF-8 is made printable(). */
json_t *report_log(const char *source, const char *text, size_t len);
json_t *report_end(enum report_outcome outcome, const char *reason);

#endif
