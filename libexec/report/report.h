/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h - a report in memory: the JSON Lines that ktstr-boot writes, as far as a verdict depends on them.
 *
 * ktstr-report(5) defines the records, members, units and ranges.
 *
 * The guest wrote most of a report, and the guest is not trusted. A line that cannot be right is a defect. A defect is named by its
 * line ("report: line 12: $.cgroup: must be a string, not null"), and a report with a defect is not judged. Records that no
 * verdict depends on are recognised by their first bytes and skipped without being parsed.
 */
#ifndef KT_REPORT_H
#define KT_REPORT_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/histogram.h"
#include "libexec/lib/json.h"
#include "libexec/lib/outcome.h"
#include "libexec/spec/spec.h"

enum {
	REPORT_LINE_MAX = 16 << 20,  /* bytes of any line */
	REPORT_PARSED_MAX = 1 << 18, /* bytes of a guest's record that is parsed; in memory it takes up to 80 times as much */
	REPORT_TAIL = 20,            /* the last log records are kept */
	REPORT_SCX_PHASES = 1000,    /* records of phases that are kept */
	REPORT_SPLATS = 100,         /* complaints of the kernel that are kept; ktstr-boot writes fewer */
	REPORT_SNAPSHOTS = 10,
	REPORT_MOMENTS = 256 << 20,  /* bytes of samples and periodic snapshots that are kept */
	REPORT_SAMPLES = 1 << 20,
	REPORT_DEFECTS = 20,         /* the first defects are kept */
};

/* The scheduler under test, as its records describe it. */
struct report_scheduler {
	bool wanted;                    /* the spec names a scheduler */
	char *name;                     /* its name in the records */
	bool builtin;                   /* part of the kernel: no scheduling class tells its tasks from others */
	unsigned enabled;               /* how often it was enabled */
	unsigned restarts;              /* how often the kernel let go of it, and it was loaded again or was about to be */
	bool attached;                  /* after the last record */
	bool died;                      /* it ended once although nobody asked for its end */
	int64_t died_at_ns;
	char *kind, *reason, *message;  /* of that death, or of the last end; NULL: there was none yet */
	bool tasks_counted;
	int64_t tasks, tasks_under;     /* tasks that were counted, and those of them that were the scheduler's */
	json_t *phases;                 /* its records with the event phase, REPORT_SCX_PHASES at most */
	json_t *end;                    /* the record of that death, or of the last end */
};

enum worker_end { WORKER_EXITED, WORKER_SIGNALED, WORKER_TIMED_OUT };

struct report_worker {
	bool present; /* the report has a record of this worker */
	const struct report_cgroup *cgroup;
	unsigned index;
	int64_t tid;
	int64_t first_phase, last_phase; /* in which it started and stopped; 0: not known */
	char work[32], role[32]; /* role: of a work type whose workers differ; "" of the others */
	struct cpumask cpuset, cpus_used;
	int64_t work_units, iterations, migrations;
	int64_t cpu_time_ns, wall_time_ns, off_cpu_ns;
	int64_t run_delay_ns;  /* waited for a CPU, as the kernel counts it; -1: the kernel does not count it for this worker */
	int64_t modelled_ns;   /* of its computing, on the virtual clock: guest/compute.h */
	int64_t max_gap_ns, max_gap_at_ns, max_gap_cpu;
	bool completed;
	enum worker_end end;
	int exit_code;   /* WORKER_EXITED */
	char signal[16]; /* WORKER_SIGNALED */
};

/* A batch of the run record: the workers of a cgroup, of a further group of a cgroup, or of a Spawn. */
struct report_cgroup {
	const char *name;               /* of the cgroup they start in */
	const struct work_spec *work;   /* of the spec */
	unsigned index;
	unsigned nr_workers;
	struct report_worker *workers;  /* nr_workers of them, by index */
	struct histogram *wake_latency; /* of all its workers together; NULL: none of them measured it */
};

enum payload_end { PAYLOAD_BY_ITSELF, PAYLOAD_STOPPED, PAYLOAD_KILLED, PAYLOAD_TIMED_OUT, PAYLOAD_NOT_STARTED };

/* One run of a payload. */
struct report_payload {
	const struct payload *payload;
	enum payload_end end;
	bool exited;
	int exit_code;   /* if it exited */
	char signal[16]; /* if not; "" when it never ran */
	int64_t ran_ns;
	bool has_json;   /* its output had JSON */
	json_t *metrics; /* the numbers in that JSON, by their dotted names */
	char *reason;    /* why it did not start; NULL: it did */
};

/* A record of kind sample. Events: how many since the scheduler was loaded, or -1. */
struct report_sample {
	int64_t at_ns, phase, dsq;      /* dsq: of the deepest local dispatch queue */
	bool by_time;                   /* no more than one at the end of an interval; not one that the end of a phase asked for */
	unsigned dsq_cpu;
	double imbalance, running_per_cpu, dsq_per_cpu;
	int64_t fallback, keep_last, offline;
	double fallback_rate; /* in 1/s, since the sample by time before it; -1: not counted */
};

struct report_samples {
	struct report_sample *v;
	size_t n;
	struct report_cpu { bool seen; int64_t running, clock_ns; size_t stuck; } *cpus; /* at the last sample by time */
	/* The longest row of samples in which a CPU's clock stood still while it had tasks: how many, and the index of the last. */
	struct report_stuck { size_t samples, ends; unsigned cpu; int64_t clock_ns; } stuck;
};

/* Of the trace beside the report: the longest time for which a CPU was idle while a task waited that may run there. */
struct report_idle {
	bool known;                     /* there is a trace */
	int64_t longest_ns, until_ns;   /* 0: there was no such time */
	unsigned cpu;
	char task[64];                  /* that waited, printable: "NAME[TID]" */
};

struct report {
	json_t *run;                    /* the run record, even one with defects, or NULL; owns the strings below */
	const char *name, *topology, *kernel;
	bool virtual_clock;
	int64_t seed;
	struct spec spec;               /* read without a plan: no cpusets and no batches */
	struct report_cgroup *cgroups;  /* as the run record lists its batches */
	size_t nr_cgroups;
	struct report_idle idle;        /* not from the report: the caller's */
	unsigned nr_workers;            /* that the spec asks for, in all */
	struct report_worker *workers;
	struct report_payload *payload_runs;
	size_t nr_payload_runs;
	struct report_scheduler scheduler;
	struct report_samples samples;
	json_t *snapshots;              /* those that were taken because the run failed, REPORT_SNAPSHOTS at most: [{"name", "by", "at_ns"}]; NULL: none */
	struct report_moment { char *line; size_t len; } *moments; /* lines of samples, and of snapshots that --periodic asked for, in their order */
	size_t nr_moments, moments_size; /* the latter: bytes of them */
	bool moments_lost;              /* beyond REPORT_MOMENTS bytes */
	json_t *splats;                 /* first lines of the kernel's complaints, REPORT_SPLATS at most; NULL: none came */
	enum outcome outcome;
	char *reason;                   /* of the outcome; NULL: the record has none */
	unsigned long lines;
	struct kt_errs defects;         /* printable() text */
	unsigned long nr_defects;       /* in all; the first REPORT_DEFECTS are kept */
	struct report_log { char *line; size_t len; } tail[REPORT_TAIL];
	unsigned long nr_logs;          /* in all; record i is in tail[i % REPORT_TAIL], if it is kept */
};

/*
 * Read a report to the end of the stream. -1 and err when the stream cannot be read. What is wrong in the report itself is in
 * ret->defects, and the return value is 0.
 */
int report_read(int fd, struct report *ret, struct kt_err *err);
void report_deinit(struct report *r);
/* The kept log records, oldest first: an array of {"source","text"}. */
json_t *report_log_tail(const struct report *r);

/* Make records, for programs that write a report. Text that is not UTF-8 goes through printable(). */
json_t *report_log(const char *source, const char *text, size_t len);
json_t *report_end(enum outcome outcome, const char *reason);

#endif
