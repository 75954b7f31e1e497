/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spec.h - what a test asks for: read from strict JSON, checked as a whole against the plan, before any VM starts.
 * ktstr-spec(5) is the user's page; this is the same in C. Every string lives as long as the struct spec.
 */
#ifndef KT_SPEC_H
#define KT_SPEC_H

#include "cpulist.h"
#include "json.h"
#include "rows.h"
#include "topology.h"

struct work_type;

/* The keys: of the document, of an element of "cgroups", of "assert". */
extern const struct row spec_rows[], spec_cgroup_rows[], spec_assert_rows[];

enum { SPEC_MAX_WORKERS = 4096 };

enum cpuset_kind {
	CPUSET_NONE,     /* no cpuset: every CPU */
	CPUSET_LLC,      /* {"llc": 0} */
	CPUSET_NUMA,     /* {"numa": 0} */
	CPUSET_RANGE,    /* {"range": {"start": 0.0, "end": 0.5}} of the usable CPUs */
	CPUSET_DISJOINT, /* {"disjoint": {"index": 0, "of": 2}} */
	CPUSET_OVERLAP,  /* {"overlap": {"index": 0, "of": 2, "frac": 0.5}} */
	CPUSET_EXACT,    /* {"exact": [0, 2]} or {"exact": "0,2"} */
};

struct cgroup_def {
	const char *name;
	unsigned workers;             /* >= 1; from workers_per_cgroup when not given */
	const struct work_type *type; /* guest/work/list.h */
	void *args;                   /* of that type, as its rows say; defaults filled in */
	enum cpuset_kind cpuset_kind;
	struct cpumask cpus;          /* resolved against the plan: where its workers may run */
};

/* Thresholds as the spec gives them; a number that was not given is negative. Merging with defaults is ktstr-eval's. */
struct spec_assert {
	bool not_starved;             /* default true */
	bool isolation;               /* default false */
	double max_spread_pct;
	double max_gap_ms;
	double max_throughput_cv;
	double min_work_rate;
};

struct spec {
	json_t *json;                 /* the document as written; owns the strings */
	const char *name;
	const char *topology;         /* NULL when not given */
	int64_t duration_ns;          /* duration_s, default 2 s */
	int64_t watchdog_timeout_ns;  /* watchdog_timeout_s, default 4 s */
	unsigned workers_per_cgroup;  /* default 2 */
	unsigned memory_mib;          /* memory_mb (or memory_mib), 0 when not given: the plan's */
	int64_t seed;                 /* default 0 */
	struct cgroup_def *cgroups;
	size_t nr_cgroups;
	struct spec_assert assert;
};

/*
 * Check and convert a spec. file is what errors call it. plan may be NULL: then nothing that needs CPUs is checked
 * and the cpusets stay empty. Every error found is added to errs; -1 if there were any. Takes its own reference to
 * the document.
 */
int spec_from_json(json_t *doc, const char *file, const struct topo *plan, struct spec *ret, struct kt_errs *errs);
void spec_deinit(struct spec *s);

#endif
