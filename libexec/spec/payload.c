// SPDX-License-Identifier: GPL-2.0-only
/* Reading payloads: see payload.h. */
#include "libexec/spec/payload.h"

enum { MAX_CHECKS = 256, MAX_SECONDS = 86400, PRIMARY_SECONDS = 60 };
static const double METRIC_MAX = 1e300;

static bool parse_min(const struct jcur *c, void *out, void *ctx)
{
	struct payload_check *k = out;

	(void)ctx;
	k->has_min = true;
	return jcur_real(c, -METRIC_MAX, METRIC_MAX, &k->min);
}

static bool parse_max(const struct jcur *c, void *out, void *ctx)
{
	struct payload_check *k = out;

	(void)ctx;
	k->has_max = true;
	return jcur_real(c, -METRIC_MAX, METRIC_MAX, &k->max);
}

static bool parse_range(const struct jcur *c, void *out, void *ctx)
{
	struct payload_check *k = out;

	if (!jcur_is_array(c, 0))
		return false;
	if (json_array_size(c->j) != 2)
		return jcur_error(c, "must be two numbers, the least and the most");
	struct jcur lo = jcur_at(c, 0), hi = jcur_at(c, 1);
	return (int)parse_min(&lo, k, ctx) & (int)parse_max(&hi, k, ctx);
}

static bool parse_exists(const struct jcur *c, void *out, void *ctx)
{
	bool yes;

	(void)out, (void)ctx;
	return jcur_bool(c, &yes) && (yes || jcur_error(c, "must be true: no check can ask that a metric is missing"));
}

const struct row payload_check_rows[] = {
	{ .name = "metric", .kind = ROW_STR, .offset = offsetof(struct payload_check, metric),
	  .help = "the number in the output to check: the keys and indices that lead to it, with dots between" },
	{ .name = "min", .kind = ROW_CUSTOM, .type = "number", .parse = parse_min, .help = "the least it may be" },
	{ .name = "max", .kind = ROW_CUSTOM, .type = "number", .parse = parse_max, .help = "the most it may be" },
	{ .name = "range", .kind = ROW_CUSTOM, .type = "array of two numbers", .parse = parse_range,
	  .help = "the least and the most it may be" },
	{ .name = "exists", .kind = ROW_CUSTOM, .type = "boolean", .parse = parse_exists,
	  .help = "true: it must be there" },
	{ .name = "exit_code", .kind = ROW_UINT, .offset = offsetof(struct payload_check, exit_code), .max = 255,
	  .def = -1,
	  .help = "the exit code that the program must have, instead of a metric" },
	{ 0 }
};

static bool parse_check(const struct jcur *c, struct payload_check *k)
{
	struct jcur at;
	bool exit_code = jcur_is_object(c) && jcur_get(c, "exit_code", &at);
	size_t keys = json_object_size(c->j);

	if (!json_is_object(c->j) || !rows_parse(c, payload_check_rows, k, NULL))
		return false;
	if (exit_code)
		return keys == 1 || jcur_error(c, "exit_code excludes every other key");
	if (!k->metric)
		return jcur_error(c, "needs 'metric' or 'exit_code'");
	if (keys == 1)
		return jcur_error(c, "needs 'min', 'max', 'range' or 'exists'");
	if (jcur_get(c, "range", &at) && keys > 2)
		return jcur_error(&at, "excludes 'min' and 'max', which range replaces");
	if (k->has_min && k->has_max && k->min > k->max)
		return jcur_error(c, "nothing is at least %.15g and at most %.15g", k->min, k->max);
	return true;
}

static bool parse_checks(const struct jcur *c, void *out, void *ctx)
{
	struct payload *p = out;
	bool ok = true;

	(void)ctx;
	if (!jcur_is_array(c, 1))
		return false;
	size_t n = json_array_size(c->j);
	if (n > MAX_CHECKS)
		return jcur_error(c, "%zu checks, more than %d", n, MAX_CHECKS);
	p->checks = xcalloc(n, sizeof(*p->checks));
	p->nr_checks = n;
	for (size_t i = 0; i < n; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= parse_check(&e, &p->checks[i]);
		if (p->checks[i].metric && p->output != PAYLOAD_JSON)
			ok = jcur_error(&e, "there are metrics only with output json");
	}
	return ok;
}

static bool parse_output(const struct jcur *c, void *out, void *ctx)
{
	struct payload *p = out;
	const char *s;

	(void)ctx;
	if (!jcur_str(c, &s))
		return false;
	p->output = streq(s, "json") ? PAYLOAD_JSON : PAYLOAD_EXIT_CODE;
	return p->output == PAYLOAD_JSON || streq(s, "exit_code") || jcur_error(c, "must be json or exit_code, not '%s'", s);
}

/* Checks behind the output: they need it. */
const struct row payload_rows[] = {
	PROGRAM_ROWS,
	{ .name = "cgroup", .kind = ROW_STR, .offset = offsetof(struct payload, cgroup),
	  .help = "the cgroup it runs in; beside all of them when not given" },
	{ .name = "output", .kind = ROW_CUSTOM, .type = "string", .parse = parse_output,
	  .help = "how its output is read: json (every number is a metric) or exit_code (not at all); exit_code when not "
	  "given" },
	{ .name = "timeout_s", .kind = ROW_NS, .offset = offsetof(struct payload, timeout_ns), .min = 0.001,
	  .max = MAX_SECONDS, .help = "how long it may run before it fails; when not given, 60 for a primary one, and the "
	  "whole run for others" },
	{ .name = "primary", .kind = ROW_BOOL, .offset = offsetof(struct payload, primary),
	  .help = "the run lasts until the payload ends, whatever duration_s says" },
	{ .name = "checks", .kind = ROW_CUSTOM, .type = "array of objects", .parse = parse_checks,
	  .sub = payload_check_rows, .help = "what must hold of its metrics and its exit code" },
	{ 0 }
};

static bool name_ok(const struct jcur *c)
{
	if (strlen(c->key) > PAYLOAD_NAME_MAX)
		return jcur_error(c, "the name is longer than %d characters", PAYLOAD_NAME_MAX);
	if (!*c->key || *c->key == '.' ||
	    c->key[strspn(c->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")])
		return jcur_error(c, "the name must be letters, digits, '_', '-' and '.', and not start with '.'");
	return true;
}

bool payloads_parse(const struct jcur *c, struct payloads *ret)
{
	const char *key;
	json_t *value;
	bool ok = true;

	if (!jcur_is_object(c))
		return false;
	if (json_object_size(c->j) > PAYLOAD_MAX)
		return jcur_error(c, "%zu payloads, more than %d", json_object_size(c->j), PAYLOAD_MAX);
	ret->v = xcalloc(json_object_size(c->j), sizeof(*ret->v));
	json_object_foreach(c->j, key, value) {
		struct jcur e = { .doc = c->doc, .up = c, .key = key, .j = value };
		struct payload *p = &ret->v[ret->n++];

		p->name = key;
		ok &= name_ok(&e) & (int)rows_parse(&e, payload_rows, p, NULL);
		if (p->primary && !p->timeout_ns)
			p->timeout_ns = (int64_t)PRIMARY_SECONDS * NSEC_PER_SEC;
	}
	return ok;
}

void payloads_deinit(struct payloads *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].checks);
	free(p->v);
	*p = (struct payloads){ 0 };
}

struct payload *payloads_find(const struct payloads *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (streq(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}
