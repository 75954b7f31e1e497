// SPDX-License-Identifier: GPL-2.0-only
/* Snapshots of the guest's kernel from outside: see snapshots.h. */
#include "libexec/boot/snapshots.h"
#include "libexec/spec/op.h"

enum { NAME_MAX_LEN = 63 };
_Static_assert((int)SPEC_MAX_SNAPSHOTS == SNAPSHOTS_PERIODIC_MAX, "a spec may ask for as many as the command line");

static int compare_times(const void *a, const void *b)
{
	const struct snapshot_stop *x = a, *y = b;

	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns ? 1 : strcmp(x->name, y->name);
}

static void add_stop(struct snapshots *s, int64_t at_ns, char *name)
{
	s->stops = xrealloc(s->stops, s->n + 1, sizeof(*s->stops));
	s->stops[s->n++] = (struct snapshot_stop){ at_ns, name };
}

static void add_times(struct snapshots *s, const char *list)
{
	for (const char *p = list, *end; ; p = end + 1) {
		int64_t ns;

		if (kt_parse_time(p, &end, &ns) || ns <= 0 || !strchr(",", *end))
			die_usage("--snapshot-at: '%s' is not a list of times after the first phase begins: 700ms,1500us,2s", list);
		if (end - p > NAME_MAX_LEN)
			die_usage("--snapshot-at: '%s' has a number that is too long", list);
		add_stop(s, ns, xasprintf("at_%.*s", (int)(end - p), p));
		if (!*end)
			return;
	}
}

/* They lie from a tenth of the run to nine tenths, as far from each other as from these. */
static void add_periodic(struct snapshots *s, int periodic, int64_t run_ns)
{
	for (int i = 0; i < periodic; i++)
		add_stop(s, run_ns / 10 + (i + 1) * (run_ns / 10 * 8) / (periodic + 1), xasprintf("periodic_%03d", i));
}

static bool has_snapshot_ops(const struct spec *spec)
{
	const struct op *op;

	for (size_t i = 0; (op = spec_op(spec, i)); i++)
		if (op->kind == &op_snapshot)
			return true;
	return false;
}

const struct kernel_types *snapshots_types(struct snapshots *s, struct kt_err *err)
{
	if (s->have == TYPES_UNREAD)
		s->have = kernel_types_recall(s->vmlinux, &s->types, &s->why_not) ? TYPES_BAD : TYPES_READ;
	if (s->have == TYPES_READ)
		return &s->types;
	*err = s->why_not;
	return NULL;
}

struct snapshots snapshots_load(const struct snapshot_options *o, const struct spec *spec, const struct vm_config *c)
{
	struct snapshots s = { .nr_cpus = c->plan->nr_cpus, .by_ops = has_snapshot_ops(spec), .names = json_object(), .vmlinux = c->vmlinux,
			       .exits = !spec->expected.contains && !spec->expected.matches };
	struct kt_err err;

	if (o->at)
		add_times(&s, o->at);
	add_periodic(&s, o->periodic ? o->periodic : c->virtual_clock ? (int)spec->num_snapshots : 0, spec->total_ns);
	if (s.n && !c->virtual_clock)
		die(KT_CANNOT_TELL, "--snapshot-at and --periodic need the virtual clock");
	if (!s.n && !s.by_ops)
		return s;
	qsort(s.stops, s.n, sizeof(*s.stops), compare_times);
	if (!snapshots_types(&s, &err))
		die(KT_CANNOT_TELL, "no snapshots of this kernel: %s", err.msg);
	return s;
}

int64_t snapshots_next_ns(const struct snapshots *s)
{
	return s->next < s->n ? s->stops[s->next].at_ns : 0;
}

/* What the kernel has becomes part of the record. */
static json_t *add_state(json_t *record, struct target *t, const struct shim_page *shim, const struct kt_err *err)
{
	json_auto_t *state = t ? snapshot_make(t, shim ? shim->registers : NULL) : NULL;

	if (state)
		json_object_update(record, state);
	else
		json_object_set_new(record, "error", json_string(err->msg));
	return record;
}

json_t *snapshots_take_due(struct snapshots *s, unsigned phase, struct target *t, const struct shim_page *shim, const struct kt_err *err)
{
	const struct snapshot_stop *stop = &s->stops[s->next++];

	return add_state(KT_PACK("{ss ss ss sI sI si}", "kind", "snapshot", "name", stop->name, "by", "time", "asked_ns",
				 (json_int_t)stop->at_ns, "at_ns", (json_int_t)atomic_load(&shim->stopped_ns), "phase", (int)phase), t, shim, err);
}

json_t *snapshots_take(struct snapshots *s, const char *name, const char *by, struct target *t, const struct shim_page *shim,
		       const struct kt_err *err)
{
	json_int_t before = json_integer_value(json_object_get(s->names, name));
	_cleanup_free_ char *numbered = before ? xasprintf("%s#%lld", name, (long long)before + 1) : xstrdup(name);
	json_t *j = KT_PACK("{ss ss ss}", "kind", "snapshot", "name", numbered, "by", by);
	int64_t at = shim ? atomic_load(&shim->stopped_ns) : -1;

	json_object_set_new(s->names, name, json_integer(before + 1));
	if (at >= 0)
		json_object_set_new(j, "at_ns", json_integer(at));
	return add_state(j, t, shim, err);
}

const char *snapshots_requested(const struct spec *spec, const json_t *request)
{
	const char *path = json_string_value(json_object_get(request, "path"));
	const struct op *op;

	for (size_t i = 0; path && (op = spec_op(spec, i)); i++)
		if (op->kind == &op_snapshot && streq(op->path, path))
			return ((const struct snapshot_args *)op->args)->name;
	return NULL;
}
