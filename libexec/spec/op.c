// SPDX-License-Identifier: GPL-2.0-only
/* The table of ops, and how one is read: see op.h. */
#include "libexec/spec/op.h"
#include "libexec/spec/op-list.h"

#define DECLARE(op) extern const struct op_kind op_##op;
OPS(DECLARE)
#define ENTRY(op) &op_##op,
const struct op_kind *const op_kinds[] = { OPS(ENTRY) NULL };

static bool unknown_op(const struct jcur *c, const char *name)
{
	static const struct { const char *name, *wants; } later[] = {
		{ "PinBpfMap", "the maps of a scheduler" },
	};
	const char *names[ARRAY_SIZE(op_kinds)];

	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (streq(name, later[i].name))
			return jcur_error(c, "%s is reserved, and not built yet: this version has no access to %s", name, later[i].wants);
	for (size_t i = 0; i < ARRAY_SIZE(op_kinds); i++)
		names[i] = op_kinds[i] ? op_kinds[i]->name : NULL;
	const char *near = nearest_name(name, names);
	if (near)
		return jcur_error(c, "unknown op '%s' (did you mean '%s'?)", name, near);
	_cleanup_free_ char *all = join_names(names);
	return jcur_error(c, "unknown op '%s' (known: %s)", name, all);
}

static const struct op_kind *find_op(const struct jcur *c, const char *name)
{
	for (size_t i = 0; op_kinds[i]; i++) {
		const struct op_kind *kind = op_kinds[i];

		if (streq(name, kind->name))
			return kind;
		if (kind->old_name && streq(name, kind->old_name)) {
			jcur_note(c, "%s is called %s now", name, kind->name);
			return kind;
		}
	}
	return NULL;
}

static bool parse_params(const struct jcur *c, const struct jcur *params, const struct op *op, struct spec_reader *rd)
{
	const struct op_kind *kind = op->kind;

	if (!kind->type)
		return !params->j || jcur_error(params, "takes no parameters");
	if (!params->j)
		return jcur_error(c, "%s needs a parameter: {\"%s\": ...}", kind->name, kind->name);
	return kind->parse ? kind->parse(params, op->args, rd) : rows_parse(params, kind->rows, op->args, rd);
}

bool op_parse(const struct jcur *c, struct op *ret, struct spec_reader *rd)
{
	struct jcur params;
	const char *name;

	ret->path = jcur_path(c);
	ret->bad = true;
	if (!jcur_variant(c, &name, &params))
		return false;
	ret->kind = find_op(c, name);
	if (!ret->kind)
		return unknown_op(c, name);
	ret->args = xcalloc(1, MAX(ret->kind->args_size, 1u));
	ret->bad = !parse_params(c, &params, ret, rd);
	return !ret->bad;
}

void op_deinit(struct op *op)
{
	if (op->kind && op->kind->deinit)
		op->kind->deinit(op->args);
	free(op->args);
	free(op->path);
}

void op_kinds_print_keys(FILE *f, const char *prefix)
{
	for (size_t i = 0; op_kinds[i]; i++) {
		const struct op_kind *kind = op_kinds[i];
		_cleanup_free_ char *path = xasprintf("%s.%s", prefix, kind->name);

		fprintf(f, "%s\t%s\t-\t-\t-\t%s", path, kind->type ? kind->type : "-", kind->help);
		if (kind->old_name)
			fprintf(f, " (also '%s')", kind->old_name);
		fputc('\n', f);
		if (kind->rows)
			rows_print(f, path, kind->rows);
	}
}
