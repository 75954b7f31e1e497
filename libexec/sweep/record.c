// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of a sweep: see sweep.h. A figure is a number that a seed has one of: the value of a check in a cgroup or of the whole run
 * (the worst, where a check gives several), and a few statistics beside (of all groups of workers of a cgroup).
 */
#include "libexec/sweep/sweep.h"
#include "libexec/lib/outcome.h"
#include "libexec/lib/path.h"
#include <math.h>

static const char *str(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

static double num(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

bool figure_is_worse(const json_t *f, double a, double b)
{
	const char *worse = str(f, "worse");

	return worse && streq(worse, "less") ? a < b : a > b;
}

bool record_is(const json_t *record, const char *outcome)
{
	return streq(str(record, "outcome"), outcome);
}

/* cgroup: NULL for a figure of the whole run. */
static bool same_figure(const json_t *f, const char *name, const char *cgroup)
{
	const char *own = str(f, "cgroup");

	return f && streq(str(f, "figure"), name) && (own && cgroup ? streq(own, cgroup) : own == cgroup);
}

static json_t *find_figure(const json_t *figures, const char *name, const char *cgroup)
{
	json_t *f;
	size_t i;

	json_array_foreach(figures, i, f)
		if (same_figure(f, name, cgroup))
			return f;
	return NULL;
}

static void add_check(json_t *figures, json_t *failed, const json_t *row)
{
	const char *check = str(row, "check"), *cgroup = str(row, "cgroup"), *verdict = str(row, "verdict");
	json_t *value = json_object_get(row, "value");

	if (streq(verdict, "fail"))
		json_array_append_new(failed, KT_PACK("{ss,ss*,ss*}", "check", check, "cgroup", cgroup, "reason",
						      str(row, "reason")));
	if (!json_is_number(value))
		return;
	json_t *f = find_figure(figures, check, cgroup);
	double v = json_number_value(value);
	if (!f)
		json_array_append_new(figures, KT_PACK("{ss,ss*,sO,ss*,sO*,ss*}", "figure", check, "cgroup", cgroup, "value",
						       value, "unit", str(row, "unit"), "threshold",
						       json_object_get(row, "threshold"), "worse", str(row, "worse")));
	else if (figure_is_worse(f, v, num(f, "value")))
		json_object_set(f, "value", value);
}

/* Of one group of workers, of which a cgroup may have several. */
static void add_stat(json_t *figures, const char *name, const char *cgroup, json_t *value, const char *unit, bool sum)
{
	json_t *f = find_figure(figures, name, cgroup);
	json_int_t v = json_integer_value(value), before = json_integer_value(json_object_get(f, "value"));

	if (!json_is_integer(value))
		return;
	if (f)
		json_object_set_new(f, "value", json_integer(sum ? before + v : MAX(before, v)));
	else
		json_array_append_new(figures, KT_PACK("{ss,ss,sO,ss}", "figure", name, "cgroup", cgroup, "value",
						       value, "unit", unit));
}

/* What a sweep counts, by the exit code of the verdict. */
static const struct { const char *name; enum kt_exit code; } outcomes[] = {
	{ "passed", KT_OK }, { "failed", KT_NO }, { "cannot_tell", KT_CANNOT_TELL }, { "lost", KT_TROUBLE },
};

static const char *outcome_of(const char *verdict)
{
	enum kt_exit code = KT_CANNOT_TELL;

	verdict_exit_code(verdict, &code);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (outcomes[i].code == code)
			return outcomes[i].name;
	BUG("verdict '%s' is not counted", verdict);
}

enum kt_exit record_exit(const json_t *record)
{
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (record_is(record, outcomes[i].name))
			return outcomes[i].code;
	return KT_TROUBLE;
}

json_t *record_seed(int64_t seed, const json_t *verdict)
{
	const char *v = verdict ? str(verdict, "verdict") : "error";
	const char *reason = verdict ? str(verdict, "reason") : "ktstr-eval gave no verdict";
	json_t *figures = json_array(), *failed = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(verdict, "checks"), i, row)
		if (str(row, "check") && str(row, "verdict"))
			add_check(figures, failed, row);
	json_array_foreach(json_object_get(json_object_get(verdict, "stats"), "cgroups"), i, row) {
		const char *cgroup = str(row, "cgroup");
		const json_t *wake = json_object_get(row, "wake_latency");

		if (!cgroup)
			continue;
		add_stat(figures, "migrations", cgroup, json_object_get(row, "migrations"), "", true);
		add_stat(figures, "iterations", cgroup, json_object_get(row, "iterations"), "", true);
		add_stat(figures, "wake_p99", cgroup, json_object_get(wake, "p99_ns"), "ns", false);
	}
	return KT_PACK("{ss,sI,ss,ss,ss?,so,so}", "kind", "seed", "seed", (json_int_t)seed, "verdict", v, "outcome",
		       outcome_of(v), "reason", reason, "failed", failed, "figures", figures);
}

json_t *record_host(const struct sweep *s)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t ns = (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec - s->start_ns;
	return KT_PACK("{ss,sf,sI,sI,sf,ss}", "kind", "host", "wall_ms", round(ns / 1e3) / 1e3, "jobs",
		       (json_int_t)s->jobs, "ran", (json_int_t)s->ran, "guest_ms", round(s->guest_ms * 1e3) / 1e3,
		       "dir", s->dir);
}

/* One figure's values over all seeds that have it. */
struct sample {
	double value;
	int64_t seed;
	json_t *json; /* as the verdict has it: whole numbers stay whole */
};

struct dist {
	json_t *like; /* a figure: its name, cgroup, unit, threshold */
	struct sample *samples;
	size_t n;
};

struct dists {
	struct dist *v;
	size_t n;
};

static struct dist *dist_of(struct dists *d, json_t *figure, size_t hint)
{
	const char *name = str(figure, "figure"), *cgroup = str(figure, "cgroup");

	/* Seeds have the same figures in the same order, unless something failed. */
	if (hint < d->n && same_figure(d->v[hint].like, name, cgroup))
		return &d->v[hint];
	for (size_t i = 0; i < d->n; i++)
		if (same_figure(d->v[i].like, name, cgroup))
			return &d->v[i];
	d->v = xrealloc(d->v, d->n + 1, sizeof(*d->v));
	d->v[d->n] = (struct dist){ .like = figure };
	return &d->v[d->n++];
}

static int by_value(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->seed > y->seed) - (x->seed < y->seed);
}

/* The nearest rank, so that it is a value that some seed has. */
static const struct sample *quantile(const struct dist *d, unsigned permille)
{
	return &d->samples[(d->n * permille + 999) / 1000 - 1];
}

static json_t *distribution(struct dist *d)
{
	qsort(d->samples, d->n, sizeof(*d->samples), by_value);
	const struct sample *min = d->samples, *last = &min[d->n - 1], *max = last;
	json_t *ret = json_copy(d->like);

	while (max > min && max[-1].value == last->value)
		max--; /* the first seed that has it */
	json_object_del(ret, "value");
	json_object_update_new(ret, KT_PACK("{sI,sO,sI,sO,sO,sO,sI}", "n", (json_int_t)d->n, "min", min->json, "min_seed",
					    (json_int_t)min->seed, "median", quantile(d, 500)->json, "p99",
					    quantile(d, 990)->json, "max", max->json, "max_seed", (json_int_t)max->seed));
	return ret;
}

static json_t *distributions(const struct sweep *s)
{
	struct dists d = { 0 };
	json_t *ret = json_array(), *figure;
	size_t at;

	for (size_t i = 0; i < s->n; i++)
		json_array_foreach(json_object_get(s->records[i], "figures"), at, figure) {
			struct dist *dist = dist_of(&d, figure, at);

			dist->samples = xrealloc(dist->samples, dist->n + 1, sizeof(*dist->samples));
			dist->samples[dist->n++] = (struct sample){ num(figure, "value"), s->first + (int64_t)i,
								    json_object_get(figure, "value") };
		}
	for (size_t i = 0; i < d.n; i++) {
		json_array_append_new(ret, distribution(&d.v[i]));
		free(d.v[i].samples);
	}
	free(d.v);
	return ret;
}

/* How far beyond its thresholds a failed seed is, as a factor; a failure without a figure is beyond all others. */
static double badness(const json_t *record)
{
	const json_t *row;
	double worst = 0;
	size_t i;

	json_array_foreach(json_object_get(record, "failed"), i, row) {
		const char *check = str(row, "check"), *cgroup = str(row, "cgroup");
		const json_t *figures = json_object_get(record, "figures");
		const json_t *f = find_figure(figures, check, cgroup);
		double value = num(f, "value"), threshold = num(f, "threshold");
		double over = figure_is_worse(f, 0, 1) ? threshold / value : value / threshold;

		worst = f && over < INFINITY ? fmax(worst, over) : INFINITY;
	}
	return worst;
}

/* The seed to look at: the worst failed one; or else the first that was lost, or cannot tell. NULL: all passed. */
static const json_t *worst_record(const struct sweep *s)
{
	static const char *const then[] = { "lost", "cannot_tell" };
	const json_t *worst = NULL;
	double most = -1;

	for (size_t i = 0; i < s->n; i++) {
		double bad = record_is(s->records[i], "failed") ? badness(s->records[i]) : -1;

		if (bad > most) {
			most = bad;
			worst = s->records[i];
		}
	}
	for (size_t k = 0; !worst && k < ARRAY_SIZE(then); k++)
		for (size_t i = 0; !worst && i < s->n; i++)
			if (record_is(s->records[i], then[k]))
				worst = s->records[i];
	return worst;
}

/* This ktstr, by its path: the porcelain puts its directory first in PATH. */
static char *ktstr_path(void)
{
	char *path = path_find(getenv("PATH"), "ktstr");

	return path ? path : xstrdup("ktstr");
}

static json_t *replay(const struct sweep *s, const json_t *record)
{
	_cleanup_free_ char *ktstr = ktstr_path();
	struct strv args = { 0 };

	if (!record)
		return json_null();
	strv_add_all(&args, (char *[]){ ktstr, "run", "--topology", s->topology_name, NULL });
	strv_add_all(&args, s->exact.v);
	strv_add_all(&args, (char *[]){ "--seed", NULL });
	strv_add(&args, "%lld", (long long)json_integer_value(json_object_get(record, "seed")));
	strv_add(&args, "%s/spec.json", s->dir);
	_cleanup_free_ char *line = strv_shell(&args);
	strv_deinit(&args);
	return KT_PACK("{sO,ss?,ss}", "seed", json_object_get(record, "seed"), "reason", str(record, "reason"), "replay",
		       line);
}

static json_t *seeds_that(const struct sweep *s, const char *outcome, size_t *n)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (record_is(s->records[i], outcome))
			json_array_append(ret, json_object_get(s->records[i], "seed"));
	*n = json_array_size(ret);
	return ret;
}

json_t *record_sweep(const struct sweep *s)
{
	size_t failed, cannot_tell, lost;
	json_t *seeds = json_object(), *ret;
	int code = KT_OK;

	for (size_t i = 0; i < s->n; i++)
		code = kt_exit_worse(code, record_exit(s->records[i]));
	json_object_set_new(seeds, "failed", seeds_that(s, "failed", &failed));
	json_object_set_new(seeds, "cannot_tell", seeds_that(s, "cannot_tell", &cannot_tell));
	json_object_set_new(seeds, "lost", seeds_that(s, "lost", &lost));
	ret = KT_PACK("{ss,si,ss,ss,sI,sI}", "kind", "sweep", "ktstr", 1, "name", str(s->run, "name"), "topology",
		      str(json_object_get(s->run, "plan"), "name"), "first", (json_int_t)s->first, "last",
		      (json_int_t)(s->first + (int64_t)s->n - 1));
	json_object_update_new(ret, KT_PACK("{sI,sI,sI,sI}", "passed", (json_int_t)(s->n - failed - cannot_tell - lost),
					    "failed", (json_int_t)failed, "cannot_tell", (json_int_t)cannot_tell, "lost",
					    (json_int_t)lost));
	json_object_update_new(ret, KT_PACK("{so,so,so,si}", "figures", distributions(s), "seeds", seeds, "worst",
					    replay(s, worst_record(s)), "exit", code));
	return ret;
}
