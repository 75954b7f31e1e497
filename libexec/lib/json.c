// SPDX-License-Identifier: GPL-2.0-only
/* Strict JSON in, JSON Lines out: see json.h. */
#include "libexec/lib/json.h"

static json_t *checked(json_t *j, const char *name, const json_error_t *e, struct kt_err *err)
{
	if (!j)
		kt_fail_as(err, KT_USAGE, "%s:%d:%d: %s", name, e->line > 0 ? e->line : 1, e->column > 0 ? e->column : 1, e->text);
	return j;
}

json_t *kt_json_load(const char *path, struct kt_err *err)
{
	bool is_stdin = streq(path, "-");
	const char *name = is_stdin ? "<stdin>" : path;
	_cleanup_fclose_ FILE *f = NULL;
	json_error_t e;

	if (!is_stdin && !(f = fopen(path, "re"))) {
		kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	return checked(json_loadf(f ? f : stdin, JSON_REJECT_DUPLICATES, &e), name, &e, err);
}

json_t *kt_json_loads(const char *text, size_t len, const char *name, struct kt_err *err)
{
	json_error_t e;

	return checked(json_loadb(text, len, JSON_REJECT_DUPLICATES, &e), name, &e, err);
}

int kt_json_line(FILE *f, const json_t *record, struct kt_err *err)
{
	if (json_dumpf(record, f, JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0 || putc('\n', f) == EOF)
		return kt_fail(err, "cannot write a record: %s", strerror(errno));
	return 0;
}

json_t *kt_json_signal(int sig)
{
	const char *name = sigabbrev_np(sig);

	return name ? KT_PACK("{ss+}", "signaled", "SIG", name) : KT_PACK("{si}", "signaled", sig);
}

struct jcur jcur_root(const struct jdoc *doc, json_t *j)
{
	return (struct jcur){ .doc = doc, .j = j };
}

bool jcur_get(const struct jcur *obj, const char *key, struct jcur *ret)
{
	json_t *j = json_object_get(obj->j, key);

	if (!j)
		return false;
	*ret = (struct jcur){ .doc = obj->doc, .up = obj, .key = key, .j = j };
	return true;
}

bool jcur_need(const struct jcur *obj, const char *key, struct jcur *ret)
{
	return jcur_get(obj, key, ret) || jcur_error(obj, "'%s' is missing", key);
}

struct jcur jcur_at(const struct jcur *array, size_t i)
{
	return (struct jcur){ .doc = array->doc, .up = array, .index = i, .j = json_array_get(array->j, i) };
}

static void path_of(const struct jcur *c, FILE *f)
{
	if (!c->up) {
		fputc('$', f);
		return;
	}
	path_of(c->up, f);
	if (c->key)
		fprintf(f, ".%s", c->key);
	else
		fprintf(f, "[%zu]", c->index);
}

char *jcur_path(const struct jcur *c)
{
	char *path = NULL;
	size_t n;
	FILE *f = open_memstream(&path, &n);

	if (!f)
		die(KT_TROUBLE, "out of memory");
	path_of(c, f);
	fclose(f);
	return path;
}

/* "file: path: message" */
static char *say_at(const struct jcur *c, const char *fmt, va_list ap)
{
	_cleanup_free_ char *path = jcur_path(c), *msg = NULL;

	if (vasprintf(&msg, fmt, ap) < 0)
		die(KT_TROUBLE, "out of memory");
	return xasprintf("%s: %s: %s", c->doc->file, path, msg);
}

bool jcur_error(const struct jcur *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_free_ char *msg = say_at(c, fmt, ap);
	va_end(ap);
	kt_errs_add(c->doc->errs, "%s", msg);
	return false;
}

void jcur_note(const struct jcur *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_free_ char *msg = say_at(c, fmt, ap);
	va_end(ap);
	kt_warn("note: %s", msg);
}

static const char *type_name(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "a whole number";
	case JSON_REAL: return "a number with a fraction";
	case JSON_TRUE: case JSON_FALSE: return "a boolean";
	case JSON_NULL: return "null";
	}
	BUG("unknown JSON type");
}

bool jcur_is_object(const struct jcur *c)
{
	return json_is_object(c->j) || jcur_error(c, "must be an object, not %s", type_name(c->j));
}

bool jcur_is_array(const struct jcur *c, size_t min_len)
{
	if (!json_is_array(c->j))
		return jcur_error(c, "must be an array, not %s", type_name(c->j));
	if (json_array_size(c->j) < min_len)
		return jcur_error(c, "must have at least %zu element%s", min_len, min_len == 1 ? "" : "s");
	return true;
}

bool jcur_int(const struct jcur *c, int64_t min, int64_t max, int64_t *ret)
{
	if (!json_is_integer(c->j))
		return jcur_error(c, "must be a whole number, not %s", type_name(c->j));
	int64_t v = json_integer_value(c->j);
	if (v < min || v > max)
		return jcur_error(c, "%lld is not in %lld..%lld", (long long)v, (long long)min, (long long)max);
	*ret = v;
	return true;
}

bool jcur_real(const struct jcur *c, double min, double max, double *ret)
{
	if (!json_is_number(c->j))
		return jcur_error(c, "must be a number, not %s", type_name(c->j));
	double v = json_number_value(c->j);
	if (!(v >= min && v <= max))
		return jcur_error(c, "%.15g is not in %.15g..%.15g", v, min, max);
	*ret = v;
	return true;
}

bool jcur_bool(const struct jcur *c, bool *ret)
{
	if (!json_is_boolean(c->j))
		return jcur_error(c, "must be true or false, not %s", type_name(c->j));
	*ret = json_is_true(c->j);
	return true;
}

bool jcur_str(const struct jcur *c, const char **ret)
{
	if (!json_is_string(c->j))
		return jcur_error(c, "must be a string, not %s", type_name(c->j));
	if (!json_string_length(c->j))
		return jcur_error(c, "must not be empty");
	*ret = json_string_value(c->j);
	return true;
}

bool jcur_name(const struct jcur *c, const char **ret)
{
	if (!jcur_str(c, ret))
		return false;
	if (strlen(*ret) > JCUR_NAME_MAX)
		return jcur_error(c, "is longer than %d characters", JCUR_NAME_MAX);
	return !(*ret)[strspn(*ret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")] ||
	       jcur_error(c, "must be letters, digits, '_', '-' and '.'");
}

bool jcur_known(const struct jcur *obj, const char *const *keys)
{
	const char *key;
	json_t *value;
	bool ok = true;

	json_object_foreach(obj->j, key, value) {
		const char *const *k = keys;
		struct jcur c = { .doc = obj->doc, .up = obj, .key = key, .j = value };

		while (*k && !streq(*k, key))
			k++;
		if (!*k)
			ok = jcur_error(&c, "unknown key");
	}
	return ok;
}

bool jcur_variant(const struct jcur *c, const char **name, struct jcur *params)
{
	if (json_is_string(c->j)) {
		*params = (struct jcur){ .doc = c->doc, .up = c };
		return jcur_str(c, name);
	}
	if (!json_is_object(c->j) || json_object_size(c->j) != 1)
		return jcur_error(c, "must be a name, or an object with one key that is the name");
	*name = json_object_iter_key(json_object_iter(c->j));
	return jcur_get(c, *name, params);
}
