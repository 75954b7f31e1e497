/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sweep.h - what ktstr-sweep's parts share: one spec, run under every seed of a range, and what came of it.
 *
 * Everything is kept in the sweep's directory:
 *
 *     sweep.json     what the results depend on but the seed: {"kind":"sweep_inputs","ktstr":1,
 *                    "run":{a report's run record without its seed},"checkpoint":"its key, and so the guest image"}
 *     spec.json, plan.json
 *     seeds/N/       report.jsonl, verdict.json, messages (ktstr-boot's stderr); appears complete or not at all
 *     results.jsonl  once all is done: the records below, in order
 *
 * So a seed is done if its directory is there. A lost machine says nothing about the seed: it is run again.
 *
 * The records, JSON Lines, in the order of seeds, whatever the order in which they finished:
 *
 *     {"kind":"seed","seed":3,"verdict":"fail","outcome":"failed","reason":"...",
 *      "failed":[{"check","cgroup","reason"}],
 *      "figures":[{"figure":"gap","cgroup":"a","value":9.2,"unit":"ms","threshold":8.0,"worse":"more"}, ...]}
 *     {"kind":"host","wall_ms":1.0,"jobs":2,"ran":100,"guest_ms":1.0,"dir":"..."}   all that depends on this host
 *     {"kind":"sweep","ktstr":1,"name","topology","first":1,"last":100,"passed","failed","cannot_tell","lost",
 *      "figures":[{"figure","cgroup","unit","threshold","worse","n","min","min_seed","median","p99","max","max_seed"}],
 *      "seeds":{"failed":[...],"cannot_tell":[...],"lost":[...]},
 *      "worst":null or {"seed":3,"reason":"...","replay":"ktstr run ..."},"exit":1}
 *
 * A figure of the whole run has no cgroup. Only figures of checks have "worse": "more" or "less", as ktstr-eval says.
 */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "libexec/lib/json.h"
#include "libexec/lib/strv.h"
#include <sys/types.h>

struct sweep {
	/* as asked for */
	const char *spec, *topology; /* topology: NULL for the spec's own */
	const char *dir;             /* NULL: a new one */
	struct strv options;         /* ktstr-boot's */
	const char *scheduler;       /* NULL: the spec's own */
	const char *timeout;
	int64_t first;
	size_t n, jobs;
	bool json;

	/* as prepared */
	json_t *run;                 /* the run record, without seed */
	char *topology_name;         /* what --topology takes */
	struct strv exact;           /* ktstr-boot's options with every choice made */
	int lock;                    /* held while this process lives */

	/* as run */
	json_t **records;            /* of seed first + i; NULL: not done */
	size_t printed;
	size_t ran;                  /* by this process */
	int64_t start_ns;
	double guest_ms;             /* wall time of the guests' runs, of those */
	bool reader_gone;
};

/* Plan, checkpoint, directory; says what is wrong and exits where something is. */
void sweep_prepare(struct sweep *s);
/* Run what is not done yet. 0; or the signal that ended it early. */
int sweep_run(struct sweep *s);

/* A child that dies when this process does. in: -1 is /dev/null; out, err: -1 is ours. */
pid_t sweep_spawn(const struct strv *args, int in, int out, int err);
/* ... and its end: its exit code, 128 if a signal ended it. */
int sweep_wait(pid_t pid);
char *sweep_seed_dir(const struct sweep *s, int64_t seed);

/* A seed's record, from its verdict; NULL stands for one that could not be read. */
json_t *record_seed(int64_t seed, const json_t *verdict);
/* Of two values of a figure, whether a is worse than b. */
bool figure_is_worse(const json_t *figure, double a, double b);
/* The exit code of a seed's run. */
enum kt_exit record_exit(const json_t *record);
bool record_is(const json_t *record, const char *outcome);
json_t *record_host(const struct sweep *s);
/* With every seed done. */
json_t *record_sweep(const struct sweep *s);

/* The same for people. */
void text_record(const json_t *record, FILE *f);

#endif
