// SPDX-License-Identifier: GPL-2.0-only
/* Which checks are on, with which thresholds, and what they say together: see check.h. */
#include "libexec/check/check.h"

#define CHECK(name) extern const struct check check_##name;
#include "libexec/check/list.h"
#undef CHECK

const struct check *const checks[] = {
#define CHECK(name) &check_##name,
#include "libexec/check/list.h"
#undef CHECK
	NULL
};

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
	const json_t *object;
	const char *from; /* which layer decided; NULL: the defaults */
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

static void add_result(struct results *out, enum verdict v, const struct report_worker *w, double value,
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
		json_object_set_new(row, "worse", json_string(c->less_is_worse ? "less" : "more"));
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
	add_result(out, v, NULL, value, vformat(reason, ap));
	va_end(ap);
}

void result_worker(struct results *out, enum verdict v, const struct report_worker *w, double value,
		   const char *reason, ...)
{
	va_list ap;

	va_start(ap, reason);
	add_result(out, v, w, value, vformat(reason, ap));
	va_end(ap);
}

bool report_has_op(const struct report *r, const struct op_kind *kind)
{
	const struct op *op;

	for (size_t i = 0; (op = spec_op(&r->spec, i)); i++)
		if (op->kind == kind)
			return true;
	return false;
}

bool result_asked(const struct results *out)
{
	return out->setting->from;
}

const json_t *result_object(const struct results *out)
{
	return out->setting->object;
}

static void set_default(const struct report *r, const struct check *c, struct setting *set)
{
	*set = (struct setting){ .on = c->on != CHECK_ASKED, .threshold = r->virtual_clock ? c->virtual_default : c->real_default };
}

/* defaults: whether the checks that are on by themselves are. */
static void settings_take(const struct report *r, const struct asserted *asserted, const char *from, struct setting *set, bool *defaults)
{
	bool of_spec = from == NULL;

	for (size_t i = 0; asserted && checks[i]; i++) {
		const struct asserted *a = &asserted[i];
		const struct check *c = checks[i];

		if (!a->off && !a->given)
			continue;
		set_default(r, c, &set[i]);
		set[i].from = of_spec ? "spec" : from;
		if (a->off) {
			set[i].on = c->on == CHECK_ALWAYS;
			continue;
		}
		set[i].on = c->row.kind != ROW_BOOL || a->yes;
		set[i].asked = set[i].on && of_spec;
		set[i].object = a->object;
		if (c->row.kind == ROW_REAL)
			set[i].threshold = a->threshold;
		if (c->gates_defaults)
			*defaults = a->yes;
	}
}

static void settings_merge(const struct report *r, const struct layers *layers, struct setting *set)
{
	/* Who starved after the scheduler's death, whether that was expected or not, is not news. */
	bool news = !r->spec.expected.contains && !r->spec.expected.matches && !r->scheduler.died, defaults = true;

	for (size_t i = 0; checks[i]; i++)
		set_default(r, checks[i], &set[i]);
	for (size_t i = 0; layers && i < layers->n; i++)
		settings_take(r, layers->list[i].asserted, layers->list[i].from, set, &defaults);
	settings_take(r, r->spec.assert, NULL, set, &defaults);
	for (size_t i = 0; checks[i]; i++) {
		const struct check *c = checks[i];

		/* A file's word that a default is on, or by which threshold, is a default too; who switches not_starved off means these. */
		if (c->on == CHECK_DEFAULT && !set[i].asked && (!news || !defaults))
			set[i].on = false;
		/* With an exit expected, or after the scheduler's death, a file asks for nothing. */
		if (c->on == CHECK_ASKED && !set[i].asked && !news)
			set[i].on = false;
	}
}

void checks_print_thresholds(const struct report *r, const struct layers *layers, FILE *f)
{
	struct setting set[ARRAY_SIZE(checks)] = { 0 };

	settings_merge(r, layers, set);
	fprintf(f, "%-14s %-20s %-12s %-8s %s\n", "CHECK", "ASSERT", "THRESHOLD", "UNIT", "FROM");
	for (size_t i = 0; checks[i]; i++) {
		const struct check *c = checks[i];
		const char *from = set[i].from ? set[i].from : r->virtual_clock ? "default (virtual clock)" : "default (real clock)";
		char value[32];

		if (set[i].on && c->unit)
			snprintf(value, sizeof(value), "%.15g", set[i].threshold);
		else
			snprintf(value, sizeof(value), "%s", set[i].on ? "on" : "off");
		fprintf(f, "%-14s %-20s %-12s %-8s %s\n", c->name, c->row.name ? c->row.name : "-", value,
			c->unit && *c->unit ? c->unit : "-", from);
	}
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
			   "%s was asked for, but there was nothing it could judge", out->check->row.name);
	}
}

json_t *checks_run(const struct report *r, const struct layers *defaults)
{
	struct setting set[ARRAY_SIZE(checks)] = { 0 };
	struct results out = { .rows = json_array() };

	settings_merge(r, defaults, set);
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
