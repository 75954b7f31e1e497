// SPDX-License-Identifier: GPL-2.0-only
/* Ops on cgroups: what they take, and what they change in the scene. guest/scenario/ops-cgroup.c does them. */
#include "libexec/spec/cpuset.h"
#include "libexec/spec/scene.h"

/* Most ops that take a cgroup take nothing else. */
static bool parse_cgroup(const struct jcur *c, void *args, struct spec_reader *rd)
{
	(void)rd;
	return spec_parse_cgroup_name(c, &((struct cgroup_args *)args)->cgroup);
}

static bool check_add(struct scene *sc, const struct op *op)
{
	return scene_add(sc, ((struct cgroup_args *)op->args)->cgroup, op->path);
}

const struct op_kind op_add_cgroup = {
	.name = "AddCgroup", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_add, .help = "make a cgroup without workers",
};

static bool parse_def(const struct jcur *c, void *args, struct spec_reader *rd)
{
	return spec_parse_cgroup(c, args, rd);
}

static bool check_add_def(struct scene *sc, const struct op *op)
{
	return scene_add_def(sc, op->args);
}

const struct op_kind op_add_cgroup_def = {
	.name = "AddCgroupDef", .type = "cgroup", .args_size = sizeof(struct cgroup_def), .parse = parse_def,
	.deinit = (void (*)(void *))cgroup_def_deinit, .check = check_add_def,
	.help = "make a cgroup as those of cgroups are made, with its workers",
};

static bool check_remove(struct scene *sc, const struct op *op)
{
	struct scene_cgroup *cg = scene_need(sc, op, NULL, ((struct cgroup_args *)op->args)->cgroup);

	return cg ? scene_remove(sc, op->path, cg) : sc->guess;
}

const struct op_kind op_remove_cgroup = {
	.name = "RemoveCgroup", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_remove, .help = "stop the workers in a cgroup and remove it",
};

static bool check_stop(struct scene *sc, const struct op *op)
{
	struct scene_cgroup *cg = scene_need(sc, op, NULL, ((struct cgroup_args *)op->args)->cgroup);

	if (!cg)
		return sc->guess;
	if (!scene_has_workers(sc, cg))
		return scene_error(sc, op, NULL, "cgroup '%s' has no workers at this point", cg->name);
	return scene_stop(sc, op->path, cg);
}

const struct op_kind op_stop_cgroup = {
	.name = "StopCgroup", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_stop, .help = "stop the workers in a cgroup; a frozen one is thawed for that",
};

static bool parse_name_key(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct cgroup_args *)out)->cgroup);
}

#define CGROUP_ROW \
	{ .name = "cgroup", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_name_key, \
	  .help = "which cgroup" }

static bool parse_cpuset_key(const struct jcur *c, void *out, void *ctx)
{
	return cpuset_parse(c, ((struct spec_reader *)ctx)->plan, &((struct cpuset_args *)out)->cpuset);
}

static const struct row set_cpuset_rows[] = {
	CGROUP_ROW,
	{ .name = "cpuset", .kind = ROW_CUSTOM, .required = true, .type = "cpuset", .parse = parse_cpuset_key,
	  .help = "its cpuset from now on" },
	{ 0 }
};

/* The cpusets in a cgroup must still be within it. */
static bool check_inner(const struct scene *sc, const struct op *op, const struct scene_cgroup *cg)
{
	bool ok = true;

	for (size_t i = 0; i < sc->nr_cgroups; i++)
		if (sc->cgroups[i]->parent == cg && sc->cgroups[i]->has_cpus)
			ok &= scene_check_cpus(sc, op->path, sc->cgroups[i], &sc->cgroups[i]->cpus);
	return ok;
}

static bool set_cpus(struct scene *sc, const struct op *op, struct scene_cgroup *cg, const struct cpumask *cpus)
{
	if (cpus && !scene_check_cpus(sc, op->path, cg, cpus))
		return false;
	cg->has_cpus = cpus;
	cg->cpus = cpus ? *cpus : (struct cpumask){ 0 };
	return check_inner(sc, op, cg);
}

static bool check_set_cpuset(struct scene *sc, const struct op *op)
{
	const struct cpuset_args *a = op->args;
	struct scene_cgroup *cg = scene_need(sc, op, "cgroup", a->cgroup);

	return cg ? set_cpus(sc, op, cg, &a->cpuset.cpus) : sc->guess;
}

const struct op_kind op_set_cpuset = {
	.name = "SetCpuset", .type = "object", .rows = set_cpuset_rows, .args_size = sizeof(struct cpuset_args),
	.check = check_set_cpuset, .help = "change the cpuset of a cgroup",
};

static bool check_clear_cpuset(struct scene *sc, const struct op *op)
{
	struct scene_cgroup *cg = scene_need(sc, op, NULL, ((struct cgroup_args *)op->args)->cgroup);

	if (!cg)
		return sc->guess;
	if (!cg->has_cpus)
		return scene_error(sc, op, NULL, "cgroup '%s' has no cpuset at this point", cg->name);
	return set_cpus(sc, op, cg, NULL);
}

const struct op_kind op_clear_cpuset = {
	.name = "ClearCpuset", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_clear_cpuset, .help = "take the cpuset of a cgroup away: every CPU, or every one of its parent's",
};

static bool parse_swap(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct swap_args *a = args;
	bool ok = true;

	(void)rd;
	if (!jcur_is_array(c, 2))
		return false;
	if (json_array_size(c->j) != 2)
		return jcur_error(c, "must have 2 elements, and has %zu", json_array_size(c->j));
	for (size_t i = 0; i < 2; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= spec_parse_cgroup_name(&e, &a->cgroups[i]);
	}
	return ok && (!streq(a->cgroups[0], a->cgroups[1]) || jcur_error(c, "'%s' twice: nothing to swap", a->cgroups[0]));
}

static bool check_swap(struct scene *sc, const struct op *op)
{
	const struct swap_args *a = op->args;
	struct scene_cgroup *x = scene_need(sc, op, NULL, a->cgroups[0]), *y = scene_need(sc, op, NULL, a->cgroups[1]);

	if (!x || !y)
		return sc->guess;
	if (!x->has_cpus || !y->has_cpus)
		return scene_error(sc, op, NULL, "cgroup '%s' has no cpuset at this point", x->has_cpus ? y->name : x->name);
	struct cpumask cpus = x->cpus;
	x->cpus = y->cpus;
	y->cpus = cpus;
	return scene_check_cpus(sc, op->path, x, &x->cpus) & scene_check_cpus(sc, op->path, y, &y->cpus) &
		check_inner(sc, op, x) & check_inner(sc, op, y);
}

const struct op_kind op_swap_cpusets = {
	.name = "SwapCpusets", .type = "array of 2 strings", .args_size = sizeof(struct swap_args), .parse = parse_swap,
	.check = check_swap, .help = "give each of two cgroups the cpuset of the other",
};

static bool parse_mems_key(const struct jcur *c, void *out, void *ctx)
{
	return spec_parse_nodes(c, ((struct spec_reader *)ctx)->plan, &((struct mems_args *)out)->mems);
}

static const struct row set_mems_rows[] = {
	CGROUP_ROW,
	{ .name = "mems", .kind = ROW_CUSTOM, .required = true, .type = "array of integers", .parse = parse_mems_key,
	  .help = "nodes its memory may come from, from now on" },
	{ 0 }
};

static bool check_mems(struct scene *sc, const struct op *op)
{
	const struct mems_args *a = op->args;
	struct scene_cgroup *cg = scene_need(sc, op, "cgroup", a->cgroup);

	if (!cg)
		return sc->guess;
	cg->has_mems = true;
	cg->mems = a->mems;
	return scene_check_mems(sc, op->path, cg, &a->mems);
}

const struct op_kind op_set_cpuset_mems = {
	.name = "SetCpusetMems", .type = "object", .rows = set_mems_rows, .args_size = sizeof(struct mems_args),
	.check = check_mems, .help = "change the memory nodes of a cgroup",
};

static bool parse_limits_cgroup(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct limits_args *)out)->cgroup);
}

static const struct row set_limits_rows[] = {
	{ .name = "cgroup", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_limits_cgroup,
	  .help = "which cgroup" },
	LIMIT_ROWS,
	{ 0 }
};

static bool parse_limits(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct limits_args *a = args;

	limits_none(&a->limits);
	if (!rows_parse(c, set_limits_rows, a, rd))
		return false;
	return json_object_size(c->j) < 2 ? jcur_error(c, "sets no limit") : limits_check(c, &a->limits);
}

static bool check_limits(struct scene *sc, const struct op *op)
{
	const struct limits_args *a = op->args;
	struct scene_cgroup *cg = scene_need(sc, op, "cgroup", a->cgroup);

	if (cg && a->limits.pids_max != LIMIT_NONE)
		cg->pids_max = a->limits.pids_max;
	return cg || sc->guess;
}

const struct op_kind op_set_limits = {
	.name = "SetLimits", .type = "object", .rows = set_limits_rows, .args_size = sizeof(struct limits_args),
	.parse = parse_limits, .check = check_limits, .help = "change limits of a cgroup; the others stay",
};

static bool check_freeze(struct scene *sc, const struct op *op)
{
	struct scene_cgroup *cg = scene_need(sc, op, NULL, ((struct cgroup_args *)op->args)->cgroup);

	if (cg)
		cg->frozen = true;
	return cg || sc->guess;
}

const struct op_kind op_freeze_cgroup = {
	.name = "FreezeCgroup", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_freeze, .help = "freeze a cgroup and those in it; goes on when all of their tasks are frozen",
};

static bool check_unfreeze(struct scene *sc, const struct op *op)
{
	struct scene_cgroup *cg = scene_need(sc, op, NULL, ((struct cgroup_args *)op->args)->cgroup);

	if (cg)
		cg->frozen = false;
	return cg || sc->guess;
}

const struct op_kind op_unfreeze_cgroup = {
	.name = "UnfreezeCgroup", .type = "string", .args_size = sizeof(struct cgroup_args), .parse = parse_cgroup,
	.check = check_unfreeze, .help = "let a frozen cgroup go on",
};

static bool parse_capture_cgroup(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct capture_args *)out)->cgroup);
}

static const struct row capture_rows[] = {
	{ .name = "cgroup", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_capture_cgroup,
	  .help = "which cgroup" },
	{ .name = "tag", .kind = ROW_STR, .required = true, .offset = offsetof(struct capture_args, tag),
	  .help = "name of the record" },
	{ 0 }
};

static bool check_capture(struct scene *sc, const struct op *op)
{
	return scene_need(sc, op, "cgroup", ((struct capture_args *)op->args)->cgroup) || sc->guess;
}

const struct op_kind op_capture_cgroup_procs = {
	.name = "CaptureCgroupProcs", .type = "object", .rows = capture_rows, .args_size = sizeof(struct capture_args),
	.check = check_capture, .help = "record which processes are in a cgroup",
};
