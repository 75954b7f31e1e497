// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ops that look at the guest: what they take. In the guest guest/scenario/ops-look.c asks for them, and on the host libexec/boot/snapshots.c
 * and watches.c do them.
 */
#include "libexec/lib/place.h"
#include "libexec/spec/scene.h"

enum { MAX_SNAPSHOT_NAME = 63 };

/* "at_700ms", "periodic_003": what ktstr-boot calls those that are asked for from outside. */
static bool is_reserved(const char *name)
{
	static const char *const prefixes[] = { "at_", "periodic_" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (!strncmp(name, prefixes[i], n) && name[n] >= '0' && name[n] <= '9')
			return true;
	}
	return false;
}

static bool parse_snapshot(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct snapshot_args *a = args;

	(void)rd;
	if (!spec_parse_name(c, &a->name, MAX_SNAPSHOT_NAME, false))
		return false;
	return !is_reserved(a->name) ||
		jcur_error(c, "'%s' is a name as --snapshot-at and --periodic give them: at_ or periodic_ with a digit behind it", a->name);
}

/* Each op has a name of its own. What a loop does again is told apart by a number. */
static bool check_snapshot(struct scene *sc, const struct op *op)
{
	const struct snapshot_args *a = op->args;
	const struct op *other;

	for (size_t i = 0; (other = spec_op(sc->spec, i)) && other != op; i++)
		if (other->kind == &op_snapshot && !other->bad && streq(((const struct snapshot_args *)other->args)->name, a->name))
			return scene_error(sc, op, NULL, "'%s' is the name of the snapshot of %s, too", a->name, other->path);
	return true;
}

const struct op_kind op_snapshot = {
	.name = "Snapshot", .old_name = "CaptureSnapshot", .type = "string", .args_size = sizeof(struct snapshot_args),
	.parse = parse_snapshot, .check = check_snapshot, .help = "take a snapshot of the kernel's schedulers, under this name",
};

/* What it names is for the host to find, when there is a kernel. */
static bool parse_watch(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct watch_args *a = args;
	struct place place;
	struct kt_err err;

	if (!jcur_str(c, &a->name))
		return false;
	if (place_parse(a->name, &place, &err))
		return jcur_error(c, "%s", err.msg);
	return place.cpu < 0 || !rd->plan || place.cpu < (int)rd->plan->nr_cpus ||
		jcur_error(c, "'%s': the plan has %u CPUs", a->name, rd->plan->nr_cpus);
}

static bool check_watch(struct scene *sc, const struct op *op)
{
	const struct watch_args *a = op->args;
	const struct op *other;
	unsigned n = 0;

	for (size_t i = 0; (other = spec_op(sc->spec, i)) && other != op; i++) {
		if (other->kind != &op_watch_snapshot || other->bad)
			continue;
		if (streq(((const struct watch_args *)other->args)->name, a->name))
			return scene_error(sc, op, NULL, "'%s' is watched by %s, too", a->name, other->path);
		if (++n == WATCHES_BY_SPEC)
			return scene_error(sc, op, NULL, "a spec has up to %d watches, and this is one more: ktstr-boot --watch sets others",
					   WATCHES_BY_SPEC);
	}
	return true;
}

const struct op_kind op_watch_snapshot = {
	.name = "WatchSnapshot", .type = "string", .args_size = sizeof(struct watch_args),
	.parse = parse_watch, .check = check_watch,
	.help = "from here on take a snapshot whenever this variable of the kernel or the scheduler is written",
};
