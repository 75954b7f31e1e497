// SPDX-License-Identifier: GPL-2.0-only
/* What a spec comes to: see resolve.h. */
#include "libexec/spec/resolve.h"
#include "libexec/spec/affinity.h"
#include "libexec/spec/scene.h"
#include "guest/work/work.h"

struct resolver {
	struct scene sc;
	struct kt_errs errs;
	int64_t seed;
	FILE *f;
	unsigned repeat;
};

static int write_line(const struct resolver *r, const char *path, json_t *line, struct kt_err *err)
{
	_cleanup_json_ json_t *j = line;

	json_object_set_new(j, "path", json_string(path));
	if (r->repeat)
		json_object_set_new(j, "repeat", json_integer(r->repeat));
	return kt_json_line(r->f, j, err);
}

static const char *name_of(const struct scene_cgroup *cg)
{
	return cg ? cg->name : "(runner)";
}

static json_t *affinities_to_json(const struct resolver *r, const struct scene_batch *b, const struct affinity *a, unsigned time)
{
	struct cpumask pool = scene_cpus(&r->sc, b->cgroup);
	json_t *list = json_array();
	char text[CPULIST_LEN];

	for (unsigned i = 0; i < b->b.n; i++) {
		uint64_t random = affinity_random(r->seed, b->b.first + i, time);
		struct cpumask cpus = a->kind == AFFINITY_INHERIT ? pool : affinity_resolve(a, r->sc.plan, &pool, i, &random);

		json_array_append_new(list, json_string(cpulist_format(&cpus, text)));
	}
	return list;
}

static int write_batch(const struct resolver *r, const struct scene_batch *b, struct kt_err *err)
{
	struct cpumask cpus = scene_cpus(&r->sc, b->cgroup);
	const struct work_spec *work = b->b.work;
	char text[CPULIST_LEN];
	json_t *j = KT_PACK("{ss ss si ss}", "cgroup", name_of(b->cgroup), "cpuset", cpulist_format(&cpus, text), "workers",
			    (int)b->b.n, "work", work->type->name);

	if (work->affinity.kind != AFFINITY_INHERIT)
		json_object_set_new(j, "affinity", affinities_to_json(r, b, &work->affinity, 0));
	return write_line(r, b->b.path, j, err);
}

static int write_empty(const struct resolver *r, const struct scene_cgroup *cg, const char *path, struct kt_err *err)
{
	struct cpumask cpus = scene_cpus(&r->sc, cg);
	char text[CPULIST_LEN];

	return write_line(r, path, KT_PACK("{ss ss si}", "cgroup", cg->name, "cpuset", cpulist_format(&cpus, text), "workers",
					   0), err);
}

/* What is new: cgroups from number cg on, those with workers by their batches, from number batch on. */
static int write_new(const struct resolver *r, size_t cg, size_t batch, const char *path, struct kt_err *err)
{
	for (; cg < r->sc.nr_cgroups; cg++)
		if (!r->sc.cgroups[cg]->implicit && !scene_has_workers(&r->sc, r->sc.cgroups[cg]) &&
		    write_empty(r, r->sc.cgroups[cg], path ? path : r->sc.cgroups[cg]->made_by, err))
			return -1;
	for (; batch < r->sc.nr_batches; batch++)
		if (write_batch(r, &r->sc.batches[batch], err))
			return -1;
	return 0;
}

struct known { char *name; struct cpumask cpus; };

/* What the cgroups, and then the runner, may use; the caller frees it and the names in it. */
static struct known *snapshot_cpus(const struct resolver *r)
{
	struct known *k = xcalloc(r->sc.nr_cgroups + 1, sizeof(*k));

	for (size_t i = 0; i <= r->sc.nr_cgroups; i++) {
		const struct scene_cgroup *cg = i < r->sc.nr_cgroups ? r->sc.cgroups[i] : NULL;

		k[i] = (struct known){ xstrdup(name_of(cg)), scene_cpus(&r->sc, cg) };
	}
	return k;
}

static int write_changed(const struct resolver *r, const struct known *before, size_t n, const char *path,
			 struct kt_err *err)
{
	char text[CPULIST_LEN];

	for (size_t i = 0; i < n; i++) {
		bool runner = streq(before[i].name, "(runner)");
		const struct scene_cgroup *cg = runner ? NULL : scene_find(&r->sc, before[i].name);
		struct cpumask now = scene_cpus(&r->sc, cg);

		if ((!cg && !runner) || cpumask_equal(&now, &before[i].cpus))
			continue;
		if (write_line(r, path, KT_PACK("{ss ss}", "cgroup", before[i].name, "cpuset", cpulist_format(&now, text)), err))
			return -1;
	}
	return 0;
}

static int write_affinities(const struct resolver *r, const struct op *op, struct kt_err *err)
{
	const struct affinity_args *a = op->args;
	const struct scene_cgroup *cg = scene_find(&r->sc, a->cgroup);

	for (size_t i = 0; i < r->sc.nr_batches; i++) {
		const struct scene_batch *b = &r->sc.batches[i];

		if (b->running && b->cgroup == cg &&
		    write_line(r, op->path, KT_PACK("{ss so}", "cgroup", a->cgroup, "affinity",
						    affinities_to_json(r, b, &a->affinity, r->sc.nr_affinities)), err))
			return -1;
	}
	return 0;
}

static int resolve_op(struct resolver *r, const struct op *op, struct kt_err *err)
{
	size_t cgs = r->sc.nr_cgroups, batches = r->sc.nr_batches;
	struct known *before = snapshot_cpus(r);

	if (!op->kind->check(&r->sc, op))
		BUG("%s cannot be, and could before: %s", op->path, r->errs.msgs[0]);
	int ret = write_changed(r, before, cgs + 1, op->path, err);
	if (!ret && r->sc.nr_cgroups >= cgs)
		ret = write_new(r, cgs, batches, op->path, err);
	if (!ret && streq(op->kind->name, "SetAffinity"))
		ret = write_affinities(r, op, err);
	for (size_t i = 0; i <= cgs; i++)
		free(before[i].name);
	free(before);
	return ret;
}

static int resolve_step(struct resolver *r, const struct step *step, struct kt_err *err)
{
	size_t cgs = r->sc.nr_cgroups, batches = r->sc.nr_batches;

	for (size_t i = 0; i < step->nr_setup; i++)
		if (!scene_add_def(&r->sc, &step->setup[i]))
			BUG("%s cannot be, and could before: %s", step->setup[i].path, r->errs.msgs[0]);
	if (write_new(r, cgs, batches, NULL, err))
		return -1;
	for (r->repeat = 0; r->repeat < MAX(1u, step->hold.repeats); r->repeat++)
		for (size_t i = 0; i < step->nr_ops; i++)
			if (resolve_op(r, &step->ops[i], err))
				return -1;
	r->repeat = 0;
	return 0;
}

int spec_resolve(const struct spec *spec, const struct topo *plan, int64_t seed, FILE *f, struct kt_err *err)
{
	struct resolver r = { .seed = seed, .f = f };

	scene_init(&r.sc, spec, plan, "scene", &r.errs);
	int ret = resolve_step(&r, &spec->backdrop, err);
	for (size_t i = 0; !ret && i < spec->nr_steps; i++) {
		r.sc.step = i;
		ret = resolve_step(&r, &spec->steps[i], err);
		scene_end_step(&r.sc);
	}
	scene_deinit(&r.sc);
	kt_errs_deinit(&r.errs);
	return ret;
}
