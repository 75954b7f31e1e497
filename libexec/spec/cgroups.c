// SPDX-License-Identifier: GPL-2.0-only
/* A CgroupDef: a cgroup with its workers and limits. See spec.h. */
#include "libexec/spec/spec.h"
#include "libexec/spec/cpuset.h"
#include "guest/work/work.h"

bool spec_parse_name(const struct jcur *c, const char **ret, size_t max, bool nested)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *s;

	if (!jcur_str(c, &s))
		return false;
	*ret = s;
	if (strlen(s) > max)
		return jcur_error(c, "is longer than %zu characters", max);
	for (const char *part = s;; part++) {
		if (part[0] == '.')
			return jcur_error(c, "'%s' must not start with '.'", part);
		size_t ok = strspn(part, letters);
		if (nested && !ok && (part[0] == '/' || !part[0]))
			return jcur_error(c, "'%s' has an empty name between slashes", s);
		part += ok;
		if (!*part)
			return true;
		if (!nested || *part != '/')
			return jcur_error(c, "must be letters, digits, '_', '-' and '.'%s; what follows '%.*s' is none of these",
					  nested ? ", with '/' between nested names" : "", (int)(part - s), s);
	}
}

bool spec_parse_cgroup_name(const struct jcur *c, const char **ret)
{
	/* A cgroup directory's own files: cgroup.procs, cpu.max, ... */
	static const char *const taken[] = { "cgroup.", "cpu.", "cpuset.", "memory.", "io.", "pids.", "irq.",
		"hugetlb.", "rdma.", "misc.", "dmem.", "debug." };

	if (!spec_parse_name(c, ret, SPEC_MAX_CGROUP_NAME, true))
		return false;
	for (const char *part = *ret; part; part = strchr(part, '/')) {
		part += *part == '/';
		for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
			if (!strncmp(part, taken[i], strlen(taken[i])))
				return jcur_error(c, "'%s' looks like a file of the cgroup file system: it must not start "
						  "with '%s'", part, taken[i]);
	}
	return true;
}

struct cpu_max { int64_t quota_ns, period_ns; };

const struct row spec_cpu_max_rows[] = {
	{ .name = "quota_us", .kind = ROW_NS, .required = true, .offset = offsetof(struct cpu_max, quota_ns), .min = 1000,
	  .max = 1e12, .help = "CPU time of all its tasks in each period" },
	{ .name = "period_us", .kind = ROW_NS, .offset = offsetof(struct cpu_max, period_ns), .min = 1000, .max = 1e6,
	  .def = 100000, .help = "the period" },
	{ 0 }
};

static bool is_max(const struct jcur *c)
{
	return json_is_string(c->j) && streq(json_string_value(c->j), "max");
}

bool spec_parse_cpu_max(const struct jcur *c, void *out, void *ctx)
{
	struct limits *l = out;
	struct cpu_max max;

	(void)ctx;
	if (is_max(c)) {
		l->cpu_quota_us = LIMIT_MAX;
		l->cpu_period_us = 100000;
		return true;
	}
	if (!json_is_object(c->j))
		return jcur_error(c, "must be \"max\" or an object with quota_us and period_us");
	if (!rows_parse(c, spec_cpu_max_rows, &max, NULL))
		return false;
	l->cpu_quota_us = max.quota_ns / NSEC_PER_USEC;
	l->cpu_period_us = max.period_ns / NSEC_PER_USEC;
	return true;
}

bool spec_parse_memory(const struct jcur *c, void *out, void *ctx)
{
	static const struct { const char *key; size_t offset; } fields[] = {
		{ "memory_max_mb", offsetof(struct limits, memory_max) },
		{ "memory_high_mb", offsetof(struct limits, memory_high) },
		{ "memory_low_mb", offsetof(struct limits, memory_low) },
		{ "memory_swap_max_mb", offsetof(struct limits, memory_swap_max) },
	};
	enum { MIB = 1 << 20, PAGE = 4096, MAX_MB = 1 << 24 };
	int64_t *field = NULL;
	double mb;

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (streq(c->key, fields[i].key))
			field = (int64_t *)((char *)out + fields[i].offset);
	if (!field)
		BUG("no limit is called %s", c->key);
	*field = LIMIT_MAX;
	if (is_max(c))
		return true;
	if (!json_is_number(c->j))
		return jcur_error(c, "must be a number of MiB or \"max\"");
	if (!jcur_real(c, 0, MAX_MB, &mb))
		return false;
	*field = (int64_t)(mb * MIB) / PAGE * PAGE; /* as the kernel rounds it */
	return true;
}

bool spec_parse_pids_max(const struct jcur *c, void *out, void *ctx)
{
	struct limits *l = out;

	(void)ctx;
	l->pids_max = LIMIT_MAX;
	if (is_max(c))
		return true;
	if (!json_is_integer(c->j))
		return jcur_error(c, "must be a whole number or \"max\"");
	return jcur_int(c, 0, 4194304, &l->pids_max);
}

bool limits_check(const struct jcur *c, const struct limits *l)
{
	if (l->cpu_quota_us != LIMIT_NONE && l->cpu_quota_pct != LIMIT_NONE)
		return jcur_error(c, "cpu_max and cpu_quota_pct are the same limit: give one of them");
	return true;
}

void limits_none(struct limits *l)
{
	*l = (struct limits){ LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE,
			      LIMIT_NONE, LIMIT_NONE, LIMIT_NONE };
}

const struct row spec_limit_rows[] = { LIMIT_ROWS, { 0 } };

static bool parse_limits(const struct jcur *c, void *out, void *ctx)
{
	struct limits *l = &((struct cgroup_def *)out)->limits;

	return rows_parse(c, spec_limit_rows, l, ctx) && limits_check(c, l);
}

static bool parse_cgroup_name(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct cgroup_def *)out)->name);
}

static bool parse_cpuset(const struct jcur *c, void *out, void *ctx)
{
	const struct spec_reader *rd = ctx;

	return cpuset_parse(c, rd->plan, &((struct cgroup_def *)out)->cpuset);
}

static bool parse_mems(const struct jcur *c, void *out, void *ctx)
{
	const struct spec_reader *rd = ctx;
	struct cgroup_def *def = out;

	def->has_mems = true;
	return spec_parse_nodes(c, rd->plan, &def->mems);
}

const struct row spec_group_rows[] = {
	{ .name = "workers", .kind = ROW_INT, .required = true, .offset = offsetof(struct work_spec, workers), .min = 1,
	  .max = SPEC_MAX_WORKERS, .help = "number of workers" },
	WORK_ROWS,
	{ 0 }
};

/* Workers come in whole groups. */
bool work_spec_check(const struct jcur *c, const struct work_spec *work, size_t group)
{
	unsigned size = work_group_size(work->type, work->args);
	struct jcur at;

	if (work->workers % size == 0)
		return true;
	if (!jcur_get(c, "workers", &at) && !jcur_get(c, "workers_pct", &at) && !jcur_get(c, "work", &at))
		at = *c;
	return jcur_error(&at, "%s (group %zu) requires num_workers divisible by %u, got %lld", work->type->name, group, size,
			  (long long)work->workers);
}

void work_spec_init(struct work_spec *work)
{
	*work = (struct work_spec){ .type = work_type_find("SpinWait"), .workers = -1, .workers_pct = -1 };
	work->args = xcalloc(1, work->type->args_size);
}

static bool parse_groups(const struct jcur *c, void *out, void *ctx)
{
	struct cgroup_def *def = out;
	bool ok = true;

	if (!jcur_is_array(c, 1))
		return false;
	def->nr_groups = json_array_size(c->j);
	def->groups = xcalloc(def->nr_groups, sizeof(*def->groups));
	for (size_t i = 0; i < def->nr_groups; i++) {
		struct jcur e = jcur_at(c, i);

		work_spec_init(&def->groups[i]);
		ok &= rows_parse(&e, spec_group_rows, &def->groups[i], ctx) && work_spec_check(&e, &def->groups[i], i + 1);
	}
	return ok;
}

const struct row spec_cgroup_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_cgroup_name,
	  .help = "name of the cgroup; one in another is outer/inner" },
	{ .name = "workers", .kind = ROW_INT, .offset = offsetof(struct cgroup_def, work.workers),
	  .max = SPEC_MAX_WORKERS, .def = -1, .help = "number of workers; workers_per_cgroup when not given" },
	{ .name = "workers_pct", .kind = ROW_REAL, .offset = offsetof(struct cgroup_def, work.workers_pct), .min = 0.001,
	  .max = 102400, .def = -1, .help = "number of workers in % of the CPUs of its cpuset, rounded up" },
	WORK_ROWS,
	{ .name = "groups", .kind = ROW_CUSTOM, .type = "array of objects", .parse = parse_groups, .sub = spec_group_rows,
	  .help = "further work groups of the same cgroup" },
	{ .name = "swappable", .kind = ROW_BOOL, .offset = offsetof(struct cgroup_def, swappable),
	  .help = "--work-type may change the type of work" },
	{ .name = "cpuset", .kind = ROW_CUSTOM, .type = "cpuset", .parse = parse_cpuset, .sub = cpuset_rows,
	  .help = "where they may run; every CPU when not given" },
	{ .name = "cpuset_mems", .kind = ROW_CUSTOM, .type = "array of integers", .parse = parse_mems,
	  .help = "nodes their memory may come from; all when not given" },
	{ .name = "limits", .kind = ROW_CUSTOM, .type = "object", .parse = parse_limits, .sub = spec_limit_rows,
	  .help = "limits of the cgroup; the kernel's defaults when not given" },
	{ 0 }
};

bool work_spec_count(const struct jcur *c, struct work_spec *w, const struct cpumask *cpus, const struct spec_reader *rd)
{
	if (w->workers >= 0 && w->workers_pct >= 0)
		return jcur_error(c, "workers and workers_pct exclude each other");
	if (w->workers_pct >= 0) {
		double exact = cpumask_count(cpus) * w->workers_pct / 100 - 1e-9;

		w->workers = (int64_t)exact;
		w->workers += exact > w->workers;
	}
	if (w->workers < 0)
		w->workers = rd->spec->workers_per_cgroup;
	return true;
}

bool spec_parse_cgroup(const struct jcur *c, struct cgroup_def *def, struct spec_reader *rd)
{
	work_spec_init(&def->work);
	limits_none(&def->limits);
	def->path = jcur_path(c);
	def->json = c->j;
	rd->spec->defs = xrealloc(rd->spec->defs, rd->spec->nr_defs + 1, sizeof(*rd->spec->defs));
	rd->spec->defs[rd->spec->nr_defs++] = def;
	if (rd->plan)
		def->cpuset.cpus = topo_all_cpus(rd->plan);
	bool ok = rows_parse(c, spec_cgroup_rows, def, rd);
	ok &= work_spec_count(c, &def->work, &def->cpuset.cpus, rd);
	/* Not when the work is wrong: a group size would be a guess. */
	ok = ok && work_spec_check(c, &def->work, 0);
	def->bad = !ok;
	return ok;
}

const struct work_spec *cgroup_def_group(const struct cgroup_def *def, size_t i)
{
	if (i > def->nr_groups)
		return NULL;
	return i ? &def->groups[i - 1] : &def->work;
}

void cgroup_def_deinit(struct cgroup_def *def)
{
	for (size_t i = 0; i < def->nr_groups; i++)
		free(def->groups[i].args);
	free(def->groups);
	free(def->work.args);
	free(def->path);
}
