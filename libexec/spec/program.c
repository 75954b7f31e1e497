// SPDX-License-Identifier: GPL-2.0-only
/* Reading a program: see program.h. */
#include "libexec/spec/program.h"

static bool parse_strings(const struct jcur *c, const json_t **ret)
{
	bool ok = true;

	if (!jcur_is_array(c, 0))
		return false;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);

		if (!json_is_string(e.j))
			ok = jcur_error(&e, "must be a string");
	}
	*ret = c->j;
	return ok;
}

bool program_parse_args(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_strings(c, &((struct program *)out)->args);
}

bool program_parse_files(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_strings(c, &((struct program *)out)->files);
}

bool program_parse_env(const struct jcur *c, void *out, void *ctx)
{
	struct program *p = out;
	const char *key;
	json_t *value;
	bool ok = true;

	(void)ctx;
	if (!jcur_is_object(c))
		return false;
	json_object_foreach(c->j, key, value) {
		struct jcur e = { .doc = c->doc, .up = c, .key = key, .j = value };

		if (!json_is_string(value))
			ok = jcur_error(&e, "must be a string");
		else if (!*key || strchr(key, '='))
			ok = jcur_error(&e, "is no name of a variable");
	}
	p->env = c->j;
	return ok;
}

const char *program_getenv(const struct program *p, const char *name)
{
	return p->env ? json_string_value(json_object_get(p->env, name)) : NULL;
}
