// SPDX-License-Identifier: GPL-2.0-only
/*
 * Temporal assertions: how a value goes from one sample, or one periodic snapshot, to the next. A path that is missing and too few values
 * are inconclusive, never a pass.
 */
#include "libexec/check/check.h"
#include "libexec/snap/snap.h"
#include <math.h>

enum pattern_number { NONDECREASING, STRICTLY_INCREASING, RATE_WITHIN, STEADY_WITHIN, CONVERGES_TO, ALWAYS, RATIO_WITHIN, AT_LEAST, AT_MOST,
		      BETWEEN, RATIO_ACROSS_PHASES };
enum of_number { OF_EACH, OF_FIRST, OF_LAST, OF_DELTA };
/* Of values in a row that lie where a value is to converge to. */
enum { CONVERGED = 3 };

struct assertion {
	const char *path, *other;
	unsigned is, of, phase, base_phase; /* phase 0: all of them */
	double min, max, target, tolerance;
	int64_t warmup_ns, deadline_ns;
};

static const char *const pattern_names[] = {
	"nondecreasing", "strictly_increasing", "rate_within", "steady_within", "converges_to", "always", "ratio_within", "at_least", "at_most",
	"between", "ratio_across_phases", NULL
};
static const char *const of_names[] = { "each", "first", "last", "delta", NULL };

/* The keys that a pattern needs, and those that it may have besides. */
static const struct { const char *needs, *takes; } pattern_keys[] = {
	[NONDECREASING] = { "", "" }, [STRICTLY_INCREASING] = { "", "" }, [ALWAYS] = { "", "" },
	[RATE_WITHIN] = { "min max", "" }, [STEADY_WITHIN] = { "tolerance", "warmup_ms" },
	[CONVERGES_TO] = { "target tolerance deadline_ms", "" }, [RATIO_WITHIN] = { "other min max", "" },
	[AT_LEAST] = { "min", "of" }, [AT_MOST] = { "max", "of" }, [BETWEEN] = { "min max", "of" },
	[RATIO_ACROSS_PHASES] = { "phase base_phase max", "of min" },
};

#define NOT_GIVEN -2e18
#define REAL(key, text) { .name = #key, .kind = ROW_REAL, .offset = offsetof(struct assertion, key), .min = -1e18, .max = 1e18, \
	.def = NOT_GIVEN, .help = text }

static const struct row rows[] = {
	{ .name = "path", .kind = ROW_STR, .required = true, .offset = offsetof(struct assertion, path),
	  .help = "of which value: var:NAME or a path in the periodic snapshots, sample:PATH in the samples" },
	{ .name = "is", .kind = ROW_ENUM, .required = true, .offset = offsetof(struct assertion, is), .names = pattern_names,
	  .help = "what is asserted of it" },
	{ .name = "of", .kind = ROW_ENUM, .offset = offsetof(struct assertion, of), .names = of_names,
	  .help = "bounds, and ratios across phases: each value, or one for the phase or the run: the first, the last, or the last without "
		  "the first" },
	{ .name = "phase", .kind = ROW_UINT, .offset = offsetof(struct assertion, phase), .min = 1, .max = REPORT_SCX_PHASES,
	  .help = "values in this phase only, from 1" },
	{ .name = "base_phase", .kind = ROW_UINT, .offset = offsetof(struct assertion, base_phase), .min = 1, .max = REPORT_SCX_PHASES,
	  .help = "ratio_across_phases: the phase to divide by" },
	{ .name = "other", .kind = ROW_STR, .offset = offsetof(struct assertion, other),
	  .help = "ratio_within: the path of the value to divide by" },
	REAL(min, "the least that is allowed; of a rate, in units a millisecond"),
	REAL(max, "the most that is allowed"),
	REAL(target, "converges_to: what the value comes to"),
	{ .name = "tolerance", .kind = ROW_REAL, .offset = offsetof(struct assertion, tolerance), .max = 1e18, .def = -1,
	  .help = "how far off it may be; of steady_within as a part of the mean" },
	{ .name = "warmup_ms", .kind = ROW_NS, .offset = offsetof(struct assertion, warmup_ns), .max = 1e9,
	  .help = "steady_within: what comes before is not looked at" },
	{ .name = "deadline_ms", .kind = ROW_NS, .offset = offsetof(struct assertion, deadline_ns), .max = 1e9, .def = -1,
	  .help = "converges_to: until when" },
	{ 0 },
};

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

static const char *label(const char *path)
{
	return strncmp(path, "var:", 4) ? path : path + 4;
}

static bool is_of_samples(const char *path)
{
	return !strncmp(path, "sample:", 7);
}

static bool parse_assertion(const struct jcur *c, struct assertion *a)
{
	static const char always[] = "path is phase";
	json_t *value;
	const char *key;

	if (!jcur_is_object(c) || !rows_parse(c, rows, a, NULL))
		return false;
	const char *needs = pattern_keys[a->is].needs, *takes = pattern_keys[a->is].takes;
	json_object_foreach(c->j, key, value) {
		if (!has_word(always, key) && !has_word(needs, key) && !has_word(takes, key))
			return jcur_error(c, "'%s' has no '%s'", pattern_names[a->is], key);
	}
	for (const struct row *r = rows; r->name; r++)
		if (has_word(needs, r->name) && !json_object_get(c->j, r->name))
			return jcur_error(c, "'%s' needs '%s'", pattern_names[a->is], r->name);
	if (json_object_get(c->j, "min") && json_object_get(c->j, "max") && a->min > a->max)
		return jcur_error(c, "min is above max");
	if (a->other && is_of_samples(a->path) != is_of_samples(a->other))
		return jcur_error(c, "path and other are not both of samples, or both of snapshots");
	if (a->is == RATIO_ACROSS_PHASES && !a->of)
		a->of = OF_DELTA;
	return true;
}

static bool parse_all(const struct jcur *c, void *out, void *ctx)
{
	struct asserted *given = out;
	struct assertion a;
	bool ok = jcur_is_array(c, 1);

	(void)ctx;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur one = jcur_at(c, i);
		ok &= parse_assertion(&one, &a);
	}
	given->object = c->j;
	return ok;
}

/* A moment at which there is a value, or should be. */
struct point {
	int64_t at_ns, phase; /* phase 0: not known */
	char name[64];
	long double v;
	char *why_not;        /* NULL: there is a value */
};

struct series {
	struct point *v;
	size_t n;
};

static void series_deinit(struct series *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].why_not);
	free(s->v);
}

/* A number, as a report has it: beyond 2^53 it is a string. */
static int number_of(const json_t *j, long double *ret, struct kt_err *err)
{
	const char *s = json_string_value(j);
	char *end = NULL;

	if (s)
		*ret = strtold(s, &end);
	else if (json_is_boolean(j) || json_is_integer(j))
		*ret = json_is_integer(j) ? (long double)json_integer_value(j) : json_is_true(j);
	else if (json_is_real(j))
		*ret = json_real_value(j);
	else
		return kt_fail(err, "it is %s, and no number", json_is_object(j) ? "an object" : json_is_array(j) ? "a list" : "null");
	return s && (!*s || *end || !isfinite(*ret)) ? kt_fail(err, "it is text, and no number") : 0;
}

static int value_at(const json_t *record, const char *path, long double *ret, struct kt_err *err)
{
	json_t *j;

	if (json_object_get(record, "error"))
		return kt_fail(err, "nothing could be read");
	if (is_of_samples(path))
		j = snap_get(record, path + 7, err);
	else
		j = label(path) != path ? snap_var(record, path + 4, err) : snap_get(record, path, err);
	return j ? number_of(j, ret, err) : -1;
}

/* The value at a moment of the kind that the path is of. record NULL: it cannot be read. */
static void add_point(struct series *s, const json_t *record, const char *path, size_t samples)
{
	const char *kind = json_string_value(json_object_get(record, "kind")), *by = json_string_value(json_object_get(record, "by"));
	const char *name = json_string_value(json_object_get(record, "name"));
	bool is_sample = kind && streq(kind, "sample");
	struct kt_err err;

	if (is_sample != is_of_samples(path) || (is_sample && !(by && streq(by, "time"))))
		return;
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	struct point *p = &s->v[s->n++];
	*p = (struct point){ .at_ns = json_integer_value(json_object_get(record, "at_ns")),
			     .phase = json_integer_value(json_object_get(record, "phase")) };
	if (is_sample)
		snprintf(p->name, sizeof(p->name), "%zu", samples);
	else
		snprintf(p->name, sizeof(p->name), "%s", name ? name : "?");
	if (!record || value_at(record, path, &p->v, &err))
		p->why_not = xstrdup(record ? err.msg : "it cannot be read");
}

/* An assertion, and the values of its path, and of the other one, in the whole run. */
struct judged {
	struct assertion a;
	struct series all, others;
};

/* A record may be large: it is read once, for all assertions. */
static void collect(const struct report *r, struct judged *v, size_t n)
{
	size_t samples = 0;

	for (size_t i = 0; i < r->nr_moments; i++) {
		_cleanup_json_ json_t *record = json_loadb(r->moments[i].line, r->moments[i].len, JSON_REJECT_DUPLICATES, NULL);
		const char *kind = json_string_value(json_object_get(record, "kind"));

		for (struct judged *d = v; d < v + n; d++) {
			add_point(&d->all, record, d->a.path, samples);
			if (d->a.other)
				add_point(&d->others, record, d->a.other, samples);
		}
		samples += kind && streq(kind, "sample");
	}
}

/* Those of one phase; 0: of all. */
static struct series in_phase(const struct series *all, unsigned phase)
{
	struct series s = { xcalloc(all->n + 1, sizeof(*s.v)), 0 };

	for (size_t i = 0; i < all->n; i++)
		if (!phase || all->v[i].phase == phase) {
			s.v[s.n] = all->v[i];
			s.v[s.n++].why_not = all->v[i].why_not ? xstrdup(all->v[i].why_not) : NULL;
		}
	return s;
}

struct text { char s[160]; };
struct bounds_text { char s[400]; };

static struct text number_text(long double v)
{
	struct text t;

	snprintf(t.s, sizeof(t.s), v == truncl(v) && fabsl(v) < 1e20L ? "%.0Lf" : "%.12Lg", v);
	return t;
}

static struct text where(const struct point *p)
{
	struct text t;

	snprintf(t.s, sizeof(t.s), "sample %s (%+lldms)", p->name, (long long)(p->at_ns / NSEC_PER_MSEC));
	return t;
}

struct judge {
	const struct assertion *a;
	const struct series *s;
	const struct series *other; /* RATIO_WITHIN */
	struct results *out;
	bool failed;
	size_t judged;              /* values, or pairs of them */
	char *unsure;               /* why it cannot be told, besides missing values; NULL: it can */
};

static KT_PRINTF(2, 3) void fail(struct judge *j, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!j->failed)
		result_add(j->out, VERDICT_FAIL, 0, "%s (%s): %s", label(j->a->path), pattern_names[j->a->is], text);
	j->failed = true;
}

static void be_unsure(struct judge *j, char *why)
{
	if (j->unsure)
		free(why);
	else
		j->unsure = why;
}

static bool both(const struct point *a, const struct point *b)
{
	return !a->why_not && !b->why_not;
}

/* The first that breaks it is named; a pair with a value missing is not judged. */
static void judge_order(struct judge *j)
{
	for (size_t i = 1; i < j->s->n; i++) {
		const struct point *p = &j->s->v[i], *before = p - 1;

		if (!both(p, before))
			continue;
		j->judged++;
		if (p->v < before->v)
			fail(j, "regression at %s: value %s after prior value %s at %s", where(p).s, number_text(p->v).s, number_text(before->v).s,
			     where(before).s);
		else if (p->v == before->v && j->a->is == STRICTLY_INCREASING)
			fail(j, "no increase at %s: value %s is that of %s", where(p).s, number_text(p->v).s, where(before).s);
	}
}

static void judge_rate(struct judge *j)
{
	for (size_t i = 1; i < j->s->n; i++) {
		const struct point *p = &j->s->v[i], *before = p - 1;

		if (!both(p, before))
			continue;
		if (p->at_ns <= before->at_ns) {
			be_unsure(j, xasprintf("no time between %s and %s", where(before).s, where(p).s));
			continue;
		}
		long double rate = (p->v - before->v) / ((long double)(p->at_ns - before->at_ns) / NSEC_PER_MSEC);
		j->judged++;
		if (rate < j->a->min || rate > j->a->max)
			fail(j, "rate %s/ms from %s to %s is not in %s..%s", number_text(rate).s, where(before).s, where(p).s, number_text(j->a->min).s,
			     number_text(j->a->max).s);
	}
}

static void judge_steady(struct judge *j)
{
	long double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < j->s->n; i++)
		if (!j->s->v[i].why_not && j->s->v[i].at_ns >= j->a->warmup_ns) {
			sum += j->s->v[i].v;
			n++;
		}
	long double mean = n ? sum / (long double)n : 0, most = fabsl(mean) * (long double)j->a->tolerance;
	for (size_t i = 0; i < j->s->n; i++) {
		const struct point *p = &j->s->v[i];

		if (p->why_not || p->at_ns < j->a->warmup_ns)
			continue;
		j->judged++;
		if (fabsl(p->v - mean) > most)
			fail(j, "value %s at %s is not within %s%% of the mean %s of %zu samples", number_text(p->v).s, where(p).s,
			     number_text((long double)j->a->tolerance * 100).s, number_text(mean).s, n);
	}
	j->judged = j->judged > 1 ? j->judged : 0;
}

static void judge_convergence(struct judge *j)
{
	size_t in_row = 0, before = 0;
	bool converged = false;
	const struct point *last = NULL;

	for (size_t i = 0; i < j->s->n; i++) {
		const struct point *p = &j->s->v[i];
		bool inside = !p->why_not && fabsl(p->v - (long double)j->a->target) <= (long double)j->a->tolerance;

		if (p->at_ns > j->a->deadline_ns)
			break;
		before += !p->why_not;
		last = p->why_not ? last : p;
		in_row = inside ? in_row + 1 : 0;
		converged |= in_row >= CONVERGED;
	}
	j->judged = before >= CONVERGED ? before : 0;
	if (j->judged && !converged)
		fail(j, "no %d samples in a row within %s of %s until +%lldms: value %s at %s", CONVERGED, number_text(j->a->tolerance).s,
		     number_text(j->a->target).s, (long long)(j->a->deadline_ns / NSEC_PER_MSEC), number_text(last->v).s, where(last).s);
}

static void judge_always(struct judge *j)
{
	for (size_t i = 0; i < j->s->n; i++) {
		if (j->s->v[i].why_not)
			continue;
		j->judged++;
		if (!j->s->v[i].v)
			fail(j, "false at %s", where(&j->s->v[i]).s);
	}
}

static bool within(const struct assertion *a, long double v)
{
	return (a->is == AT_MOST || v >= (long double)a->min) && (a->is == AT_LEAST || v <= (long double)a->max);
}

static struct bounds_text bounds(const struct assertion *a)
{
	struct bounds_text t;

	if (a->is == AT_LEAST)
		snprintf(t.s, sizeof(t.s), "below %s", number_text(a->min).s);
	else if (a->is == AT_MOST || a->min == NOT_GIVEN)
		snprintf(t.s, sizeof(t.s), "above %s", number_text(a->max).s);
	else
		snprintf(t.s, sizeof(t.s), "not in %s..%s", number_text(a->min).s, number_text(a->max).s);
	return t;
}

static void judge_ratio(struct judge *j)
{
	for (size_t i = 0; i < j->s->n && i < j->other->n; i++) {
		const struct point *p = &j->s->v[i], *by = &j->other->v[i];

		if (!both(p, by))
			continue;
		if (!by->v) {
			be_unsure(j, xasprintf("%s is 0 at %s", label(j->a->other), where(by).s));
			continue;
		}
		j->judged++;
		if (!within(j->a, p->v / by->v))
			fail(j, "ratio %s to %s at %s is %s", number_text(p->v / by->v).s, label(j->a->other), where(p).s, bounds(j->a).s);
	}
}

/* One value for all of a phase. False: there are too few. */
static bool reduce(const struct series *s, unsigned of, long double *ret)
{
	const struct point *first = NULL, *last = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].why_not) {
			first = first ? first : &s->v[i];
			last = &s->v[i];
		}
	if (!first || (of == OF_DELTA && first == last))
		return false;
	*ret = of == OF_FIRST ? first->v : of == OF_LAST ? last->v : last->v - first->v;
	return true;
}

static void judge_bounds(struct judge *j)
{
	long double v;

	if (j->a->of != OF_EACH) {
		j->judged = reduce(j->s, j->a->of, &v);
		if (j->judged && !within(j->a, v))
			fail(j, "%s value %s is %s", of_names[j->a->of], number_text(v).s, bounds(j->a).s);
		return;
	}
	for (size_t i = 0; i < j->s->n; i++) {
		const struct point *p = &j->s->v[i];

		if (p->why_not)
			continue;
		j->judged++;
		if (!within(j->a, p->v))
			fail(j, "value %s at %s is %s", number_text(p->v).s, where(p).s, bounds(j->a).s);
	}
}

static void judge_phases(struct judge *j)
{
	long double a, b;

	if (!reduce(j->s, j->a->of, &a) || !reduce(j->other, j->a->of, &b))
		return;
	if (!b) {
		be_unsure(j, xasprintf("the %s value of phase %u is 0", of_names[j->a->of], j->a->base_phase));
		return;
	}
	j->judged = 1;
	if (!within(j->a, a / b))
		fail(j, "%s value %s of phase %u to %s of phase %u is a ratio of %s, %s", of_names[j->a->of], number_text(a).s, j->a->phase,
		     number_text(b).s, j->a->base_phase, number_text(a / b).s, bounds(j->a).s);
}

static void (*const judges[])(struct judge *j) = {
	[NONDECREASING] = judge_order, [STRICTLY_INCREASING] = judge_order, [RATE_WITHIN] = judge_rate, [STEADY_WITHIN] = judge_steady,
	[CONVERGES_TO] = judge_convergence, [ALWAYS] = judge_always, [RATIO_WITHIN] = judge_ratio, [AT_LEAST] = judge_bounds,
	[AT_MOST] = judge_bounds, [BETWEEN] = judge_bounds, [RATIO_ACROSS_PHASES] = judge_phases,
};

/* Values that are missing, and why. */
static char *skipped(const struct series *s)
{
	enum { NAMED = 3 };
	_cleanup_free_ char *list = xstrdup("");
	const char *said = "";
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct point *p = &s->v[i];

		if (!p->why_not || n++ >= NAMED)
			continue;
		bool again = streq(p->why_not, said);
		char *more = xasprintf("%s%s%s(%+lldms)%s%s", list, n > 1 ? "; " : "", p->name, (long long)(p->at_ns / NSEC_PER_MSEC),
				       again ? "" : ": ", again ? "" : p->why_not);
		free(list);
		list = more;
		said = p->why_not;
	}
	return n ? xasprintf("skipped %zu sample(s) with projection errors: %s%s", n, list, n > NAMED ? "; ..." : "") : NULL;
}

static void judge_one(const struct report *r, const struct judged *d, struct results *out)
{
	const struct assertion *a = &d->a;
	const char *name = label(a->path), *is = pattern_names[a->is];
	_cleanup_(series_deinit) struct series s = in_phase(&d->all, a->phase);
	_cleanup_(series_deinit) struct series other = a->other ? in_phase(&d->others, a->phase) : in_phase(&d->all, a->base_phase);
	struct judge j = { .a = a, .s = &s, .other = &other, .out = out };

	judges[a->is](&j);
	_cleanup_free_ char *bad = skipped(&s), *bad_other = a->other || a->base_phase ? skipped(&other) : NULL, *unsure = j.unsure;
	if (bad || bad_other)
		result_add(out, VERDICT_INCONCLUSIVE, 0, "%s (%s): %s", name, is, bad ? bad : bad_other);
	else if (unsure)
		result_add(out, VERDICT_INCONCLUSIVE, 0, "%s (%s): %s", name, is, unsure);
	else if (!j.judged)
		result_add(out, VERDICT_INCONCLUSIVE, 0, "%s (%s): too few values: %zu %s%s", name, is, s.n, is_of_samples(a->path) ? "samples" :
			   "periodic snapshots", a->phase ? " in the phase" : "");
	else if (r->moments_lost)
		result_add(out, VERDICT_INCONCLUSIVE, 0, "%s (%s): the report has more samples and snapshots than are kept", name, is);
	else if (!j.failed)
		result_add(out, VERDICT_PASS, 0, "%s (%s): %zu samples", name, is, s.n);
}

static void eval_temporal(const struct report *r, double threshold, struct results *out)
{
	const json_t *list = result_object(out);
	struct kt_errs errs = { 0 };
	struct jdoc doc = { "assert", &errs };
	struct jcur all = jcur_root(&doc, (json_t *)list);

	size_t n = json_array_size(list);
	_cleanup_free_ struct judged *v = xcalloc(n, sizeof(*v));

	(void)threshold;
	for (size_t i = 0; i < n; i++) {
		struct jcur one = jcur_at(&all, i);

		if (!parse_assertion(&one, &v[i].a))
			BUG("an assertion was read before, and cannot be now: %s", errs.msgs[0]);
	}
	collect(r, v, n);
	for (struct judged *d = v; d < v + n; d++) {
		judge_one(r, d, out);
		series_deinit(&d->all);
		series_deinit(&d->others);
	}
}

const struct check check_temporal = {
	.name = "temporal",
	.summary = "values go from one sample or periodic snapshot to the next as the spec says",
	.formula = "any of the spec's temporal assertions does not hold",
	.on = CHECK_ASKED,
	.row = { .name = "temporal", .kind = ROW_CUSTOM, .type = "array of objects", .parse = parse_all, .sub = rows,
		 .help = "how values of the samples and of periodic snapshots go with time" },
	.eval_run = eval_temporal,
};
