// SPDX-License-Identifier: GPL-2.0-only
/* Ops on the scheduler under test. guest/scenario/ops-sched.c does them; its end at the end of the run is not an op. */
#include "libexec/spec/scene.h"

static bool parse_scheduler(const struct jcur *c, void *args, struct spec_reader *rd)
{
	struct scheduler_args *a = args;
	_cleanup_free_ const char **names = xcalloc(rd->spec->nr_staged + 2, sizeof(*names));
	size_t n = 0;

	if (!jcur_str(c, &a->name))
		return false;
	if (spec_scheduler(rd->spec, a->name))
		return true;
	if (rd->spec->scheduler.kind != SCHEDULER_NONE)
		names[n++] = rd->spec->scheduler.name;
	for (size_t i = 0; i < rd->spec->nr_staged; i++)
		names[n++] = rd->spec->staged[i].name;
	_cleanup_free_ char *all = join_names(names);
	return jcur_error(c, "there is no scheduler '%s' (known: %s)", a->name, *all ? all : "none");
}

static bool need_attached(struct scene *sc, const struct op *op)
{
	return sc->scheduler || sc->guess || scene_error(sc, op, NULL, "no scheduler is attached here");
}

static bool check_attach(struct scene *sc, const struct op *op)
{
	if (sc->scheduler && !sc->guess)
		return scene_error(sc, op, NULL, "a scheduler is attached already: use ReplaceScheduler");
	sc->scheduler = true;
	return true;
}

static bool check_detach(struct scene *sc, const struct op *op)
{
	bool ok = need_attached(sc, op);

	sc->scheduler = false;
	return ok;
}

const struct op_kind op_attach_scheduler = {
	.name = "AttachScheduler", .type = "string", .args_size = sizeof(struct scheduler_args), .parse = parse_scheduler,
	.check = check_attach, .help = "attach one of the schedulers of the spec, and wait until the kernel has enabled it",
};

const struct op_kind op_detach_scheduler = {
	.name = "DetachScheduler", .check = check_detach,
	.help = "let go of the scheduler, and wait until the kernel has its own again",
};

const struct op_kind op_restart_scheduler = {
	.name = "RestartScheduler", .check = need_attached,
	.help = "detach the scheduler that is attached, and attach it again",
};

const struct op_kind op_replace_scheduler = {
	.name = "ReplaceScheduler", .type = "string", .args_size = sizeof(struct scheduler_args), .parse = parse_scheduler,
	.check = need_attached, .help = "detach the scheduler that is attached, and attach this one",
};
