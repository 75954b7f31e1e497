/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spec.h - what a test asks for: read from strict JSON, checked as a whole against the plan, before any VM starts.
 * ktstr-spec(5) is the user's page; this is the same in C. Every string lives as long as the struct spec.
 *
 * Read by spec.c (the document), work.c (a work group), cgroups.c (a CgroupDef), steps.c (steps and the
 * backdrop), op.c and ops-*.c (ops); what must hold between them is scene.c's: it goes through the scenario without
 * running it.
 */
#ifndef KT_SPEC_H
#define KT_SPEC_H

#include "libexec/lib/cpulist.h"
#include "libexec/lib/json.h"
#include "libexec/spec/payload.h"
#include "libexec/lib/rows.h"
#include "libexec/spec/scheduler.h"
#include "libexec/topo/plan.h"

struct work_type;
struct op_kind;

/*
 * The keys: of the document, of a CgroupDef, of a work group, of its variants, of a step. Those of "assert" are the checks':
 * spec_print_assert_keys().
 */
extern const struct row spec_rows[], spec_cgroup_rows[], spec_group_rows[], spec_backdrop_rows[], spec_step_rows[],
	spec_hold_rows[];

enum { SPEC_MAX_WORKERS = 4096, SPEC_MAX_SNAPSHOTS = 64, SPEC_MAX_CGROUP_NAME = 128, SPEC_MAX_REPEATS = 10000 };
enum { SPEC_BACKDROP = -1 }; /* instead of the number of a step */

enum cpuset_kind {
	CPUSET_NONE,     /* no cpuset: every CPU */
	CPUSET_LLC,      /* {"llc": 0} */
	CPUSET_NUMA,     /* {"numa": 0} */
	CPUSET_RANGE,    /* {"range": {"start": 0.0, "end": 0.5}} of the usable CPUs */
	CPUSET_DISJOINT, /* {"disjoint": {"index": 0, "of": 2}} */
	CPUSET_OVERLAP,  /* {"overlap": {"index": 0, "of": 2, "frac": 0.5}} */
	CPUSET_EXACT,    /* {"exact": [0, 2]} or {"exact": "0,2"} */
};

struct cpuset {
	enum cpuset_kind kind;
	struct cpumask cpus; /* resolved against the plan; all of its CPUs for CPUSET_NONE */
};

enum policy_kind {
	POLICY_INHERIT, /* not given: the runner's */
	POLICY_NORMAL, POLICY_BATCH, POLICY_IDLE, POLICY_EXT,
	POLICY_FIFO, POLICY_RR, POLICY_DEADLINE,
};

struct policy {
	enum policy_kind kind;
	unsigned priority;                            /* FIFO, RR */
	int64_t runtime_ns, deadline_ns, period_ns;   /* DEADLINE */
};

enum affinity_kind {
	AFFINITY_INHERIT,          /* its cpuset's CPUs, whatever they become */
	AFFINITY_LLC_ALIGNED,      /* those of the one LLC of which its cpuset has most */
	AFFINITY_CROSS_CGROUP,     /* every CPU of the plan, whatever its cpuset is by then */
	AFFINITY_SINGLE_CPU,       /* the first of its cpuset, the same for all */
	AFFINITY_SMT_SIBLING_PAIR, /* two by two: the threads of one core of its cpuset */
	AFFINITY_RANDOM_SUBSET,    /* count of from, drawn by each worker */
	AFFINITY_EXACT,
};

struct affinity {
	enum affinity_kind kind;
	struct cpumask cpus; /* EXACT; RANDOM_SUBSET: from */
	unsigned count;      /* RANDOM_SUBSET */
};

/* The values are the kernel's MPOL_*. */
struct mem_policy {
	bool given;
	unsigned mode;
	struct cpumask nodes;
	unsigned flags;
};

/* A work group: workers that do the same. The rows of it are shared by whatever begins with one. */
struct work_spec {
	int64_t workers;              /* resolved; -1 while parsing: not given */
	double workers_pct;           /* -1: not given */
	const struct work_type *type; /* guest/work/list.h */
	void *args;                   /* of that type, as its rows say; defaults filled in */
	struct policy policy;
	int64_t nice;                 /* SPEC_NO_NICE: not given */
	struct affinity affinity;
	struct mem_policy mem;
	const char *comm;             /* NULL: the work type's name */
	int64_t uid, gid;             /* -1: not given */
};

/* What computing workers do: see guest/compute.h. */
enum spec_compute { COMPUTE_MODEL, COMPUTE_EXECUTE };
extern const char *const spec_compute_names[]; /* NULL-terminated */

enum { SPEC_NO_NICE = 100 };

/* Of a cgroup; LIMIT_NONE: not given, leave it alone. In bytes and microseconds, or as the file of that name has it. */
enum { LIMIT_NONE = -1, LIMIT_MAX = -2 };
struct limits {
	int64_t cpu_quota_us, cpu_period_us; /* cpu.max */
	int64_t cpu_quota_pct;               /* the same as a part of one CPU */
	int64_t cpu_weight, io_weight, pids_max;
	int64_t memory_max, memory_high, memory_low, memory_swap_max;
};

struct cgroup_def {
	struct work_spec work;        /* the first group; first here, for its rows */
	struct work_spec *groups;     /* the others */
	size_t nr_groups;
	const char *name;
	struct cpuset cpuset;
	bool has_mems;
	struct cpumask mems;          /* nodes */
	bool swappable;
	struct limits limits;
	char *path;                   /* "$.cgroups[0]" */
	json_t *json;                 /* as written; the document's */
	bool bad;                     /* it had errors: nothing can be said about what uses it */
};

struct op {
	const struct op_kind *kind;   /* NULL: it could not be read */
	void *args;                   /* of that kind */
	char *path;                   /* "$.steps[0].ops[1]" */
	bool bad;
};

struct hold {
	double frac;                  /* of duration_s; -1: not given */
	int64_t fixed_ns, interval_ns;
	bool loop;
	int64_t ns;                   /* resolved: how long */
	unsigned repeats;             /* how often the ops are done: 1, or with a loop all its times */
};

struct step {
	const char *name;             /* NULL when not given */
	struct cgroup_def *setup;
	size_t nr_setup;
	struct op *ops;
	size_t nr_ops;
	struct hold hold;
	char *path;
};

/* Workers that one CgroupDef's group or one Spawn starts, each time it does; in the order in which they start. */
struct batch {
	const struct work_spec *work;
	const char *cgroup;           /* where they are born; NULL: beside the cgroups */
	const char *path;             /* of the work group in the spec */
	unsigned group;               /* which group of its CgroupDef */
	int step;                     /* which step starts it; SPEC_BACKDROP */
	unsigned first, n;            /* its workers, counted through all batches */
};

/* The cgroup that workers start in, for people and records; NULL is beside the cgroups. */
static inline const char *birthplace(const char *cgroup)
{
	return cgroup ? cgroup : "(runner)";
}

static inline const char *batch_cgroup(const struct batch *b)
{
	return birthplace(b->cgroup);
}

struct spec {
	json_t *json;                 /* the document as written; owns the strings */
	const char *name;
	const char *topology;         /* NULL when not given */
	int64_t duration_ns;          /* duration_s, default 2 s */
	int64_t watchdog_timeout_ns;  /* watchdog_timeout_s, default 4 s */
	unsigned workers_per_cgroup;  /* default 2 */
	unsigned memory_mib;          /* memory_mb (or memory_mib), 0 when not given: the plan's */
	int64_t seed;                 /* default 0 */
	unsigned num_snapshots;       /* periodic ones, on the virtual clock; default 0 */
	unsigned compute;             /* enum spec_compute: on the virtual clock; default COMPUTE_MODEL */
	struct step backdrop;         /* its hold and name are not used */
	struct step *steps;           /* the short form is one step, with no name and no ops */
	size_t nr_steps;
	const struct cgroup_def **defs; /* all of them, of the backdrop, the steps and their ops; owned by these */
	size_t nr_defs;
	bool short_form;
	const struct topo *plan;      /* that it was checked against; NULL: none */
	struct batch *batches;
	size_t nr_batches;
	unsigned nr_workers;          /* in all batches */
	int64_t total_ns;             /* of all holds, and of waiting for payloads */
	struct payloads payloads;
	const struct program **programs; /* that the spec runs: its payloads and what works are; owned by these */
	size_t nr_programs;
	int64_t wait_ns;              /* that waiting for payloads may add to the holds */
	struct asserted *assert;      /* libexec/check/check.h: one for each check; NULL: not given, or read where nothing is judged */
	struct scheduler_def scheduler;
	struct expected_exit expected;
	struct flags_want want;       /* of its profiles; of the kernel's own scheduler, which has no flags, nothing */
	struct scheduler_def *staged; /* more of them, for ops; their names differ */
	size_t nr_staged;
};

/*
 * Check and convert a spec. file is what errors call it. plan may be NULL: then nothing that needs CPUs is checked,
 * the cpusets stay empty and there are no batches. Every error found is added to errs; -1 if there were any. Takes its
 * own reference to the document.
 */
int spec_from_json(json_t *doc, const char *file, const struct topo *plan, struct spec *ret, struct kt_errs *errs);
/* The first batch whose policy is Ext, which takes a kernel with sched_ext; or NULL. */
const struct batch *spec_ext_batch(const struct spec *s);
/* One of its schedulers, staged or not, by name; or NULL. */
const struct scheduler_def *spec_scheduler(const struct spec *s, const char *name);
/*
 * The work group of a batch, by the batch's path and group, and the name of the cgroup it starts in as records have it.
 * NULL: the spec starts no workers there.
 */
const struct work_spec *spec_work_at(const struct spec *s, const char *path, unsigned group, const char **cgroup);
/* All ops of a spec are numbered from 0, those of the backdrop first. NULL: there are not so many. */
const struct op *spec_op(const struct spec *s, size_t n);
void spec_deinit(struct spec *s);
/* The batches for the record "run": [{"cgroup": ..., "workers": ..., "path": ...}, ...]. */
json_t *spec_batches_to_json(const struct spec *s);

/*
 * Have swappable cgroups do another type of work, with its defaults: those whose groups have numbers of workers that
 * are multiples of its group. Changes the document, too. -1 and err when there is no such type, it needs parameters, or it
 * cannot work there, which is said on stderr for each place.
 */
int spec_override_work(struct spec *s, const char *name, struct kt_err *err);

/* The group number i of a CgroupDef, 0 being its own, or NULL. */
const struct work_spec *cgroup_def_group(const struct cgroup_def *def, size_t i);

/* Readers that several rows share. */
struct spec_reader {
	const struct topo *plan; /* may be NULL */
	struct spec *spec;
};

/*
 * "assert" is read by the rows of the checks (libexec/check/assert.c). In the guest nothing is judged: there it is passed over
 * (guest/scenario/no-checks.c), which is right, for the host has read it.
 */
bool spec_parse_assert(const struct jcur *c, void *out, void *ctx);
/* For programs: its keys, as rows_print() prints them. */
void spec_print_assert_keys(FILE *f, const char *prefix);

void spec_add_program(struct spec *s, const struct program *p);
bool spec_parse_name(const struct jcur *c, const char **ret, size_t max, bool nested);
/* A row's parse() of an extended regular expression; keeps nothing. */
bool spec_parse_regex(const struct jcur *c, void *out, void *ctx);
/* The name of a cgroup: one that may be made. */
bool spec_parse_cgroup_name(const struct jcur *c, const char **ret);
bool spec_parse_cgroup(const struct jcur *c, struct cgroup_def *def, struct spec_reader *rd);
void cgroup_def_deinit(struct cgroup_def *def);
bool spec_parse_backdrop(const struct jcur *c, void *out, void *ctx);
bool spec_parse_steps(const struct jcur *c, void *out, void *ctx);
bool spec_parse_short(const struct jcur *c, void *out, void *ctx);
/* The short form of a spec that has only payloads. */
void spec_no_cgroups(const struct jcur *root, struct spec *s);
void step_deinit(struct step *s);

/* A work group before it is read: one of SpinWait. */
void work_spec_init(struct work_spec *work);
/* How many there are: workers, workers_pct of the CPUs, or workers_per_cgroup. */
bool work_spec_count(const struct jcur *c, struct work_spec *w, const struct cpumask *cpus, const struct spec_reader *rd);
/* Its workers come in whole groups. group is its number in its cgroup, for the message. */
bool work_spec_check(const struct jcur *c, const struct work_spec *work, size_t group);

/* The rows of a work group without its number of workers; for structs that begin with a struct work_spec. */
bool spec_parse_work(const struct jcur *c, void *out, void *ctx);
bool spec_parse_policy(const struct jcur *c, void *out, void *ctx);
bool spec_parse_affinity(const struct jcur *c, struct affinity *ret, struct spec_reader *rd);
bool spec_parse_work_affinity(const struct jcur *c, void *out, void *ctx);
bool spec_parse_mem_policy(const struct jcur *c, void *out, void *ctx);
bool spec_parse_mpol_flags(const struct jcur *c, void *out, void *ctx);
bool spec_parse_comm(const struct jcur *c, void *out, void *ctx);
bool spec_parse_nodes(const struct jcur *c, const struct topo *plan, struct cpumask *ret);
extern const struct row spec_policy_rows[], spec_affinity_rows[], spec_mem_policy_rows[];

#define WORK_ROWS \
	{ .name = "work", .kind = ROW_CUSTOM, .type = "work type", .parse = spec_parse_work, \
	  .help = "what each worker does; SpinWait when not given" }, \
	{ .name = "policy", .kind = ROW_CUSTOM, .type = "policy", .parse = spec_parse_policy, .sub = spec_policy_rows, \
	  .help = "scheduling policy: Normal, Batch, Idle, Ext, or one with parameters; the runner's when not given" }, \
	{ .name = "nice", .kind = ROW_INT, .offset = offsetof(struct work_spec, nice), .min = -20, .max = 19, \
	  .def = SPEC_NO_NICE, .help = "nice value; the runner's when not given" }, \
	{ .name = "affinity", .kind = ROW_CUSTOM, .type = "affinity", .parse = spec_parse_work_affinity, \
	  .sub = spec_affinity_rows, .help = "CPU affinity, within the cpuset: Inherit, LlcAligned, CrossCgroup, SingleCpu, " \
	  "SmtSiblingPair, or one with parameters; Inherit when not given" }, \
	{ .name = "mem_policy", .kind = ROW_CUSTOM, .type = "memory policy", .parse = spec_parse_mem_policy, \
	  .sub = spec_mem_policy_rows, .help = "NUMA memory policy: Default, Local, or one with nodes; the runner's when not " \
	  "given" }, \
	{ .name = "mpol_flags", .kind = ROW_CUSTOM, .type = "array of strings", .parse = spec_parse_mpol_flags, \
	  .help = "of the memory policy: STATIC_NODES or RELATIVE_NODES, and NUMA_BALANCING" }, \
	{ .name = "comm", .kind = ROW_CUSTOM, .type = "string", .parse = spec_parse_comm, \
	  .help = "the workers' command name, at most 15 bytes; that of the work type when not given" }, \
	{ .name = "uid", .kind = ROW_INT, .offset = offsetof(struct work_spec, uid), .max = 4294967294, .def = -1, \
	  .help = "user id of the workers" }, \
	{ .name = "gid", .kind = ROW_INT, .offset = offsetof(struct work_spec, gid), .max = 4294967294, .def = -1, \
	  .help = "group id of the workers" }

/* The rows of limits, for structs that begin with them: they are read into the struct. */
bool spec_parse_cpu_max(const struct jcur *c, void *out, void *ctx);
bool spec_parse_memory(const struct jcur *c, void *out, void *ctx);
bool spec_parse_pids_max(const struct jcur *c, void *out, void *ctx);
void limits_none(struct limits *l);
bool limits_check(const struct jcur *c, const struct limits *l);
extern const struct row spec_limit_rows[], spec_cpu_max_rows[];

#define MEMORY_ROW(key, text) \
	{ .name = key, .kind = ROW_CUSTOM, .type = "number (MiB), or max", .parse = spec_parse_memory, .help = text }

#define LIMIT_ROWS \
	{ .name = "cpu_max", .kind = ROW_CUSTOM, .type = "object, or max", .parse = spec_parse_cpu_max, \
	  .sub = spec_cpu_max_rows, .help = "CPU time in each period" }, \
	{ .name = "cpu_quota_pct", .kind = ROW_INT, .offset = offsetof(struct limits, cpu_quota_pct), .min = 1, \
	  .max = 102400, .def = LIMIT_NONE, .help = "CPU time in % of one CPU, with a period of 100 ms" }, \
	{ .name = "cpu_weight", .kind = ROW_INT, .offset = offsetof(struct limits, cpu_weight), .min = 1, .max = 10000, \
	  .def = LIMIT_NONE, .help = "share of CPU time among its siblings; the kernel's is 100" }, \
	MEMORY_ROW("memory_max_mb", "memory above which its processes are killed"), \
	MEMORY_ROW("memory_high_mb", "memory above which its processes are throttled"), \
	MEMORY_ROW("memory_low_mb", "memory that is not reclaimed while other memory can be"), \
	MEMORY_ROW("memory_swap_max_mb", "swap space it may use"), \
	{ .name = "io_weight", .kind = ROW_INT, .offset = offsetof(struct limits, io_weight), .min = 1, .max = 10000, \
	  .def = LIMIT_NONE, .help = "share of I/O among its siblings; the kernel's is 100" }, \
	{ .name = "pids_max", .kind = ROW_CUSTOM, .type = "integer, or max", .parse = spec_parse_pids_max, \
	  .help = "number of tasks" }

#endif
