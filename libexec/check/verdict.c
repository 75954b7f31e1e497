// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a report to the verdict document. First whether there is anything to judge: a defective
 * report is an error, a truncated one or one that lacks workers is lost, whatever the rest of it
 * looks like. Only a whole report reaches the checks.
 */
#include "libexec/check/verdict.h"
#include "libexec/report/read.h"

int verdict_exit(const json_t *verdict)
{
	const char *name = json_string_value(json_object_get(verdict, "verdict"));
	enum kt_exit code;

	if (!verdict_exit_code(name, &code))
		BUG("verdict '%s' has no exit code", name ? name : "");
	return code;
}

static json_t *wake_latency(const struct histogram *h)
{
	if (!h || !h->count)
		return json_null();
	return KT_PACK("{s:I, s:I, s:I, s:I}", "count", (json_int_t)h->count,
		       "p50_ns", (json_int_t)histogram_quantile(h, 500000),
		       "p99_ns", (json_int_t)histogram_quantile(h, 990000), "max_ns", (json_int_t)h->max);
}

/* What add_cgroup() sums up for the whole run. */
struct totals {
	unsigned workers;
	struct cpumask cpus;
	int64_t migrations, iterations, max_gap_ns;
	double spread_pct; /* negative: nothing measured */
	json_t *cgroups;
};

/* Sums of untrusted figures: they stop where JSON numbers stop being whole. */
static int64_t plus(int64_t a, int64_t b)
{
	return MIN(a + b, INT64_C(1) << 53);
}

static void add_cgroup(struct totals *t, const struct report_cgroup *cg)
{
	struct spread s = cgroup_spread(cg);
	double spread_pct = s.measured >= 2 ? s.hi - s.lo : -1;
	struct cpumask cpus = cgroup_cpus(cg);
	int64_t migrations = 0, iterations = 0, max_gap_ns = 0;

	for (unsigned i = 0; i < cg->nr_workers; i++) {
		migrations = plus(migrations, cg->workers[i].migrations);
		iterations = plus(iterations, cg->workers[i].iterations);
		max_gap_ns = MAX(max_gap_ns, cg->workers[i].max_gap_ns);
	}
	t->workers += cg->nr_workers;
	t->cpus = cpumask_or(&t->cpus, &cpus);
	t->migrations = plus(t->migrations, migrations);
	t->iterations = plus(t->iterations, iterations);
	t->max_gap_ns = MAX(t->max_gap_ns, max_gap_ns);
	t->spread_pct = MAX(t->spread_pct, spread_pct);
	json_array_append_new(t->cgroups, KT_PACK(
		"{s:s, s:i, s:i, s:o, s:I, s:I, s:I, s:o}",
		"cgroup", cg->name, "workers", (int)cg->nr_workers, "cpus", (int)cpumask_count(&cpus),
		"spread_pct", spread_pct < 0 ? json_null() : json_real(spread_pct),
		"max_gap_ns", (json_int_t)max_gap_ns, "migrations", (json_int_t)migrations,
		"iterations", (json_int_t)iterations, "wake_latency", wake_latency(cg->wake_latency)));
}

static json_t *stats(const struct report *r)
{
	struct totals t = { .spread_pct = -1, .cgroups = json_array() };

	for (size_t i = 0; i < r->nr_cgroups; i++)
		add_cgroup(&t, &r->cgroups[i]);
	return KT_PACK("{s:i, s:i, s:I, s:I, s:o, s:I, s:o}", "workers", (int)t.workers,
		       "cpus", (int)cpumask_count(&t.cpus), "migrations", (json_int_t)t.migrations,
		       "iterations", (json_int_t)t.iterations,
		       "worst_spread_pct", t.spread_pct < 0 ? json_null() : json_real(t.spread_pct),
		       "worst_gap_ns", (json_int_t)t.max_gap_ns, "cgroups", t.cgroups);
}

/* The run could not be done because the scheduler under test did not load: that is its fault, and no trouble of ours. */
static bool did_not_load(const struct report *r)
{
	const json_t *end = r->scheduler.end;

	return r->outcome == OUTCOME_ERROR && end && !json_is_object(json_object_get(end, "exit")) &&
		json_object_get(json_object_get(end, "loader"), "exit");
}

/* Why the report cannot be judged: a verdict, and *why to be freed; or VERDICT_PASS, and *why is left alone. */
static enum verdict unjudgeable(const struct report *r, char **why)
{
	unsigned present = 0;
	const struct report_cgroup *short_of = NULL;

	if (r->nr_defects) {
		*why = r->nr_defects == 1 ? xstrdup(r->defects.msgs[0]) :
		       xasprintf("%s (and %lu more)", r->defects.msgs[0], r->nr_defects - 1);
		return VERDICT_ERROR;
	}
	if (!r->lines) {
		*why = xstrdup("empty report: whatever should have written it did not start");
		return VERDICT_ERROR;
	}
	if (r->outcome == OUTCOME_TRUNCATED) {
		*why = xasprintf("truncated report: no 'end' record after line %lu", r->lines);
		return VERDICT_LOST;
	}
	if (r->outcome != OUTCOME_DONE) {
		*why = xstrdup(r->reason ? r->reason : "no reason given");
		return did_not_load(r) ? VERDICT_FAIL : outcome_verdict(r->outcome);
	}
	for (size_t i = 0; i < r->nr_cgroups; i++) {
		const struct report_cgroup *cg = &r->cgroups[i];

		for (unsigned k = 0; k < cg->nr_workers; k++) {
			present += cg->workers[k].present;
			if (!cg->workers[k].present && !short_of)
				short_of = cg;
		}
	}
	const char *missing = report_payload_missing(r);
	if (!short_of && missing) {
		*why = xasprintf("no record of payload '%s', though the report says done", missing);
		return VERDICT_LOST;
	}
	if (!short_of)
		return VERDICT_PASS;
	*why = xasprintf("%u of %u worker records, though the report says done: "
			 "the first missing one is of cgroup '%s'", present, r->nr_workers, short_of->name);
	return VERDICT_LOST;
}

/* The scheduler under test and what became of it; null when there was none. */
static json_t *scheduler(const struct report *r)
{
	const struct report_scheduler *s = &r->scheduler;

	if (!s->wanted)
		return json_null();
	return KT_PACK("{s:s?, s:O*, s:b, s:b, s:b, s:I, s:I, s:I, s:O?}", "name", s->name, "profile",
		       json_object_get(r->run, "profile"), "enabled", s->enabled > 0, "attached", s->attached,
		       "died", s->died, "restarts", (json_int_t)s->restarts, "workers", (json_int_t)s->tasks,
		       "workers_under", (json_int_t)s->tasks_under, "end", s->end);
}

/* The one result of a scheduler that did not load. */
static json_t *not_loaded(const char *why)
{
	return KT_PACK("[{s:s, s:s, s:s}]", "check", "scheduler", "verdict", "fail", "reason", why);
}

/* How often something was counted between two samples; a scheduler that was loaded in between counts from 0. */
static int64_t counted(int64_t before, int64_t now)
{
	return now < 0 ? 0 : before < 0 || now < before ? now : now - before;
}

/* Of the samples from this one on that are of the same phase, or of all. */
static json_t *sum_samples(const struct report_samples *s, size_t first, bool all, size_t *next)
{
	double imbalance = 0, worst = 0, running = 0, dsq = 0;
	int64_t deepest = 0, fallback = 0, keep_last = 0, offline = 0;
	const struct report_sample *before = first ? &s->v[first - 1] : NULL;
	size_t i = first;

	for (; i < s->n && (all || s->v[i].phase == s->v[first].phase); i++) {
		const struct report_sample *v = &s->v[i];

		worst = MAX(worst, v->imbalance);
		imbalance += v->imbalance;
		running += v->running_per_cpu;
		dsq += v->dsq_per_cpu;
		deepest = MAX(deepest, v->dsq);
		if (before) {
			fallback = plus(fallback, counted(before->fallback, v->fallback));
			keep_last = plus(keep_last, counted(before->keep_last, v->keep_last));
			offline = plus(offline, counted(before->offline, v->offline));
		}
		before = v;
	}
	*next = i;
	double n = (double)(i - first);
	return KT_PACK("{s:I, s:I, s:I, s:f, s:I, s:f, s:f, s:f, s:I, s:I, s:I}", "phase", (json_int_t)s->v[first].phase, "samples",
		       (json_int_t)(i - first), "duration_ns", (json_int_t)(s->v[i - 1].at_ns - (first ? s->v[first - 1].at_ns : s->v[0].at_ns)),
		       "max_imbalance", worst, "max_dsq_depth", (json_int_t)deepest, "avg_imbalance", imbalance / n, "avg_running_per_cpu",
		       running / n, "avg_dsq_per_cpu", dsq / n, "fallback", (json_int_t)fallback, "keep_last", (json_int_t)keep_last,
		       "offline", (json_int_t)offline);
}

/* What the samples come to, in all and by phases; null without samples. */
static json_t *monitor(const struct report *r)
{
	const struct report_samples *s = &r->samples;
	json_t *phases, *all;
	size_t i = 0;

	if (!s->n)
		return json_null();
	all = sum_samples(s, 0, true, &i);
	phases = json_array();
	for (i = 0; i < s->n;)
		json_array_append_new(phases, sum_samples(s, i, false, &i));
	json_object_del(all, "phase");
	json_object_set_new(all, "stuck", json_integer((json_int_t)s->stuck.samples));
	json_object_set_new(all, "phases", phases);
	return all;
}

json_t *verdict_unread(const char *why)
{
	return KT_PACK("{s:s, s:i, s:n, s:n, s:s, s:s, s:[], s:n, s:n, s:[]}", "kind", "verdict", "ktstr", 1, "name", "topology", "verdict",
		       verdict_name(VERDICT_ERROR), "reason", why, "checks", "stats", "scheduler", "log");
}

json_t *verdict_build(const struct report *r, const struct layers *defaults)
{
	_cleanup_free_ char *why = NULL;
	enum verdict verdict = unjudgeable(r, &why);
	_cleanup_json_ json_t *judged = verdict == VERDICT_PASS ? checks_run(r, defaults) : NULL;

	json_t *doc = KT_PACK("{s:s, s:i, s:s?, s:s?}", "kind", "verdict", "ktstr", 1, "name", r->name,
			      "topology", r->topology);
	if (judged)
		json_object_update(doc, judged);
	else
		json_object_update_new(doc, KT_PACK("{s:s, s:s, s:o}", "verdict", verdict_name(verdict), "reason", why, "checks",
						    verdict == VERDICT_FAIL ? not_loaded(why) : json_array()));
	json_object_set_new(doc, "stats", judged ? stats(r) : json_null());
	json_object_set_new(doc, "scheduler", scheduler(r));
	if (judged && r->samples.n)
		json_object_set_new(doc, "monitor", monitor(r));
	if (r->snapshots)
		json_object_set(doc, "snapshots", r->snapshots);
	json_object_set_new(doc, "log", judged ? json_array() : report_log_tail(r));
	/* A run record that is not there, or not whole, has nothing to say about these. */
	bool known = r->kernel && r->workers;
	const char *clock = !known ? NULL : r->virtual_clock ? "virtual" : "real";
	const char *outcome = r->outcome == OUTCOME_TRUNCATED ? NULL : outcome_name(r->outcome);
	json_object_update_new(doc, KT_PACK("{s:s?, s:o, s:s?, s:s?}", "clock", clock,
					    "seed", known ? json_integer(r->seed) : json_null(),
					    "kernel", r->kernel, "report_outcome", outcome));
	return doc;
}
