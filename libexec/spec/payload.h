/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h - payloads as a spec has them: any program as a workload of its own, beside the workers or instead of
 * them, with what its output must say. Read by who packs it, who runs it and who judges it.
 */
#ifndef KT_PAYLOAD_H
#define KT_PAYLOAD_H

#include "libexec/spec/program.h"

extern const struct row payload_rows[], payload_check_rows[];

enum { PAYLOAD_MAX = 64, PAYLOAD_NAME_MAX = 64 };

enum payload_output {
	PAYLOAD_EXIT_CODE, /* what it writes is only kept, a tail of it */
	PAYLOAD_JSON,      /* every number in it is a metric */
};

/* One thing that must hold. */
struct payload_check {
	const char *metric;    /* NULL: it is about the exit code */
	bool has_min, has_max; /* none of them: the metric must exist */
	double min, max;
	unsigned exit_code;
};

struct payload {
	struct program program; /* first here, for its rows */
	const char *name;
	const char *cgroup;     /* where it runs, of the spec's; NULL: beside them */
	enum payload_output output;
	int64_t timeout_ns;     /* 0: as long as the run */
	bool primary;           /* the run lasts until it ends */
	struct payload_check *checks;
	size_t nr_checks;
	bool by_op;             /* an op runs it; nothing else does */
};

struct payloads {
	struct payload *v;
	size_t n;
};

/* Read the object "payloads". */
bool payloads_parse(const struct jcur *c, struct payloads *ret);
void payloads_deinit(struct payloads *p);
struct payload *payloads_find(const struct payloads *p, const char *name);

#endif
