// SPDX-License-Identifier: GPL-2.0-only
/* What exists in a scenario: see scene.h. */
#include "libexec/spec/scene.h"

void scene_init(struct scene *sc, const struct spec *spec, const struct topo *plan, const char *file,
		struct kt_errs *errs)
{
	*sc = (struct scene){ .spec = spec, .plan = plan, .file = file, .errs = errs, .step = SPEC_BACKDROP,
			      .online = topo_all_cpus(plan), .scheduler = spec->scheduler.kind != SCHEDULER_NONE,
			      .payloads = xcalloc(spec->payloads.n, sizeof(*sc->payloads)) };
}

static void cgroup_free(struct scene_cgroup *cg)
{
	free(cg->name);
	free(cg->made_by);
	free(cg);
}

void scene_deinit(struct scene *sc)
{
	for (size_t i = 0; i < sc->nr_cgroups; i++)
		cgroup_free(sc->cgroups[i]);
	free(sc->cgroups);
	free(sc->batches);
	free(sc->payloads);
	*sc = (struct scene){ 0 };
}

static bool report_error(const struct scene *sc, const char *path, const char *fmt, va_list ap)
{
	char *msg;

	if (vasprintf(&msg, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	kt_errs_add(sc->errs, "%s: %s: %s%s", sc->file, path, msg, sc->repeat ? ", when the loop does it again" : "");
	free(msg);
	return false;
}

bool scene_error_at(const struct scene *sc, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_error(sc, path, fmt, ap);
	va_end(ap);
	return false;
}

bool scene_error(const struct scene *sc, const struct op *op, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *path = key ? xasprintf("%s.%s.%s", op->path, op->kind->name, key) :
		xasprintf("%s.%s", op->path, op->kind->name);
	va_list ap;

	va_start(ap, fmt);
	report_error(sc, path, fmt, ap);
	va_end(ap);
	return false;
}

static struct scene_cgroup *find_cgroup(const struct scene *sc, const char *name, size_t len)
{
	for (size_t i = 0; i < sc->nr_cgroups; i++)
		if (strlen(sc->cgroups[i]->name) == len && !memcmp(sc->cgroups[i]->name, name, len))
			return sc->cgroups[i];
	return NULL;
}

struct scene_cgroup *scene_find(const struct scene *sc, const char *name)
{
	return find_cgroup(sc, name, strlen(name));
}

struct scene_cgroup *scene_need(const struct scene *sc, const struct op *op, const char *key, const char *name)
{
	struct scene_cgroup *cg = scene_find(sc, name);

	if (cg || sc->guess)
		return cg;
	_cleanup_free_ const char **names = xcalloc(sc->nr_cgroups + 1, sizeof(*names));
	for (size_t i = 0; i < sc->nr_cgroups; i++)
		names[i] = sc->cgroups[i]->name;
	_cleanup_free_ char *all = join_names(names);
	scene_error(sc, op, key, "there is no cgroup '%s' at this point (there %s: %s)", name,
		    sc->nr_cgroups == 1 ? "is" : "are", *all ? all : "none");
	return NULL;
}

int scene_worker(const struct scene *sc, const char *cgroup, unsigned group, unsigned index)
{
	for (size_t i = 0; i < sc->nr_batches; i++) {
		const struct batch *b = &sc->batches[i].b;

		if (sc->batches[i].running && b->group == group && index < b->n && streq(b->cgroup ? b->cgroup : "", cgroup))
			return (int)(b->first + index);
	}
	return -1;
}

struct cpumask scene_cpus(const struct scene *sc, const struct scene_cgroup *cg)
{
	if (!cg)
		return sc->online;
	struct cpumask outer = scene_cpus(sc, cg->parent);
	struct cpumask own = cpumask_and(&outer, &cg->cpus);
	return cg->has_cpus && cpumask_count(&own) ? own : outer;
}

struct cpumask scene_nodes(const struct scene *sc, const struct scene_cgroup *cg)
{
	struct cpumask outer = { 0 };

	if (!cg) {
		for (unsigned i = 0; i < sc->plan->nr_nodes; i++)
			cpumask_set(&outer, i);
		return outer;
	}
	outer = scene_nodes(sc, cg->parent);
	struct cpumask own = cpumask_and(&outer, &cg->mems);
	return cg->has_mems && cpumask_count(&own) ? own : outer;
}

bool scene_frozen(const struct scene_cgroup *cg)
{
	for (; cg; cg = cg->parent)
		if (cg->frozen)
			return true;
	return false;
}

bool scene_has_workers(const struct scene *sc, const struct scene_cgroup *cg)
{
	for (size_t i = 0; i < sc->nr_batches; i++)
		if (sc->batches[i].running && sc->batches[i].cgroup == cg)
			return true;
	return false;
}

const struct scene_cgroup *scene_child_of(const struct scene *sc, const struct scene_cgroup *cg)
{
	for (size_t i = 0; i < sc->nr_cgroups; i++)
		if (sc->cgroups[i]->parent == cg)
			return sc->cgroups[i];
	return NULL;
}

static struct scene_cgroup *add_one(struct scene *sc, const char *name, size_t len, struct scene_cgroup *parent,
				    const char *path)
{
	struct scene_cgroup *cg = xcalloc(1, sizeof(*cg));

	cg->name = xasprintf("%.*s", (int)len, name);
	cg->made_by = xstrdup(path);
	cg->parent = parent;
	cg->owner = sc->step;
	cg->pids_max = LIMIT_NONE;
	sc->cgroups = xrealloc(sc->cgroups, sc->nr_cgroups + 1, sizeof(struct scene_cgroup *));
	sc->cgroups[sc->nr_cgroups++] = cg;
	return cg;
}

struct scene_cgroup *scene_add(struct scene *sc, const char *name, const char *path)
{
	struct scene_cgroup *parent = NULL, *there = scene_find(sc, name);

	if (there) {
		scene_error_at(sc, path, "there is a cgroup '%s' already: %s", name, there->made_by);
		return NULL;
	}
	for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
		there = find_cgroup(sc, name, slash - name);
		if (!there) {
			there = add_one(sc, name, slash - name, parent, path);
			there->implicit = true;
		} else if (scene_has_workers(sc, there)) {
			scene_error_at(sc, path, "cgroup '%s' has workers, and such a one can have no other in it", there->name);
			sc->guess = true; /* what it should have been is not said again */
			return NULL;
		}
		parent = there;
	}
	return add_one(sc, name, strlen(name), parent, path);
}

bool scene_spawn(struct scene *sc, struct scene_cgroup *cg, const char *name, const struct work_spec *work,
		 unsigned group, const char *path)
{
	const struct scene_cgroup *inner = cg ? scene_child_of(sc, cg) : NULL;

	if (!work->workers)
		return true;
	if (inner)
		return scene_error_at(sc, path, "cgroup '%s' has '%s' in it, and a cgroup with cgroups in it can have no workers", cg->name,
				      inner->name);
	if (scene_frozen(cg))
		return scene_error_at(sc, path, "cgroup '%s' is frozen: workers would never get ready in it", cg->name);
	if (!scene_check_workers(sc, path, cg, work))
		return false;
	if (sc->nr_workers + work->workers > SPEC_MAX_WORKERS)
		return scene_error_at(sc, path, "%lld workers in all, more than %d", (long long)(sc->nr_workers + work->workers),
				      SPEC_MAX_WORKERS);
	sc->batches = xrealloc(sc->batches, sc->nr_batches + 1, sizeof(*sc->batches));
	sc->batches[sc->nr_batches++] = (struct scene_batch){
		.b = { .work = work, .cgroup = name, .path = path, .group = group, .step = sc->step,
		       .first = sc->nr_workers, .n = work->workers },
		.owner = sc->step, .cgroup = cg, .running = true, .affinity = work->affinity,
		.first_cpus = scene_cpus(sc, cg), .cpus = scene_cpus(sc, cg),
	};
	sc->nr_workers += work->workers;
	return true;
}

bool scene_add_def(struct scene *sc, const struct cgroup_def *def)
{
	const struct work_spec *work;
	bool ok = true;

	if (def->bad) {
		sc->guess = true;
		return true;
	}
	struct scene_cgroup *cg = scene_add(sc, def->name, def->path);
	if (!cg)
		return false;
	if (def->cpuset.kind != CPUSET_NONE) {
		ok &= scene_check_cpus(sc, def->path, cg, &def->cpuset.cpus);
		cg->has_cpus = true;
		cg->cpus = def->cpuset.cpus;
	}
	cg->pids_max = def->limits.pids_max;
	if (def->has_mems) {
		ok &= scene_check_mems(sc, def->path, cg, &def->mems);
		cg->has_mems = true;
		cg->mems = def->mems;
	}
	for (size_t i = 0; (work = cgroup_def_group(def, i)); i++)
		ok &= scene_spawn(sc, cg, def->name, work, i, def->path);
	return ok;
}

bool scene_run_payload(struct scene *sc, const char *path, unsigned index, struct scene_cgroup *cg)
{
	enum { MAX_RUNS = 256 };
	struct scene_payload *p = &sc->payloads[index];
	const char *name = sc->spec->payloads.v[index].name;

	if (p->running)
		return scene_error_at(sc, path, "payload '%s' is running: WaitPayload or KillPayload first", name);
	if (scene_frozen(cg))
		return scene_error_at(sc, path, "cgroup '%s' is frozen: payload '%s' would never start in it", cg->name, name);
	*p = (struct scene_payload){ .running = true, .owner = sc->step, .cgroup = cg };
	return sc->nr_payload_runs++ != MAX_RUNS ||
		scene_error_at(sc, path, "payloads are run more than %d times in all", MAX_RUNS);
}

bool scene_run_payloads(struct scene *sc)
{
	bool ok = true;

	for (size_t i = 0; i < sc->spec->payloads.n; i++) {
		const struct payload *p = &sc->spec->payloads.v[i];
		_cleanup_free_ char *path = xasprintf("$.payloads.%s", p->name);
		struct scene_cgroup *cg = p->cgroup ? scene_find(sc, p->cgroup) : NULL;

		if (p->cgroup && !cg)
			ok = sc->guess || scene_error_at(sc, path, "there is no cgroup '%s'", p->cgroup);
		else
			ok &= scene_run_payload(sc, path, i, cg);
	}
	return ok;
}

/* thawed: what is frozen by itself is thawed for it. */
static bool stop_batch(const struct scene *sc, const char *path, struct scene_batch *b, const struct scene_cgroup *thawed)
{
	b->running = false;
	for (const struct scene_cgroup *c = b->cgroup; c; c = c->parent)
		if (c->frozen && c != thawed)
			return scene_error_at(sc, path, "cgroup '%s' is frozen: workers in it cannot stop", c->name);
	return true;
}

bool scene_stop(struct scene *sc, const char *path, struct scene_cgroup *cg)
{
	bool ok = true;

	for (size_t i = 0; i < sc->nr_batches; i++)
		if (sc->batches[i].running && sc->batches[i].cgroup == cg)
			ok &= stop_batch(sc, path, &sc->batches[i], cg);
	cg->frozen = false;
	return ok;
}

static void forget_cgroup(struct scene *sc, struct scene_cgroup *cg)
{
	size_t i = 0;

	while (sc->cgroups[i] != cg)
		i++;
	memmove(&sc->cgroups[i], &sc->cgroups[i + 1], (--sc->nr_cgroups - i) * sizeof(struct scene_cgroup *));
	for (size_t b = 0; b < sc->nr_batches; b++)
		if (sc->batches[b].cgroup == cg)
			sc->batches[b].cgroup = NULL;
	cgroup_free(cg);
}

bool scene_remove(struct scene *sc, const char *path, struct scene_cgroup *cg)
{
	const struct scene_cgroup *inner = scene_child_of(sc, cg);

	if (inner)
		return scene_error_at(sc, path, "cgroup '%s' has '%s' in it: remove that first", cg->name, inner->name);
	for (size_t i = 0; i < sc->spec->payloads.n; i++)
		if (sc->payloads[i].running && sc->payloads[i].cgroup == cg)
			return scene_error_at(sc, path, "payload '%s' runs in cgroup '%s': WaitPayload or KillPayload first",
					      sc->spec->payloads.v[i].name, cg->name);
	bool ok = scene_stop(sc, path, cg);
	forget_cgroup(sc, cg);
	return ok;
}

void scene_note_cpus(struct scene *sc)
{
	for (size_t i = 0; i < sc->nr_batches; i++) {
		struct scene_batch *b = &sc->batches[i];

		if (!b->running)
			continue;
		struct cpumask now = scene_cpus(sc, b->cgroup);
		b->cpus = cpumask_or(&b->cpus, &now);
	}
}

static const char *step_path(const struct scene *sc)
{
	return sc->step == SPEC_BACKDROP ? sc->spec->backdrop.path : sc->spec->steps[sc->step].path;
}

bool scene_end_step(struct scene *sc)
{
	bool ok = true;

	for (size_t i = 0; i < sc->nr_cgroups; i++)
		if (sc->cgroups[i]->owner == sc->step)
			sc->cgroups[i]->frozen = false;
	for (size_t i = 0; i < sc->nr_batches; i++)
		if (sc->batches[i].running && sc->batches[i].owner == sc->step)
			ok &= stop_batch(sc, step_path(sc), &sc->batches[i], NULL);
	for (size_t i = 0; i < sc->spec->payloads.n; i++)
		if (sc->payloads[i].owner == sc->step)
			sc->payloads[i].running = false;
	for (size_t i = sc->nr_cgroups; i--;)
		if (sc->cgroups[i]->owner == sc->step)
			forget_cgroup(sc, sc->cgroups[i]);
	return ok;
}

static bool rehearse_ops(struct scene *sc, const struct step *step)
{
	bool ok = true;

	for (size_t i = 0; i < step->nr_ops; i++) {
		const struct op *op = &step->ops[i];

		if (op->bad) {
			sc->guess = true;
			continue;
		}
		ok &= op->kind->check(sc, op) && scene_check_running(sc, op->path);
		scene_note_cpus(sc);
	}
	return ok;
}

static bool rehearse_step(struct scene *sc, const struct step *step)
{
	bool ok = true;

	for (size_t i = 0; i < step->nr_setup; i++)
		ok &= scene_add_def(sc, &step->setup[i]);
	if (sc->spec->short_form && step != &sc->spec->backdrop)
		ok &= scene_run_payloads(sc);
	ok &= scene_check_running(sc, step->path);
	ok &= rehearse_ops(sc, step);
	/* One repetition with errors is enough of them. */
	for (sc->repeat = 1; ok && sc->repeat < step->hold.repeats; sc->repeat++)
		ok &= rehearse_ops(sc, step);
	sc->repeat = 0;
	return ok;
}

static void keep_batches(struct scene *sc, struct spec *spec)
{
	spec->nr_batches = sc->nr_batches;
	spec->nr_workers = sc->nr_workers;
	spec->batches = xcalloc(sc->nr_batches, sizeof(*spec->batches));
	for (size_t i = 0; i < sc->nr_batches; i++)
		spec->batches[i] = sc->batches[i].b;
}

bool scene_rehearse(struct spec *spec, const struct topo *plan, const char *file, struct kt_errs *errs)
{
	struct scene sc;
	bool ok;

	scene_init(&sc, spec, plan, file, errs);
	ok = rehearse_step(&sc, &spec->backdrop);
	for (size_t i = 0; i < spec->nr_steps; i++) {
		sc.step = i;
		ok &= rehearse_step(&sc, &spec->steps[i]);
		ok &= scene_end_step(&sc) && scene_check_running(&sc, spec->steps[i].path);
	}
	sc.step = SPEC_BACKDROP;
	ok &= scene_end_step(&sc) && scene_check_companions(&sc);
	keep_batches(&sc, spec);
	scene_deinit(&sc);
	return ok;
}
