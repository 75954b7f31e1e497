// SPDX-License-Identifier: GPL-2.0-only
/* The spec as a document: its keys as rows, and what they have to do with each other. See spec.h. */
#include "libexec/spec/op.h"
#include "libexec/spec/spec.h"
#include "libexec/spec/scene.h"
#include "guest/work/work.h"

enum { MAX_SECONDS = 86400, MAX_NAME_LEN = 64 };

/* It becomes a file name on the host. */
static bool parse_name(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_name(c, &((struct spec *)out)->name, MAX_NAME_LEN, false);
}

void spec_add_program(struct spec *s, const struct program *p)
{
	s->programs = xrealloc(s->programs, s->nr_programs + 1, sizeof(*s->programs));
	s->programs[s->nr_programs++] = p;
}

static bool parse_payloads(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	if (!payloads_parse(c, &s->payloads))
		return false;
	for (size_t i = 0; i < s->payloads.n; i++)
		spec_add_program(s, &s->payloads.v[i].program);
	return true;
}

static bool parse_scheduler(const struct jcur *c, void *out, void *ctx)
{
	return scheduler_parse(c, &((struct spec *)out)->scheduler, ctx);
}

static bool parse_expect(const struct jcur *c, void *out, void *ctx)
{
	return scheduler_parse_expect(c, &((struct spec *)out)->expected, ctx);
}

static bool parse_one_staged(const struct jcur *c, struct scheduler_def *d, struct spec_reader *rd)
{
	struct jcur own;

	if (!jcur_is_object(c))
		return false;
	if (jcur_get(c, "name", &own))
		return jcur_error(&own, "must not be given here: the key '%s' is the name", c->key);
	if (spec_scheduler(rd->spec, c->key))
		return jcur_error(c, "'%s' is the name of $.scheduler already", c->key);
	bool ok = scheduler_parse(c, d, rd);
	if (d->flags.n)
		ok = jcur_error(c, "has 'flags', which only $.scheduler can have");
	if (d->kernel_args)
		ok = jcur_error(c, "has 'kernel_args', which only $.scheduler can have: the kernel is booted before");
	d->name = c->key;
	return ok;
}

static bool parse_staged(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;
	const char *name;
	json_t *value;
	bool ok = true;

	if (!jcur_is_object(c))
		return false;
	s->staged = xcalloc(json_object_size(c->j), sizeof(*s->staged));
	json_object_foreach(c->j, name, value) {
		struct jcur at = { .doc = c->doc, .up = c, .key = name, .j = value };

		if (parse_one_staged(&at, &s->staged[s->nr_staged], ctx))
			s->nr_staged++;
		else
			ok = false;
	}
	return ok;
}

/* The kernel's own scheduler has no flags, and a spec may be run under it beside others: then this says nothing. */
static bool parse_flag_names(const struct jcur *c, const struct spec *s, uint32_t *ret)
{
	bool ok = jcur_is_array(c, 0);

	for (size_t i = 0; ok && i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);
		const char *name;
		struct kt_err err;

		if (!jcur_str(&e, &name))
			return false;
		uint32_t flag = s->scheduler.kind == SCHEDULER_NONE ? 0 : flags_find(&s->scheduler.flags, name, &err);
		if (!flag && s->scheduler.kind != SCHEDULER_NONE)
			ok = jcur_error(&e, "%s", err.msg);
		*ret |= flag;
	}
	return ok;
}

static bool parse_required_flags(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	return parse_flag_names(c, s, &s->want.required);
}

static bool parse_excluded_flags(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	return parse_flag_names(c, s, &s->want.excluded);
}

const char *const spec_compute_names[] = { "model", "execute", NULL };

/* In the order they are read: ops need payloads and schedulers, cgroups need workers_per_cgroup, steps need duration_s. */
const struct row spec_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_name,
	  .help = "name of the test" },
	{ .name = "description", .kind = ROW_STR, .offset = ROW_NOWHERE, .help = "a line for people" },
	{ .name = "topology", .kind = ROW_STR, .offset = offsetof(struct spec, topology),
	  .help = "topology that ktstr run boots; a plan overrides it" },
	{ .name = "duration_s", .kind = ROW_NS, .offset = offsetof(struct spec, duration_ns), .min = 0.001,
	  .max = MAX_SECONDS, .def = 2, .help = "how long the workers run; the holds of steps are fractions of this" },
	{ .name = "watchdog_timeout_s", .kind = ROW_NS, .offset = offsetof(struct spec, watchdog_timeout_ns),
	  .min = 0.001, .max = MAX_SECONDS, .def = 4,
	  .help = "sched_ext watchdog: the longest time for which a task may wait for a CPU" },
	{ .name = "workers_per_cgroup", .kind = ROW_UINT,
	  .offset = offsetof(struct spec, workers_per_cgroup), .min = 1,
	  .max = SPEC_MAX_WORKERS, .def = 2, .help = "workers of each cgroup that gives no number" },
	{ .name = "memory_mb", .alias = "memory_mib", .kind = ROW_UINT,
	  .offset = offsetof(struct spec, memory_mib),
	  .min = 128, .max = 1 << 24, .type = "integer (MiB)",
	  .help = "memory of the VM; the plan's when not given" },
	{ .name = "seed", .kind = ROW_INT, .offset = offsetof(struct spec, seed), .max = 9007199254740991,
	  .help = "another seed is another, equally valid schedule" },
	{ .name = "compute", .kind = ROW_ENUM, .offset = offsetof(struct spec, compute), .def = COMPUTE_MODEL, .names = spec_compute_names,
	  .help = "on the virtual clock: whether what workers compute is modelled or executed, where their work type can have it modelled" },
	{ .name = "num_snapshots", .kind = ROW_UINT, .offset = offsetof(struct spec, num_snapshots), .max = SPEC_MAX_SNAPSHOTS,
	  .help = "on the virtual clock: so many periodic snapshots, from a tenth to nine tenths of the run; ktstr-boot --periodic goes before it" },
	{ .name = "payloads", .kind = ROW_CUSTOM, .type = "object of objects", .parse = parse_payloads, .sub = payload_rows,
	  .help = "programs that run beside the workers, by name" },
	{ .name = "scheduler", .kind = ROW_CUSTOM, .type = "object", .parse = parse_scheduler, .sub = scheduler_rows,
	  .help = "the scheduler under test; the kernel's own when not given" },
	{ .name = "required_flags", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_required_flags,
	  .help = "flags of the scheduler that the test needs" },
	{ .name = "excluded_flags", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_excluded_flags,
	  .help = "flags of the scheduler that the test cannot run with" },
	{ .name = "staged_schedulers", .kind = ROW_CUSTOM, .type = "object", .parse = parse_staged,
	  .help = "more schedulers, by name, for ops to attach" },
	{ .name = "cgroups", .kind = ROW_CUSTOM, .type = "array of objects", .parse = spec_parse_short,
	  .sub = spec_cgroup_rows, .help = "the cgroups, for the whole run; either this or steps" },
	{ .name = "backdrop", .kind = ROW_CUSTOM, .type = "object", .parse = spec_parse_backdrop,
	  .sub = spec_backdrop_rows, .help = "what exists through all steps" },
	{ .name = "steps", .kind = ROW_CUSTOM, .type = "array of objects", .parse = spec_parse_steps,
	  .sub = spec_step_rows, .help = "the steps, one after the other" },
	{ .name = "expect", .kind = ROW_CUSTOM, .type = "\"survive\" or object", .parse = parse_expect,
	  .sub = scheduler_expect_rows, .help = "how the scheduler must end; it must survive when not given" },
	/* The last, so that its keys, which are the checks', follow in lists of keys. */
	{ .name = "assert", .kind = ROW_CUSTOM, .type = "object", .parse = spec_parse_assert, .help = "what ktstr-eval checks" },
	{ 0 }
};

static bool check_form(const struct jcur *root, struct spec *s)
{
	struct jcur c, other;

	bool steps = jcur_get(root, "steps", &other);
	if (!steps && !jcur_get(root, "cgroups", &c) && jcur_get(root, "payloads", &c)) {
		spec_no_cgroups(root, s);
		return true;
	}
	if (jcur_get(root, "cgroups", &c))
		return !steps || jcur_error(&other, "excludes 'cgroups': give the cgroups of a step in its 'setup', and those of all "
					    "steps in 'backdrop'");
	return steps || jcur_error(root, "'cgroups' or 'steps' is missing");
}

static bool check_backdrop(const struct jcur *root)
{
	struct jcur c, steps;

	return !jcur_get(root, "backdrop", &c) || jcur_get(root, "steps", &steps) ||
		jcur_error(&c, "needs 'steps', and the spec has none");
}

/* With steps, ops run payloads; without, they run beside the workers. */
static bool check_payloads(const struct jcur *root, struct spec *s)
{
	struct jcur all, c;
	bool ok = true;

	for (size_t i = 0; i < s->payloads.n; i++) {
		const struct payload *p = &s->payloads.v[i];

		if (!jcur_get(root, "payloads", &all) || !jcur_get(&all, p->name, &c))
			continue;
		if (p->primary)
			s->wait_ns += p->timeout_ns;
		if (!s->short_form && p->primary)
			ok = jcur_error(&c, "is primary, which excludes 'steps': use the op WaitPayload");
		else if (!s->short_form && !p->by_op)
			ok = jcur_error(&c, "nothing starts it: with 'steps', use the op RunPayload");
	}
	return ok;
}

static bool check_flags(const struct jcur *root, struct spec *s)
{
	struct jcur c;
	struct kt_err err;

	return !jcur_get(root, "required_flags", &c) || !flags_settle(&s->scheduler.flags, &s->want, &err) ||
		jcur_error(&c, "%s", err.msg);
}

int spec_from_json(json_t *doc, const char *file, const struct topo *plan, struct spec *ret, struct kt_errs *errs)
{
	struct jdoc jdoc = { .file = file, .errs = errs };
	struct jcur root = jcur_root(&jdoc, doc);
	struct spec s = { .json = json_incref(doc), .plan = plan, .backdrop.path = xstrdup("$.backdrop") };
	struct spec_reader rd = { .plan = plan, .spec = &s };

	bool ok = rows_parse(&root, spec_rows, &s, &rd);
	if (json_is_object(doc))
		ok &= check_form(&root, &s) & check_backdrop(&root) & check_flags(&root, &s);
	if (json_is_object(doc))
		ok &= check_payloads(&root, &s); /* once the form is known */
	if (plan)
		ok &= scene_rehearse(&s, plan, file, errs);
	for (size_t i = 0; i < s.nr_steps; i++)
		s.total_ns += s.steps[i].hold.ns;
	s.total_ns += s.wait_ns;
	if (!ok) {
		spec_deinit(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

json_t *spec_batches_to_json(const struct spec *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->nr_batches; i++) {
		const struct batch *batch = &s->batches[i];

		json_t *j = KT_PACK("{ss,si,ss}", "cgroup", batch_cgroup(batch), "workers", (int)batch->n, "path", batch->path);

		if (batch->group)
			json_object_set_new(j, "group", json_integer(batch->group));
		json_array_append_new(list, j);
	}
	return list;
}

const struct batch *spec_ext_batch(const struct spec *s)
{
	for (size_t i = 0; i < s->nr_batches; i++)
		if (s->batches[i].work->policy.kind == POLICY_EXT)
			return &s->batches[i];
	return NULL;
}

const struct scheduler_def *spec_scheduler(const struct spec *s, const char *name)
{
	if (s->scheduler.kind != SCHEDULER_NONE && streq(s->scheduler.name, name))
		return &s->scheduler;
	for (size_t i = 0; i < s->nr_staged; i++)
		if (streq(s->staged[i].name, name))
			return &s->staged[i];
	return NULL;
}

const struct work_spec *spec_work_at(const struct spec *s, const char *path, unsigned group, const char **cgroup)
{
	const struct op *op;

	for (size_t i = 0; i < s->nr_defs; i++) {
		if (!streq(s->defs[i]->path, path))
			continue;
		*cgroup = s->defs[i]->name;
		return cgroup_def_group(s->defs[i], group);
	}
	for (size_t i = 0; !group && (op = spec_op(s, i)); i++) {
		const struct spawn_args *spawn = op->args;

		if (op->kind != &op_spawn || !streq(op->path, path))
			continue;
		*cgroup = birthplace(spawn->cgroup);
		return &spawn->work;
	}
	return NULL;
}

const struct op *spec_op(const struct spec *s, size_t n)
{
	const struct step *step = &s->backdrop;

	for (size_t i = 0; n >= step->nr_ops; i++) {
		if (i == s->nr_steps)
			return NULL;
		n -= step->nr_ops;
		step = &s->steps[i];
	}
	return &step->ops[n];
}

void spec_deinit(struct spec *s)
{
	step_deinit(&s->backdrop);
	for (size_t i = 0; i < s->nr_steps; i++)
		step_deinit(&s->steps[i]);
	free(s->steps);
	free(s->assert);
	free(s->defs);
	free(s->batches);
	free(s->programs);
	payloads_deinit(&s->payloads);
	scheduler_deinit(&s->scheduler);
	for (size_t i = 0; i < s->nr_staged; i++)
		scheduler_deinit(&s->staged[i]);
	free(s->staged);
	json_decref(s->json);
	*s = (struct spec){ 0 };
}

static void override_def(struct cgroup_def *def, const struct work_type *type)
{
	struct work_spec *work = &def->work;

	if (!def->swappable)
		return;
	_cleanup_free_ void *args = xcalloc(1, type->args_size);
	if (type->args)
		rows_default(type->args, args);
	unsigned size = work_group_size(type, args);
	if (work->workers % size) {
		kt_warn("note: %s: %lld workers are not a multiple of %u: it stays %s", def->path, (long long)work->workers, size,
			work->type->name);
		return;
	}
	free(work->args);
	work->type = type;
	work->args = take(args);
	json_object_set_new(def->json, "work", json_string(type->name));
}

static void override_step(struct step *step, const struct work_type *type)
{
	for (size_t i = 0; i < step->nr_setup; i++)
		override_def(&step->setup[i], type);
	for (size_t i = 0; i < step->nr_ops; i++)
		if (step->ops[i].kind == &op_add_cgroup_def)
			override_def(step->ops[i].args, type);
}

/* The new work asks other things of its place. */
static int rehearse_again(struct spec *s, const struct work_type *type, struct kt_err *err)
{
	struct kt_errs errs = { 0 };

	if (!s->plan)
		return 0;
	free(s->batches);
	s->batches = NULL;
	bool ok = scene_rehearse(s, s->plan, s->name, &errs);
	kt_errs_print(&errs);
	kt_errs_deinit(&errs);
	return ok ? 0 : kt_fail(err, "%s cannot be the work of '%s'", type->name, s->name);
}

int spec_override_work(struct spec *s, const char *name, struct kt_err *err)
{
	const struct work_type *type = work_type_find(name);

	if (!type)
		return kt_fail(err, "there is no work type '%s'", name);
	for (const struct row *r = type->args; r && r->name; r++)
		if (r->required)
			return kt_fail(err, "%s cannot do without '%s'", name, r->name);
	override_step(&s->backdrop, type);
	for (size_t i = 0; i < s->nr_steps; i++)
		override_step(&s->steps[i], type);
	return rehearse_again(s, type, err);
}
