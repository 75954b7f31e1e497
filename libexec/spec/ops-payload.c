// SPDX-License-Identifier: GPL-2.0-only
/* Ops on payloads: what they take, and what they change in the scene. guest/scenario/ops-payload.c does them. */
#include "libexec/spec/scene.h"

enum { WAIT_SECONDS = 60, MAX_SECONDS = 86400 };

static bool parse_payload(const struct jcur *c, void *out, void *ctx)
{
	struct payload_args *a = out;
	const struct payloads *all = &((struct spec_reader *)ctx)->spec->payloads;
	const char *name;

	if (!jcur_str(c, &name))
		return false;
	struct payload *p = payloads_find(all, name);
	if (p) {
		a->index = (unsigned)(p - all->v);
		return true;
	}
	_cleanup_free_ const char **names = xcalloc(all->n + 1, sizeof(*names));
	for (size_t i = 0; i < all->n; i++)
		names[i] = all->v[i].name;
	_cleanup_free_ char *list = join_names(names);
	return jcur_error(c, "there is no payload '%s' (there %s: %s)", name, all->n == 1 ? "is" : "are",
			  *list ? list : "none");
}

static bool parse_run_cgroup(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return spec_parse_cgroup_name(c, &((struct payload_args *)out)->cgroup);
}

#define PAYLOAD_ROW \
	{ .name = "payload", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_payload, \
	  .help = "which one" }

static const struct row run_rows[] = {
	PAYLOAD_ROW,
	{ .name = "cgroup", .kind = ROW_CUSTOM, .type = "string", .parse = parse_run_cgroup,
	  .help = "in which cgroup; that of the payload when not given" },
	{ 0 }
};

static const struct row wait_rows[] = {
	PAYLOAD_ROW,
	{ .name = "timeout_s", .kind = ROW_NS, .offset = offsetof(struct payload_args, timeout_ns), .min = 0.001,
	  .max = MAX_SECONDS, .def = WAIT_SECONDS, .help = "how long; then it is stopped, and has failed" },
	{ 0 }
};

/* "name", or the object that the rows describe. */
static bool parse_short(const struct jcur *c, void *args, struct spec_reader *rd, const struct row *rows)
{
	if (!json_is_string(c->j))
		return rows_parse(c, rows, args, rd);
	rows_default(rows, args);
	return parse_payload(c, args, rd);
}

static bool parse_run(const struct jcur *c, void *args, struct spec_reader *rd)
{
	if (!parse_short(c, args, rd, run_rows))
		return false;
	rd->spec->payloads.v[((struct payload_args *)args)->index].by_op = true;
	return true;
}

static bool parse_wait(const struct jcur *c, void *args, struct spec_reader *rd)
{
	if (!parse_short(c, args, rd, wait_rows))
		return false;
	rd->spec->wait_ns += ((struct payload_args *)args)->timeout_ns;
	return true;
}

static bool parse_kill(const struct jcur *c, void *args, struct spec_reader *rd)
{
	return parse_payload(c, args, rd);
}

static bool check_run(struct scene *sc, const struct op *op)
{
	const struct payload_args *a = op->args;
	const struct payload *p = &sc->spec->payloads.v[a->index];
	const char *name = a->cgroup ? a->cgroup : p->cgroup;
	struct scene_cgroup *cg = name ? scene_need(sc, op, a->cgroup ? "cgroup" : NULL, name) : NULL;

	if (name && !cg)
		return sc->guess;
	return scene_run_payload(sc, op->path, a->index, cg);
}

/* By this op it has ended. */
static bool check_end(struct scene *sc, const struct op *op)
{
	const struct payload_args *a = op->args;
	struct scene_payload *p = &sc->payloads[a->index];

	if (!p->running && !sc->guess)
		return scene_error(sc, op, NULL, "payload '%s' does not run at this point", sc->spec->payloads.v[a->index].name);
	if (scene_frozen(p->cgroup))
		return scene_error(sc, op, NULL, "payload '%s' is frozen, with its cgroup '%s': it cannot end",
				   sc->spec->payloads.v[a->index].name, p->cgroup->name);
	p->running = false;
	return true;
}

const struct op_kind op_run_payload = {
	.name = "RunPayload", .type = "string, or object", .rows = run_rows, .args_size = sizeof(struct payload_args),
	.parse = parse_run, .check = check_run, .help = "start a payload; it is stopped at the end of the step, or of the "
	"run when the backdrop started it",
};

const struct op_kind op_wait_payload = {
	.name = "WaitPayload", .type = "string, or object", .rows = wait_rows, .args_size = sizeof(struct payload_args),
	.parse = parse_wait, .check = check_end, .help = "wait until a payload has ended",
};

const struct op_kind op_kill_payload = {
	.name = "KillPayload", .type = "string", .args_size = sizeof(struct payload_args), .parse = parse_kill,
	.check = check_end, .help = "stop a payload, as the end of the run does",
};
