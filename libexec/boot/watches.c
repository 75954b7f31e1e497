// SPDX-License-Identifier: GPL-2.0-only
/* What is watched for writes: see watches.h. */
#include "libexec/boot/watches.h"

static void add_watch(struct watches *w, const char *text, const char *path)
{
	struct watch *new = &w->v[w->n++];
	struct kt_err err;

	*new = (struct watch){ .text = text, .path = path, .wanted = !path };
	if (place_parse(text, &new->place, &err))
		die_usage("--watch: %s", err.msg);
}

/* Check what the kernel's symbols and types tell. A scheduler's variables are not there before it is loaded. */
static void check_watch(const struct watch *watch, bool scheduler, const char *file, const struct kernel_types *types, unsigned nr_cpus)
{
	struct target t = { .types = types, .nr_cpus = nr_cpus, .missing = json_array() };
	struct watch_place at;
	struct kt_err err;

	bool bad = watch_find(&t, &watch->place, watch->text, &at, &err) && (err.code != KT_CANNOT_TELL || !scheduler);
	if (bad && watch->path)
		die(KT_USAGE, "%s: %s: WatchSnapshot: %s", file, watch->path, err.msg);
	if (bad)
		die_usage("--watch: %s", err.msg);
	json_decref(t.missing);
}

struct watches watches_load(const struct boot_options *o, const struct spec *spec, struct snapshots *snapshots, bool virtual_clock)
{
	struct watches w = { 0 };
	struct kt_err err;
	const struct op *op;

	for (size_t i = 0; (op = spec_op(spec, i)); i++)
		if (op->kind == &op_watch_snapshot && w.n < WATCHES_BY_SPEC)
			add_watch(&w, ((const struct watch_args *)op->args)->name, op->path);
	w.by_ops = w.n;
	for (unsigned i = 0; i < o->snapshots.nr_watches; i++)
		add_watch(&w, o->snapshots.watch[i], NULL);
	if (w.n && !virtual_clock)
		die(KT_CANNOT_TELL, "WatchSnapshot and --watch need the virtual clock");
	const struct kernel_types *types = w.n ? snapshots_types(snapshots, &err) : NULL;
	if (w.n && !types)
		die(KT_CANNOT_TELL, "nothing of this kernel can be watched: %s", err.msg);
	for (unsigned i = 0; i < w.n; i++)
		check_watch(&w.v[i], spec->scheduler.kind != SCHEDULER_NONE || spec->nr_staged, o->spec.path, types, snapshots->nr_cpus);
	return w;
}

enum { EXIT_WATCH, FIRST_WATCH }; /* of the shim's */

void watches_arm_exit(struct target *t, struct vm *vm, uint64_t at)
{
	uint32_t size = sizeof(uint32_t);
	uint64_t in_qemu = at ? guestmem_in_qemu(t->mem, at, size) : 0;

	if (vm->shim->watches[EXIT_WATCH].address == (in_qemu ? at : 0))
		return;
	vm_watch(vm, EXIT_WATCH, in_qemu ? &(struct shim_watch){ .address = at, .size = size, .at = in_qemu, .snapshots = UINT64_MAX,
		 .stands = UINT64_MAX, .counts = UINT64_MAX } : &(struct shim_watch){ 0 });
}

bool watches_is_exit(const struct vm *vm)
{
	return vm->shim->hit.watch == EXIT_WATCH;
}

static struct shim_watch *of_shim(struct vm *vm, unsigned i)
{
	return &vm->shim->watches[FIRST_WATCH + i];
}

static void disarm(struct watches *w, unsigned i, struct vm *vm)
{
	struct watch *watch = &w->v[i];

	if (!watch->armed)
		return;
	watch->before += atomic_load(&of_shim(vm, i)->hits);
	watch->armed = false;
	vm_watch(vm, FIRST_WATCH + i, &(struct shim_watch){ 0 });
}

static bool overlap(const struct watch_place *a, const struct watch_place *b)
{
	return a->address < b->address + b->size && b->address < a->address + a->size;
}

static uint64_t left(uint64_t most, uint64_t had)
{
	return most > had ? most - had : 0;
}

/* When an instruction writes to several watchpoints, QEMU names only one: watches must not overlap. */
static int check_others(const struct watches *w, unsigned i, const struct watch_place *at, struct kt_err *err)
{
	for (unsigned k = 0; k < w->n; k++)
		if (k != i && w->v[k].armed && overlap(at, &w->v[k].at))
			return kt_fail(err, "'%s' and '%s' have bytes in common", w->v[i].text, w->v[k].text);
	return 0;
}

static int arm(struct watches *w, unsigned i, struct target *t, struct vm *vm, struct kt_err *err)
{
	struct watch *watch = &w->v[i];
	struct watch_place at;

	if (watch_find(t, &watch->place, watch->text, &at, err)) {
		disarm(w, i, vm);
		return -1;
	}
	if (watch->armed && at.address == watch->at.address && at.size == watch->at.size)
		return 0;
	disarm(w, i, vm);
	uint64_t in_qemu = guestmem_in_qemu(t->mem, at.address, at.size);
	if (!in_qemu)
		return kt_fail(err, "'%s' is not in one piece of the guest's memory", watch->text);
	if (check_others(w, i, &at, err))
		return -1;
	watch->at = at;
	watch->armed = true;
	vm_watch(vm, FIRST_WATCH + i, &(struct shim_watch){ .address = at.address, .size = at.size, .at = in_qemu,
		 .snapshots = left(WATCH_SNAPSHOTS_MAX, watch->before), .stands = left(WATCH_HITS_MAX, watch->before),
		 .counts = left(WATCH_COUNTS_MAX, watch->before) });
	return 0;
}

void watches_arm(struct watches *w, struct target *t, struct vm *vm)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->v[i].wanted)
			arm(w, i, t, vm, &w->v[i].why_not);
}

static struct watch *find_watch(struct watches *w, const char *path)
{
	for (unsigned i = 0; path && i < w->n; i++)
		if (w->v[i].path && streq(w->v[i].path, path))
			return &w->v[i];
	return NULL;
}

int watches_do_op(struct watches *w, const json_t *request, bool setting_up, struct target *t, struct vm *vm, struct kt_err *err)
{
	struct watch *watch = find_watch(w, json_string_value(json_object_get(request, "path")));
	struct watch_place at;

	if (!watch)
		return kt_fail(err, "the guest asks for a watch that the spec does not have");
	watch->wanted = true;
	int r = !t ? -1 : setting_up ? watch_find(t, &watch->place, watch->text, &at, err) : arm(w, (unsigned)(watch - w->v), t, vm, err);
	return r ? kt_context(err, "%s: WatchSnapshot", watch->path) : 0;
}

json_t *watches_hit(struct watches *w, struct target *t, struct vm *vm, const char **name)
{
	const struct shim_hit *hit = &vm->shim->hit;
	int64_t at_ns = atomic_load(&vm->shim->stopped_ns);
	unsigned i = hit->watch - FIRST_WATCH;
	struct watch *watch = &w->v[i];
	struct watch_place at;

	*name = NULL;
	if (i >= w->n || !watch->armed)
		return NULL;
	/* A scheduler's variables are freed with it, and the memory may be used for something else by now. */
	if (!watch->at.of_kernel && (watch_find(t, &watch->place, watch->text, &at, &watch->why_not) || at.address != watch->at.address)) {
		atomic_fetch_sub(&of_shim(vm, i)->hits, 1);
		disarm(w, i, vm);
		return NULL;
	}
	watch->seen++;
	json_t *j = KT_PACK("{ss ss sI}", "kind", "hit", "watch", watch->text, "hit", (json_int_t)watch->seen);
	if (at_ns >= 0)
		json_object_set_new(j, "at_ns", json_integer(at_ns));
	json_auto_t *writer = watch_writer(t, hit->cpu, hit->registers);
	json_object_update(j, writer);
	json_object_set_new(j, "before", watch_value(hit->before, watch->at.size));
	json_object_set_new(j, "after", watch_value(hit->after, watch->at.size));
	if (!hit->bare)
		*name = watch->text;
	return j;
}

static const char *why_not(const struct watch *watch)
{
	return !watch->wanted ? "its op was not done" : *watch->why_not.msg ? watch->why_not.msg : "the first phase did not begin";
}

void watches_warn(const struct watches *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!w->v[i].at.size)
			kt_warn("nothing was watched as '%s': %s", w->v[i].text, why_not(&w->v[i]));
}

json_t *watches_total(const struct watches *w, unsigned i, const struct shim_page *shim)
{
	const struct watch *watch = &w->v[i];
	uint64_t hits = watch->before + (watch->armed && shim ? atomic_load(&shim->watches[FIRST_WATCH + i].hits) : 0);
	json_t *j = KT_PACK("{ss ss ss sI sI}", "kind", "watch", "watch", watch->text, "by", watch->path ? watch->path : "--watch",
			    "hits", (json_int_t)hits, "recorded", (json_int_t)watch->seen);

	if (watch->at.size) {
		json_object_set_new(j, "address", json_address(watch->at.address));
		json_object_set_new(j, "size", json_integer(watch->at.size));
	} else {
		json_object_set_new(j, "error", json_string(why_not(watch)));
	}
	if (hits >= WATCH_COUNTS_MAX)
		json_object_set_new(j, "ended", json_true());
	return j;
}

json_t *watches_wanted(const struct watches *w)
{
	json_t *paths = json_array();

	for (unsigned i = 0; i < w->n; i++)
		if (w->v[i].path && w->v[i].wanted)
			json_array_append_new(paths, json_string(w->v[i].path));
	return paths;
}

void watches_want_all(struct watches *w, const json_t *paths)
{
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path) {
		struct watch *watch = find_watch(w, json_string_value(path));
		if (watch)
			watch->wanted = true;
	}
}
