/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - what a run is judged by. A check is one file, ending in its descriptor; list.h is the one list of them. The same
 * descriptor has its key in "assert", with which the spec is read and the key documented; switches the check on; judges; and is
 * printed by ktstr-eval --list-checks.
 *
 * Most checks look at one cgroup at a time, for units of work of different work types cannot be compared; others at one
 * payload, or at the run as a whole.
 *
 * The algebra. A check gives results, each for a cgroup or one of its workers:
 *   fail          measured, and beyond the threshold
 *   inconclusive  not measured: an instrument gave nothing to divide by (no CPU time, no wall time)
 *   pass          measured, and within the threshold
 *   skip          nothing to judge (a spread needs two workers)
 * The verdict is the strongest of them: fail > inconclusive > pass > skip. Four rules keep a pass from
 * being empty:
 *   - With an error of the scheduler expected ("expect"), and after the scheduler's death, only checks that cannot be switched off,
 *     and those that the spec asks for by name, are made: who starved under a scheduler that died is not news.
 *   - A check that the spec asks for by name and that could judge no cgroup at all is inconclusive.
 *   - A worker that could not be measured makes the result of its cgroup inconclusive, unless the others
 *     fail it already.
 *   - A pass of "completed" is no vote: that the workers lived says nothing about the scheduler. With no
 *     other pass, the verdict is skip.
 * Workers that did not complete are judged by what was seen (completed, not_starved when they timed out,
 * gap, isolation), not by figures that need the whole run (spread, throughput).
 */
#ifndef KT_CHECK_H
#define KT_CHECK_H

#include "libexec/report/report.h"

enum check_on {
	CHECK_ALWAYS,  /* cannot be switched off; a threshold of its own replaces the default */
	CHECK_DEFAULT, /* unless "not_starved" is false, which a key of its own overrides */
	CHECK_ASKED,   /* only when the spec has its key */
};

/* What a spec's "assert", or a file of defaults, says of one check. */
struct asserted {
	bool given;           /* its key is there, and not null */
	bool off;             /* its key is null: the check is off; one that cannot be off has its default again */
	bool yes;             /* of a ROW_BOOL */
	double threshold;     /* of a ROW_REAL, in the check's unit */
	const json_t *object; /* of a ROW_CUSTOM; the document's */
};

#define CHECK_SWITCH(key, on, text) \
	{ .name = key, .kind = ROW_BOOL, .offset = offsetof(struct asserted, yes), .def = on, .help = text }
#define CHECK_THRESHOLD(key, most, text) \
	{ .name = key, .kind = ROW_REAL, .offset = offsetof(struct asserted, threshold), .max = most, .def = -1, .help = text }

/* Where results go. */
struct results;

struct check {
	const char *name;
	const char *summary;
	const char *formula; /* what fails */
	enum check_on on;
	bool gates_defaults; /* a ROW_BOOL: "false" switches off all checks that are on by default, but for those that are asked for */
	bool no_vote;        /* its pass alone is no pass of the run */
	/*
	 * Its key in the spec's "assert", read into a struct asserted; without a name there is none. A ROW_BOOL switches the check
	 * on or off, any other row switches it on: CHECK_SWITCH(), CHECK_THRESHOLD(), or a ROW_CUSTOM that reads an object.
	 */
	struct row row;
	const char *unit;    /* of its value and threshold: "" for a ratio; NULL: it has none */
	bool less_is_worse;  /* its threshold is a floor */
	double virtual_default, real_default; /* thresholds on the two clocks; of checks that are on by themselves */
	/* One of them: of each cgroup, or of the run as a whole. */
	void (*eval)(const struct report_cgroup *cg, double threshold, struct results *out);
	/* Instead of eval: of a payload, for each time that it was run. */
	void (*eval_payload)(const struct report_payload *p, struct results *out);
	void (*eval_run)(const struct report *r, double threshold, struct results *out);
};

extern const struct check *const checks[]; /* NULL-terminated, in the order of list.h */

/*
 * Thresholds come in layers, and the last one that names a check decides: the defaults of the clock, files of defaults in the order
 * in which they are given, the spec's "assert". What a file of defaults switches on is not "asked for by name": a spec that it
 * has nothing to judge in is none the worse for it.
 */
struct layers {
	size_t n;
	struct layer {
		const char *from;          /* the file's name */
		json_t *json;              /* an object like a spec's "assert" */
		struct asserted *asserted; /* one for each check */
	} *list;
};
/* Add a file. 0; KT_USAGE and KT_TROUBLE have been said on stderr. */
enum kt_exit layers_read(struct layers *l, const char *path);
void layers_deinit(struct layers *l);
/* An object like "assert": false and errors, or one struct asserted for each check, to be freed. */
bool assert_parse(const struct jcur *c, struct asserted **ret);
/* The thresholds that a report is judged by, and where each comes from: a table. */
void checks_print_thresholds(const struct report *r, const struct layers *defaults, FILE *f);

/* Results of the check and the cgroup that are being evaluated. value is in the check's unit
 * (and goes nowhere when it has none); reason is a whole line. */
void result_add(struct results *out, enum verdict v, double value, const char *reason, ...) KT_PRINTF(4, 5);
void result_worker(struct results *out, enum verdict v, const struct report_worker *w, double value,
		   const char *reason, ...) KT_PRINTF(5, 6);

/* Whether the spec, or a file of defaults, has the key of the check that is being evaluated. */
bool result_asked(const struct results *out);
/* The object that the spec has at the key of the check that is being evaluated. */
const json_t *result_object(const struct results *out);

/* Every check that is on, over every cgroup. Returns {"verdict","reason","checks":[...]}, see ktstr-eval(1). */
json_t *checks_run(const struct report *r, const struct layers *defaults);

/* Whether the spec has an op of this kind, in the backdrop or in a step. */
struct op_kind;
bool report_has_op(const struct report *r, const struct op_kind *kind);

/* Figures that checks and statistics share. */
struct spread {
	unsigned measured, unmeasured; /* completed workers, with and without wall time */
	double lo, hi;                 /* time kept from a CPU in % of wall time */
};
struct spread cgroup_spread(const struct report_cgroup *cg);
struct cpumask cgroup_cpus(const struct report_cgroup *cg); /* that its workers ran on */
/*
 * Work units per second that counts: of executed work a second of CPU time; of modelled work, of which each second of CPU time has the
 * same by construction, a second in which the worker wanted to run, whether it did or waited. Negative: there was none, or the kernel
 * did not count it.
 */
double worker_rate(const struct report_worker *w);
/* Which of the two it is of, as in "work/cpu_s", and why a rate could not be measured, as in "have no CPU time". */
const char *rate_unit(const struct report_worker *w);
const char *rate_missing(const struct report_worker *w);

/*
 * A number for a line that says it is beyond its threshold: with at least so many decimals, and
 * with as many more as it takes not to print both alike ("spread=15.04% (threshold 15%)").
 */
struct number { char s[64]; };
struct number number_beyond(double value, double threshold, int decimals);
struct number number_plain(double value, int decimals); /* with more decimals only where value has them */

#endif
