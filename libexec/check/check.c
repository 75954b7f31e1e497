// SPDX-License-Identifier: GPL-2.0-only
/* Which checks are on, with which thresholds, and what they say together: see check.h. */
#include "libexec/check/check.h"

static const double THRESHOLD_MAX = 1e15;

#define CHECK(name) extern const struct check check_##name;
#include "libexec/check/list.h"
#undef CHECK

const struct check *const checks[] = {
#define CHECK(name) &check_##name,
#include "libexec/check/list.h"
#undef CHECK
	NULL
};

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
		[VERDICT_SKIP] = "skip", [VERDICT_PASS] = "pass",
		[VERDICT_INCONCLUSIVE] = "inconclusive", [VERDICT_FAIL] = "fail",
	};

	return names[v];
}

struct number number_plain(double value, int decimals)
{
	struct number n;

	do
		snprintf(n.s, sizeof(n.s), "%.*f", decimals, value);
	while (strtod(n.s, NULL) != value && decimals++ < 15);
	return n;
}

struct number number_beyond(double value, double threshold, int decimals)
{
	struct number n = number_plain(threshold, decimals);
	const char *point = strchr(n.s, '.');
	double shown;

	decimals = MAX(decimals, point ? MIN((int)strlen(point + 1), 6) : 0);

	do {
		snprintf(n.s, sizeof(n.s), "%.*f", decimals, value);
		shown = strtod(n.s, NULL);
	} while ((value > threshold ? shown <= threshold : shown >= threshold) && decimals++ < 17);
	return n;
}

struct cpumask cgroup_cpus(const struct report_cgroup *cg)
{
	struct cpumask all = { 0 };

	for (unsigned i = 0; i < cg->nr_workers; i++)
		all = cpumask_or(&all, &cg->workers[i].cpus_used);
	return all;
}

/* How a check is set for this run. */
struct setting {
	bool on, asked; /* asked: by its own key */
	double threshold;
};

struct results {
	const struct check *check;
	const struct setting *setting;
	const struct report_cgroup *cg;
	const struct report_payload *payload;
	json_t *rows;
	enum verdict worst;         /* of everything, with "completed" no vote to pass */
	enum verdict check_best;    /* of this check: VERDICT_SKIP as long as it judged nothing */
	char *reason;               /* the first one of the worst verdict */
};

static void add(struct results *out, enum verdict v, const struct report_worker *w, double value,
		char *reason)
{
	const struct check *c = out->check;
	json_t *row = KT_PACK("{s:s, s:s, s:s*, s:s*, s:s}", "check", c->name, "verdict", verdict_name(v), "cgroup",
			      out->cg ? out->cg->name : NULL, "payload", out->payload ? out->payload->payload->name : NULL,
			      "reason", reason);

	if (w)
		json_object_set_new(row, "tid", json_integer(w->tid));
	if (c->unit && (v == VERDICT_FAIL || v == VERDICT_PASS))
		json_object_set_new(row, "value", json_real(value));
	if (c->unit) {
		json_object_set_new(row, "threshold", json_real(out->setting->threshold));
		json_object_set_new(row, "unit", json_string(c->unit));
	}
	json_array_append_new(out->rows, row);
	if (v != VERDICT_SKIP)
		out->check_best = v;
	if (v == VERDICT_PASS && c->no_vote)
		v = VERDICT_SKIP;
	if (v > out->worst) {
		out->worst = v;
		free(out->reason);
		out->reason = v == VERDICT_PASS ? NULL : xstrdup(reason);
	}
	free(reason);
}

static KT_PRINTF(1, 0) char *vformat(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	return s;
}

void result_add(struct results *out, enum verdict v, double value, const char *reason, ...)
{
	va_list ap;

	va_start(ap, reason);
	add(out, v, NULL, value, vformat(reason, ap));
	va_end(ap);
}

void result_worker(struct results *out, enum verdict v, const struct report_worker *w, double value,
		   const char *reason, ...)
{
	va_list ap;

	va_start(ap, reason);
	add(out, v, w, value, vformat(reason, ap));
	va_end(ap);
}

/* The defaults, then the spec. False when "assert" cannot be read; that is then among the defects. */
static bool settings_merge(struct report *r, struct setting *set)
{
	struct kt_errs errs = { 0 };
	struct jdoc doc = { .file = "line 1", .errs = &errs };
	struct jcur run = jcur_root(&doc, r->run), spec, a;
	const char *keys[64] = { NULL };
	bool given = jcur_get(&run, "spec", &spec) && jcur_get(&spec, "assert", &a) && jcur_is_object(&a);
	/* Who starved after the scheduler's death, whether that was expected or not, is not news. */
	bool defaults = !json_object_get(json_object_get(json_object_get(r->run, "spec"), "expect"), "exit") && !r->scheduler.died;
	size_t nr_keys = 0;

	for (size_t i = 0; checks[i]; i++) {
		const struct check *c = checks[i];
		struct jcur key;
		bool flag = false;

		set[i].on = c->on != CHECK_ASKED;
		set[i].threshold = r->virtual_clock ? c->virtual_default : c->real_default;
		if (!c->key)
			continue;
		if (nr_keys + 1 >= ARRAY_SIZE(keys))
			BUG("more checks than keys");
		keys[nr_keys++] = c->key;
		if (!given || !jcur_get(&a, c->key, &key))
			continue;
		if (c->unit) {
			set[i].on = set[i].asked = jcur_real(&key, 0, THRESHOLD_MAX, &set[i].threshold);
		} else if (c->object) {
			set[i].on = set[i].asked = jcur_is_object(&key);
		} else if (c->array) {
			set[i].asked = jcur_is_array(&key, 0);
		} else if (jcur_bool(&key, &flag)) {
			set[i].on = set[i].asked = flag;
			if (c->on == CHECK_DEFAULT)
				defaults &= flag;
		}
	}
	for (size_t i = 0; checks[i] && !defaults; i++)
		if (checks[i]->on == CHECK_DEFAULT && !set[i].asked)
			set[i].on = false;
	/* A misspelt key would be a check that the writer believes in and nobody makes. */
	if (given)
		jcur_known(&a, keys);
	for (size_t i = 0; i < errs.n; i++)
		report_defect(r, "%s", errs.msgs[i]);
	bool ok = !errs.n;
	kt_errs_deinit(&errs);
	return ok;
}

static void run_check(const struct report *r, struct results *out)
{
	out->check_best = VERDICT_SKIP;
	out->cg = NULL;
	for (size_t i = 0; out->check->eval_payload && i < r->nr_payload_runs; i++) {
		out->payload = &r->payload_runs[i];
		out->check->eval_payload(out->payload, out);
	}
	out->payload = NULL;
	if (out->check->eval_run)
		out->check->eval_run(r, out->setting->threshold, out);
	for (size_t i = 0; out->check->eval && i < r->nr_cgroups; i++) {
		out->cg = &r->cgroups[i];
		out->check->eval(out->cg, out->setting->threshold, out);
	}
	if (out->check_best == VERDICT_SKIP && out->setting->asked) {
		out->cg = NULL;
		result_add(out, VERDICT_INCONCLUSIVE, 0,
			   "%s was asked for, but there was nothing it could judge", out->check->key);
	}
}

json_t *checks_run(struct report *r)
{
	struct setting set[ARRAY_SIZE(checks)] = { 0 };
	struct results out = { .rows = json_array() };

	if (!settings_merge(r, set)) {
		json_decref(out.rows);
		return NULL;
	}
	for (size_t i = 0; checks[i]; i++) {
		out.check = checks[i];
		out.setting = &set[i];
		if (set[i].on)
			run_check(r, &out);
	}
	if (out.worst == VERDICT_SKIP)
		out.reason = xstrdup(r->nr_workers || r->nr_payload_runs ? "no check judged anything" :
						     "no worker reports — benchmark skipped");
	json_t *doc = KT_PACK("{s:s, s:s?, s:o}", "verdict", verdict_name(out.worst), "reason", out.reason,
			      "checks", out.rows);
	free(out.reason);
	return doc;
}
