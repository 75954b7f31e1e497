// SPDX-License-Identifier: GPL-2.0-only
/* "assert" of a spec: its keys are the rows of the checks. See check.h. */
#include "libexec/check/check.h"

enum { MAX_CHECKS = 64 };

/* The rows of all checks, for an array of struct asserted that goes with checks[]. */
static const struct row *assert_rows(void)
{
	static struct row rows[MAX_CHECKS + 1];
	size_t n = 0;

	for (size_t i = 0; checks[i]; i++) {
		if (!checks[i]->row.name)
			continue;
		if (n == MAX_CHECKS)
			BUG("more than %d checks", MAX_CHECKS);
		rows[n] = checks[i]->row;
		rows[n++].offset += (ptrdiff_t)(i * sizeof(struct asserted));
	}
	return rows;
}

static size_t nr_checks(void)
{
	size_t n = 0;

	while (checks[n])
		n++;
	return n;
}

static bool is_key(const char *name)
{
	for (size_t i = 0; checks[i]; i++)
		if (checks[i]->row.name && streq(checks[i]->row.name, name))
			return true;
	return false;
}

/* Without the keys that are null; free it with json_decref(). What is no key stays, for its error. */
static json_t *without_nulls(const json_t *object)
{
	json_t *ret = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)object, key, value)
		if (!json_is_null(value) || !is_key(key))
			json_object_set(ret, key, value);
	return ret;
}

bool assert_parse(const struct jcur *c, struct asserted **ret)
{
	size_t n = nr_checks();
	struct jcur given = *c;

	if (!jcur_is_object(c))
		return false;
	_cleanup_json_ json_t *object = without_nulls(c->j);
	given.j = object;
	*ret = xcalloc(n, sizeof(**ret));
	if (!rows_parse(&given, assert_rows(), *ret, NULL))
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *value = checks[i]->row.name ? json_object_get(c->j, checks[i]->row.name) : NULL;

		(*ret)[i].off = json_is_null(value);
		(*ret)[i].given = value && !json_is_null(value);
	}
	return true;
}

bool spec_parse_assert(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;

	(void)ctx;
	return assert_parse(c, &s->assert);
}

enum kt_exit layers_read(struct layers *l, const char *path)
{
	struct layer layer = { .from = path };
	struct kt_errs errs = { 0 };
	struct jdoc doc = { path, &errs };
	struct kt_err err;

	layer.json = kt_json_load(path, &err);
	if (!layer.json) {
		kt_warn("%s", err.msg);
		return err.code == KT_USAGE ? KT_USAGE : KT_TROUBLE;
	}
	struct jcur root = jcur_root(&doc, layer.json);
	if (!assert_parse(&root, &layer.asserted)) {
		kt_errs_print(&errs);
		kt_errs_deinit(&errs);
		free(layer.asserted);
		json_decref(layer.json);
		return KT_USAGE;
	}
	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = layer;
	return KT_OK;
}

void layers_deinit(struct layers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		json_decref(l->list[i].json);
		free(l->list[i].asserted);
	}
	free(l->list);
	*l = (struct layers){ 0 };
}

void spec_print_assert_keys(FILE *f, const char *prefix)
{
	rows_print(f, prefix, assert_rows());
}
