// SPDX-License-Identifier: GPL-2.0-only
/* The spec: its keys as rows, and the rules between them. See spec.h. */
#include "spec.h"
#include "cpuset.h"
#include "rows.h"
#include "work/work.h"

enum { MAX_SECONDS = 86400, MAX_NAME_LEN = 64, MAX_CGROUP_NAME = 128 };

/* What the parsers of the rows need besides their own struct. */
struct reader {
	const struct topo *plan;
	struct spec *spec;
};

/* Names become file names, on the host and in the guest's cgroup file system. */
static bool name_ok(const struct jcur *c, const char *s, size_t max)
{
	if (strlen(s) > max)
		return jcur_error(c, "is longer than %zu characters", max);
	if (s[0] == '.')
		return jcur_error(c, "'%s' must not start with '.'", s);
	size_t ok = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
	if (s[ok])
		return jcur_error(c, "must be letters, digits, '_', '-' and '.'; what follows '%.*s' is none of these", (int)ok,
				  s);
	return true;
}

static bool parse_name(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	return jcur_str(c, &s->name) && name_ok(c, s->name, MAX_NAME_LEN);
}

static bool parse_cgroup_name(const struct jcur *c, void *out, void *ctx)
{
	/* A cgroup directory's own files: cgroup.procs, cpu.max, ... */
	static const char *const taken[] = { "cgroup.", "cpu.", "cpuset.", "memory.", "io.", "pids.", "irq.",
		"hugetlb.", "rdma.", "misc.", "dmem.", "debug." };
	struct cgroup_def *def = out;
	const struct reader *rd = ctx;

	if (!jcur_str(c, &def->name) || !name_ok(c, def->name, MAX_CGROUP_NAME))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (!strncmp(def->name, taken[i], strlen(taken[i])))
			return jcur_error(c, "'%s' looks like a file of the cgroup file system: it must not start with '%s'",
					  def->name, taken[i]);
	for (const struct cgroup_def *d = rd->spec->cgroups; d < def; d++)
		if (d->name && streq(d->name, def->name))
			return jcur_error(c, "'%s' is the name of $.cgroups[%zu] already", def->name,
					  (size_t)(d - rd->spec->cgroups));
	return true;
}

static bool unknown_work(const struct jcur *c, const char *name)
{
	_cleanup_free_ const char **names = xcalloc(work_types_count() + 1, sizeof(*names));

	for (size_t i = 0; work_types[i]; i++)
		names[i] = work_types[i]->name;
	const char *near = nearest_name(name, names);
	if (near)
		return jcur_error(c, "unknown work type '%s' (did you mean '%s'?)", name, near);
	_cleanup_free_ char *all = join_names(names);
	return jcur_error(c, "unknown work type '%s' (known: %s)", name, all);
}

static bool parse_work(const struct jcur *c, void *out, void *ctx)
{
	static const struct row no_rows[] = { { 0 } };
	struct cgroup_def *def = out;
	struct jcur params;
	const char *name;

	(void)ctx;
	def->type = NULL;
	if (!jcur_variant(c, &name, &params))
		return false;
	const struct work_type *type = work_type_find(name);
	if (!type)
		return unknown_work(c, name);
	const struct row *rows = type->args ? type->args : no_rows;
	free(def->args);
	def->args = xcalloc(1, type->args_size);
	def->type = type;
	if (params.j)
		return rows_parse(&params, rows, def->args, NULL);
	rows_default(rows, def->args);
	bool ok = true;
	for (const struct row *r = rows; r->name; r++)
		if (r->required)
			ok = jcur_error(c, "%s needs '%s': {\"%s\": {\"%s\": ...}}", name, r->name, name, r->name);
	return ok;
}

static bool parse_cpuset(const struct jcur *c, void *out, void *ctx)
{
	const struct reader *rd = ctx;

	return cpuset_parse(c, rd->plan, out);
}

const struct row spec_cgroup_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_cgroup_name,
	  .help = "name of the cgroup" },
	{ .name = "workers", .kind = ROW_UINT, .offset = offsetof(struct cgroup_def, workers), .min = 1,
	  .max = SPEC_MAX_WORKERS, .help = "number of workers; workers_per_cgroup when not given" },
	{ .name = "work", .kind = ROW_CUSTOM, .type = "work type", .parse = parse_work,
	  .help = "what each worker does; SpinWait when not given" },
	{ .name = "cpuset", .kind = ROW_CUSTOM, .type = "cpuset", .parse = parse_cpuset, .sub = cpuset_rows,
	  .help = "where they may run; every CPU when not given" },
	{ 0 }
};

/* Workers come in whole groups. */
static bool check_groups(const struct jcur *c, const struct cgroup_def *def)
{
	unsigned size = work_group_size(def->type, def->args);
	struct jcur at;

	if (def->workers % size == 0)
		return true;
	if (!jcur_get(c, "workers", &at) && !jcur_get(c, "work", &at))
		at = *c;
	return jcur_error(&at, "%s (group 0) requires num_workers divisible by %u, got %u", def->type->name, size,
			  def->workers);
}

/* What the work type itself asks of the machine. */
static bool check_work(const struct jcur *c, const struct cgroup_def *def, const struct topo *plan)
{
	struct kt_err err;
	struct jcur at;

	if (!plan || !def->type->check || !def->type->check(def->args, &def->cpus, plan, &err))
		return true;
	if (!jcur_get(c, "work", &at))
		at = *c;
	return jcur_error(&at, "%s: %s", def->type->name, err.msg);
}

static bool parse_cgroup(const struct jcur *c, struct cgroup_def *def, struct reader *rd)
{
	bool ok;

	def->type = work_type_find("SpinWait");
	def->args = xcalloc(1, def->type->args_size);
	if (rd->plan)
		def->cpus = topo_all_cpus(rd->plan);
	ok = rows_parse(c, spec_cgroup_rows, def, rd);
	if (!def->workers)
		def->workers = rd->spec->workers_per_cgroup;
	/* Not when the work is wrong: a group size would be a guess. */
	return ok ? check_groups(c, def) & check_work(c, def, rd->plan) : false;
}

static bool parse_cgroups(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;
	uint64_t workers = 0;
	bool ok = true;

	if (!jcur_is_array(c, 1))
		return false;
	s->nr_cgroups = json_array_size(c->j);
	s->cgroups = xcalloc(s->nr_cgroups, sizeof(*s->cgroups));
	for (size_t i = 0; i < s->nr_cgroups; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= parse_cgroup(&e, &s->cgroups[i], ctx);
		workers += s->cgroups[i].workers;
	}
	if (workers > SPEC_MAX_WORKERS)
		ok = jcur_error(c, "%ju workers in all, more than %d", (uintmax_t)workers, SPEC_MAX_WORKERS);
	return ok;
}

/* -1: not given, the default is ktstr-eval's. */
#define THRESHOLD(field, top, text) \
	{ .name = #field, .kind = ROW_REAL, .offset = offsetof(struct spec_assert, field), .max = top, \
	  .def = -1, \
	  .help = text }

const struct row spec_assert_rows[] = {
	{ .name = "not_starved", .kind = ROW_BOOL, .offset = offsetof(struct spec_assert, not_starved),
	  .def = 1,
	  .help = "check starvation, spread and gap" },
	{ .name = "isolation", .kind = ROW_BOOL, .offset = offsetof(struct spec_assert, isolation), .def = 0,
	  .help = "workers run on no CPU outside their cpuset" },
	THRESHOLD(max_spread_pct, 100, "most off-CPU time a worker of a cgroup may have more than another, in %"),
	THRESHOLD(max_gap_ms, 1e9, "longest gap between two units of a worker"),
	THRESHOLD(max_throughput_cv, 1e9, "coefficient of variation of work units per CPU second over the workers"),
	THRESHOLD(min_work_rate, 1e12, "work units per CPU second that every worker reaches"),
	{ 0 }
};

static bool parse_assert(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	return rows_parse(c, spec_assert_rows, &s->assert, NULL);
}

/* In the order they are read: cgroups need workers_per_cgroup. */
const struct row spec_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_name,
	  .help = "name of the test" },
	{ .name = "description", .kind = ROW_STR, .offset = ROW_NOWHERE, .help = "a line for people" },
	{ .name = "topology", .kind = ROW_STR, .offset = offsetof(struct spec, topology),
	  .help = "topology that ktstr run boots; a plan that is given goes before it" },
	{ .name = "duration_s", .kind = ROW_NS, .offset = offsetof(struct spec, duration_ns), .min = 0.001,
	  .max = MAX_SECONDS, .def = 2, .help = "how long the workers run" },
	{ .name = "watchdog_timeout_s", .kind = ROW_NS, .offset = offsetof(struct spec, watchdog_timeout_ns),
	  .min = 0.001, .max = MAX_SECONDS, .def = 4,
	  .help = "sched_ext watchdog: longest time a task may be runnable and not run" },
	{ .name = "workers_per_cgroup", .kind = ROW_UINT,
	  .offset = offsetof(struct spec, workers_per_cgroup), .min = 1,
	  .max = SPEC_MAX_WORKERS, .def = 2, .help = "workers of a cgroup that does not say" },
	{ .name = "memory_mb", .alias = "memory_mib", .kind = ROW_UINT,
	  .offset = offsetof(struct spec, memory_mib),
	  .min = 128, .max = 1 << 24, .type = "integer (MiB)",
	  .help = "memory of the VM; the plan's when not given" },
	{ .name = "seed", .kind = ROW_INT, .offset = offsetof(struct spec, seed), .max = 9007199254740991,
	  .help = "another seed is another, equally valid schedule" },
	{ .name = "cgroups", .kind = ROW_CUSTOM, .required = true, .type = "array of objects",
	  .parse = parse_cgroups,
	  .sub = spec_cgroup_rows, .help = "the cgroups, all of them for the whole run" },
	{ .name = "assert", .kind = ROW_CUSTOM, .type = "object", .parse = parse_assert,
	  .sub = spec_assert_rows,
	  .help = "what ktstr-eval checks" },
	{ 0 }
};

int spec_from_json(json_t *doc, const char *file, const struct topo *plan, struct spec *ret, struct kt_errs *errs)
{
	struct jdoc jdoc = { .file = file, .errs = errs };
	struct jcur root = jcur_root(&jdoc, doc);
	struct spec s = { .json = json_incref(doc) };
	struct reader rd = { .plan = plan, .spec = &s };

	rows_default(spec_assert_rows, &s.assert);
	if (!rows_parse(&root, spec_rows, &s, &rd)) {
		spec_deinit(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

void spec_deinit(struct spec *s)
{
	for (size_t i = 0; i < s->nr_cgroups; i++)
		free(s->cgroups[i].args);
	free(s->cgroups);
	json_decref(s->json);
	*s = (struct spec){ 0 };
}
