// SPDX-License-Identifier: GPL-2.0-only
/* Steps and the backdrop of a spec. See spec.h. */
#include "libexec/spec/op.h"
#include "libexec/spec/spec.h"

enum { MAX_SECONDS = 86400, MAX_STEPS = 1000, MAX_STEP_NAME = 64 };

static bool parse_defs(const struct jcur *c, struct step *step, size_t min, struct spec_reader *rd)
{
	bool ok = true;

	if (!jcur_is_array(c, min))
		return false;
	step->nr_setup = json_array_size(c->j);
	step->setup = xcalloc(step->nr_setup, sizeof(*step->setup));
	for (size_t i = 0; i < step->nr_setup; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= spec_parse_cgroup(&e, &step->setup[i], rd);
	}
	return ok;
}

static bool parse_setup(const struct jcur *c, void *out, void *ctx)
{
	return parse_defs(c, out, 0, ctx);
}

static bool parse_ops(const struct jcur *c, void *out, void *ctx)
{
	struct step *step = out;
	bool ok = true;

	if (!jcur_is_array(c, 0))
		return false;
	step->nr_ops = json_array_size(c->j);
	step->ops = xcalloc(step->nr_ops, sizeof(*step->ops));
	for (size_t i = 0; i < step->nr_ops; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= op_parse(&e, &step->ops[i], ctx);
	}
	return ok;
}

#define HOLD_ROWS \
	{ .name = "frac", .kind = ROW_REAL, .offset = offsetof(struct hold, frac), .min = 0, .max = 1, .def = -1, \
	  .help = "a part of duration_s; 1 when neither is given" }, \
	{ .name = "fixed_s", .kind = ROW_NS, .offset = offsetof(struct hold, fixed_ns), .min = 0, .max = MAX_SECONDS, \
	  .def = -1, .help = "so long, whatever duration_s is" }

static const struct row loop_rows[] = {
	{ .name = "interval_ms", .kind = ROW_NS, .required = true, .offset = offsetof(struct hold, interval_ns), .min = 0.001,
	  .max = 1e3 * MAX_SECONDS, .help = "from one repetition of the ops to the next" },
	HOLD_ROWS,
	{ 0 }
};

static bool parse_loop(const struct jcur *c, void *out, void *ctx)
{
	struct hold *h = out;

	h->loop = true;
	return rows_parse(c, loop_rows, h, ctx);
}

const struct row spec_hold_rows[] = {
	HOLD_ROWS,
	{ .name = "loop", .kind = ROW_CUSTOM, .type = "object", .parse = parse_loop, .sub = loop_rows,
	  .help = "do the ops again and again" },
	{ 0 }
};

/* A negative number is not given; the rows' default for ns is -1 of their unit. */
static bool resolve_hold(const struct jcur *c, struct hold *h, const struct spec *spec)
{
	if (h->frac >= 0 && h->fixed_ns >= 0)
		return jcur_error(c, "frac and fixed_s exclude each other");
	h->repeats = 1;
	h->ns = h->fixed_ns >= 0 ? h->fixed_ns : (int64_t)(spec->duration_ns * (h->frac >= 0 ? h->frac : 1) + 0.5);
	if (!h->loop)
		return true;
	int64_t repeats = (h->ns + h->interval_ns - 1) / h->interval_ns;
	if (repeats > SPEC_MAX_REPEATS)
		return jcur_error(c, "%lld repetitions of the ops, more than %d", (long long)repeats, SPEC_MAX_REPEATS);
	h->repeats = MAX(repeats, 1);
	return true;
}

static void hold_init(struct hold *h)
{
	*h = (struct hold){ .frac = -1, .fixed_ns = -1 };
}

static bool parse_hold(const struct jcur *c, void *out, void *ctx)
{
	struct step *step = out;
	const struct spec_reader *rd = ctx;
	struct jcur loop;

	if (json_is_number(c->j))
		return jcur_real(c, 0, 1, &step->hold.frac) && resolve_hold(c, &step->hold, rd->spec);
	if (!json_is_object(c->j))
		return jcur_error(c, "must be a number from 0 to 1 or an object with frac, fixed_s or loop");
	if (json_object_size(c->j) == 1 && jcur_get(c, "loop", &loop))
		return parse_loop(&loop, &step->hold, ctx) && resolve_hold(&loop, &step->hold, rd->spec);
	return rows_parse(c, spec_hold_rows, &step->hold, ctx) &&
		(!step->hold.loop || jcur_error(c, "loop has its own frac or fixed_s")) && resolve_hold(c, &step->hold, rd->spec);
}

static bool parse_step_name(const struct jcur *c, void *out, void *ctx)
{
	struct step *step = out;

	(void)ctx;
	return spec_parse_name(c, &step->name, MAX_STEP_NAME, false);
}

const struct row spec_step_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .type = "string", .parse = parse_step_name, .help = "name of the step" },
	{ .name = "setup", .kind = ROW_CUSTOM, .type = "array of cgroups", .parse = parse_setup,
	  .help = "cgroups of this step, as in cgroups; they are made first" },
	{ .name = "ops", .kind = ROW_CUSTOM, .type = "array of ops", .parse = parse_ops,
	  .help = "ops that are done next, in this order" },
	{ .name = "hold", .kind = ROW_CUSTOM, .type = "number from 0 to 1, or object", .parse = parse_hold,
	  .sub = spec_hold_rows, .help = "how long the step lasts after the ops; all of duration_s when not given" },
	{ 0 }
};

bool spec_parse_steps(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;
	bool ok = true;

	if (s->short_form) /* 'cgroups' is there too, which check_form() of spec.c calls an error */
		return true;
	if (!jcur_is_array(c, 1))
		return false;
	if (json_array_size(c->j) > MAX_STEPS)
		return jcur_error(c, "%zu steps, more than %d", json_array_size(c->j), MAX_STEPS);
	s->nr_steps = json_array_size(c->j);
	s->steps = xcalloc(s->nr_steps, sizeof(*s->steps));
	for (size_t i = 0; i < s->nr_steps; i++) {
		struct jcur e = jcur_at(c, i);

		s->steps[i].path = jcur_path(&e);
		hold_init(&s->steps[i].hold);
		resolve_hold(&e, &s->steps[i].hold, s);
		ok &= rows_parse(&e, spec_step_rows, &s->steps[i], ctx);
	}
	return ok;
}

void spec_no_cgroups(const struct jcur *c, struct spec *s)
{
	s->short_form = true;
	s->nr_steps = 1;
	s->steps = xcalloc(1, sizeof(*s->steps));
	s->steps[0].path = jcur_path(c);
	hold_init(&s->steps[0].hold);
	resolve_hold(c, &s->steps[0].hold, s);
}

static bool has_inner(const struct step *step, const char *name)
{
	for (size_t i = 0; i < step->nr_setup; i++)
		if (!strncmp(step->setup[i].name, name, strlen(name)) && step->setup[i].name[strlen(name)] == '/')
			return true;
	return false;
}

/* In the short form nothing can come into a cgroup later: without workers it is there for those in it, or by mistake. */
static bool check_somebody(const struct jcur *c, const struct step *step)
{
	bool ok = true;

	for (size_t i = 0; i < step->nr_setup; i++) {
		struct jcur e = jcur_at(c, i), workers, groups;

		if (jcur_get(&e, "workers", &workers) && json_is_integer(workers.j) && !json_integer_value(workers.j) &&
		    !jcur_get(&e, "groups", &groups) && !has_inner(step, step->setup[i].name))
			ok = jcur_error(&workers, "0 workers: only for a cgroup that others are in");
	}
	return ok;
}

bool spec_parse_short(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	spec_no_cgroups(c, s);
	return parse_defs(c, &s->steps[0], 1, ctx) && check_somebody(c, &s->steps[0]);
}

const struct row spec_backdrop_rows[] = {
	{ .name = "cgroups", .kind = ROW_CUSTOM, .type = "array of cgroups", .parse = parse_setup,
	  .help = "cgroups that exist through all steps, as in cgroups" },
	{ .name = "ops", .kind = ROW_CUSTOM, .type = "array of ops", .parse = parse_ops,
	  .help = "ops that are done after that, before the first step" },
	{ 0 }
};

bool spec_parse_backdrop(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	return rows_parse(c, spec_backdrop_rows, &s->backdrop, ctx);
}

void step_deinit(struct step *s)
{
	for (size_t i = 0; i < s->nr_setup; i++)
		cgroup_def_deinit(&s->setup[i]);
	for (size_t i = 0; i < s->nr_ops; i++)
		op_deinit(&s->ops[i]);
	free(s->setup);
	free(s->ops);
	free(s->path);
}
