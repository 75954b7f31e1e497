// SPDX-License-Identifier: GPL-2.0-only
/* Ops on workers: what they take, and what they change in the scene. guest/scenario/ops-task.c does them. */
#include "libexec/spec/scene.h"
#include "guest/work/work.h"

static bool parse_spawn_cgroup(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct spawn_args *)out)->cgroup);
}

static const struct row spawn_rows[] = {
	{ .name = "cgroup", .kind = ROW_CUSTOM, .type = "string", .parse = parse_spawn_cgroup,
	  .help = "in which cgroup; beside them all, where the runner is, when not given" },
	{ .name = "workers", .kind = ROW_INT, .offset = offsetof(struct spawn_args, work.workers), .min = 1,
	  .max = SPEC_MAX_WORKERS, .def = -1, .help = "number of workers; workers_per_cgroup when not given" },
	{ .name = "workers_pct", .kind = ROW_REAL, .offset = offsetof(struct spawn_args, work.workers_pct), .min = 0.001,
	  .max = 102400, .def = -1, .help = "number of workers in % of the plan's CPUs, rounded up" },
	WORK_ROWS,
	{ 0 }
};

static bool parse_spawn(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct spawn_args *a = args;

	work_spec_init(&a->work);
	if (!rows_parse(c, spawn_rows, a, rd))
		return false;
	struct cpumask all = rd->plan ? topo_all_cpus(rd->plan) : (struct cpumask){ 0 };
	return work_spec_count(c, &a->work, &all, rd) && work_spec_check(c, &a->work, 0);
}

static void spawn_deinit(void *args)
{
	free(((struct spawn_args *)args)->work.args);
}

static bool check_spawn(struct scene *sc, const struct op *op)
{
	const struct spawn_args *a = op->args;
	struct scene_cgroup *cg = a->cgroup ? scene_need(sc, op, "cgroup", a->cgroup) : NULL;

	if (a->cgroup && !cg)
		return sc->guess;
	return scene_spawn(sc, cg, a->cgroup, &a->work, 0, op->path);
}

const struct op_kind op_spawn = {
	.name = "Spawn", .old_name = "SpawnHost", .type = "object", .rows = spawn_rows,
	.args_size = sizeof(struct spawn_args), .parse = parse_spawn, .deinit = spawn_deinit, .check = check_spawn,
	.help = "start workers",
};

static bool parse_affinity_cgroup(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct affinity_args *)out)->cgroup);
}

static bool parse_affinity(const struct jcur *c, void *out, void *ctx)
{
	return spec_parse_affinity(c, &((struct affinity_args *)out)->affinity, ctx);
}

static const struct row affinity_rows[] = {
	{ .name = "cgroup", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_affinity_cgroup,
	  .help = "which cgroup" },
	{ .name = "affinity", .kind = ROW_CUSTOM, .required = true, .type = "affinity", .parse = parse_affinity,
	  .help = "of its workers from now on" },
	{ 0 }
};

static bool check_affinity(struct scene *sc, const struct op *op)
{
	const struct affinity_args *a = op->args;
	struct scene_cgroup *cg = scene_need(sc, op, "cgroup", a->cgroup);
	bool ok = true;

	if (!cg)
		return sc->guess;
	if (!scene_has_workers(sc, cg))
		return scene_error(sc, op, "cgroup", "cgroup '%s' has no workers at this point", cg->name);
	for (size_t i = 0; ok && i < sc->nr_batches; i++) {
		struct scene_batch *b = &sc->batches[i];

		if (!b->running || b->cgroup != cg)
			continue;
		ok = scene_check_affinity(sc, op->path, cg, &a->affinity, b->b.work);
		b->affinity = a->affinity;
	}
	sc->nr_affinities++;
	return ok;
}

const struct op_kind op_set_affinity = {
	.name = "SetAffinity", .type = "object", .rows = affinity_rows, .args_size = sizeof(struct affinity_args),
	.check = check_affinity, .help = "change the CPU affinity of the workers in a cgroup",
};

static bool parse_from(const struct jcur *c, void *out, void *ctx)
{
	struct move_args *a = out;

	(void)ctx;
	a->from = "";
	if (json_is_string(c->j) && !json_string_length(c->j))
		return true;
	return spec_parse_cgroup_name(c, &a->from);
}

static bool parse_to(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct move_args *)out)->to);
}

static const struct row move_rows[] = {
	{ .name = "from", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_from,
	  .help = "out of which cgroup; the empty string: the workers beside the cgroups" },
	{ .name = "to", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_to, .help = "into which cgroup" },
	{ 0 }
};

static bool parse_move(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct move_args *a = args;

	if (!rows_parse(c, move_rows, a, rd))
		return false;
	return !streq(a->from, a->to) || jcur_error(c, "from '%s' to itself", a->to);
}

/* What belongs to the backdrop must not end up in a cgroup that goes with its step. */
static bool move_batches(struct scene *sc, const struct op *op, const struct scene_cgroup *from, struct scene_cgroup *to)
{
	struct cpumask cpus = scene_cpus(sc, to);
	bool deadline = false;

	for (size_t i = 0; i < sc->nr_batches; i++) {
		struct scene_batch *b = &sc->batches[i];

		if (!b->running || b->cgroup != from)
			continue;
		if (b->owner == SPEC_BACKDROP && to->owner != SPEC_BACKDROP)
			return scene_error(sc, op, NULL, "workers of the backdrop cannot move to '%s': it is removed with its step",
					   to->name);
		if (work_traits(b->b.work->type, b->b.work->args) & WORK_STAYS)
			return scene_error(sc, op, "from", "%s has cgroups of its own in '%s': it cannot be moved", b->b.work->type->name,
					   from->name);
		deadline |= work_is_deadline(b->b.work);
		b->cgroup = to;
		if (to->owner == SPEC_BACKDROP)
			b->owner = SPEC_BACKDROP;
	}
	if (deadline && !cpumask_equal(&cpus, &sc->online))
		return scene_error(sc, op, NULL, "policy deadline needs every CPU: '%s' has a cpuset", to->name);
	return true;
}

static bool check_move(struct scene *sc, const struct op *op)
{
	const struct move_args *a = op->args;
	struct scene_cgroup *from = *a->from ? scene_need(sc, op, "from", a->from) : NULL;
	struct scene_cgroup *to = scene_need(sc, op, "to", a->to);

	if ((*a->from && !from) || !to)
		return sc->guess;
	if (!scene_has_workers(sc, from))
		return scene_error(sc, op, "from", "%s%s%s no workers at this point", from ? "cgroup '" : "the runner has",
				   from ? from->name : "", from ? "' has" : "");
	const struct scene_cgroup *inner = scene_child_of(sc, to);
	if (inner)
		return scene_error(sc, op, "to", "cgroup '%s' has '%s' in it, and a cgroup with cgroups in it can have no workers", to->name,
				   inner->name);
	return move_batches(sc, op, from, to);
}

const struct op_kind op_move_all_tasks = {
	.name = "MoveAllTasks", .type = "object", .rows = move_rows, .args_size = sizeof(struct move_args),
	.parse = parse_move, .check = check_move, .help = "move all processes of a cgroup into another",
};
