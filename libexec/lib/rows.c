// SPDX-License-Identifier: GPL-2.0-only
/* Typed rows: see rows.h. */
#include "libexec/lib/rows.h"

enum { MAX_ROWS = 64, MAX_NAME = 64 };

static int64_t unit_ns(const char *name, const char **unit)
{
	static const struct { const char *unit; int64_t ns; } units[] = {
		{ "s", NSEC_PER_SEC }, { "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_USEC }, { "ns", 1 },
	};
	const char *end = strrchr(name, '_');

	for (size_t i = 0; end && i < ARRAY_SIZE(units); i++) {
		if (streq(end + 1, units[i].unit)) {
			*unit = units[i].unit;
			return units[i].ns;
		}
	}
	BUG("no unit of time at the end of '%s'", name);
}

static void store_number(const struct row *r, void *out, double v)
{
	void *p = (char *)out + r->offset;
	const char *unit;

	if (r->offset == ROW_NOWHERE)
		return;
	switch (r->kind) {
	case ROW_BOOL: *(bool *)p = v != 0; break;
	case ROW_UINT:
	case ROW_ENUM: *(unsigned *)p = (unsigned)(int64_t)v; break; /* -1 is UINT_MAX, and no double is converted to that */
	case ROW_INT: *(int64_t *)p = v; break;
	case ROW_REAL: *(double *)p = v; break;
	case ROW_NS: *(int64_t *)p = v * unit_ns(r->name, &unit) + 0.5; break;
	case ROW_STR: *(const char **)p = NULL; break;
	case ROW_CUSTOM: break;
	}
}

void rows_default(const struct row *rows, void *out)
{
	for (const struct row *r = rows; r->name; r++)
		store_number(r, out, r->def);
}

static bool parse_enum(const struct jcur *c, const struct row *r, void *out)
{
	const char *s;

	if (!jcur_str(c, &s))
		return false;
	for (unsigned i = 0; r->names[i]; i++) {
		if (streq(r->names[i], s)) {
			store_number(r, out, i);
			return true;
		}
	}
	_cleanup_free_ char *all = join_names(r->names);
	return jcur_error(c, "'%s' is none of: %s", s, all);
}

static bool parse_row(const struct jcur *c, const struct row *r, void *out, void *ctx)
{
	int64_t i;
	double d;
	bool b;
	const char *s;

	switch (r->kind) {
	case ROW_BOOL:
		if (!jcur_bool(c, &b))
			return false;
		store_number(r, out, b);
		return true;
	case ROW_UINT:
	case ROW_INT: /* no range goes beyond 2^53, where a double is exact */
		if (!jcur_int(c, r->min, r->max, &i))
			return false;
		store_number(r, out, i);
		return true;
	case ROW_REAL:
	case ROW_NS:
		if (!jcur_real(c, r->min, r->max, &d))
			return false;
		store_number(r, out, d);
		return true;
	case ROW_STR:
		if (!jcur_str(c, &s))
			return false;
		if (r->offset != ROW_NOWHERE)
			*(const char **)((char *)out + r->offset) = s;
		return true;
	case ROW_ENUM:
		return parse_enum(c, r, out);
	case ROW_CUSTOM:
		return r->parse(c, (char *)out + r->offset, ctx);
	}
	BUG("row '%s' has no kind", r->name);
}

static const struct row *find_row(const struct row *rows, const char *key)
{
	for (const struct row *r = rows; r->name; r++)
		if (streq(r->name, key) || (r->alias && streq(r->alias, key)))
			return r;
	return NULL;
}

static void names_of(const struct row *rows, const char **names)
{
	size_t n = 0;

	for (const struct row *r = rows; r->name; r++) {
		if (n == MAX_ROWS)
			BUG("more than %d rows", MAX_ROWS);
		names[n++] = r->name;
	}
	names[n] = NULL;
}

static bool unknown_key(const struct jcur *c, const struct row *rows)
{
	const char *names[MAX_ROWS + 1];

	names_of(rows, names);
	if (!names[0])
		return jcur_error(c, "unknown key (none is known here)");
	const char *near = nearest_name(c->key, names);
	if (near)
		return jcur_error(c, "unknown key (did you mean '%s'?)", near);
	_cleanup_free_ char *all = join_names(names);
	return jcur_error(c, "unknown key (known here: %s)", all);
}

bool rows_parse(const struct jcur *obj, const struct row *rows, void *out, void *ctx)
{
	const char *key;
	json_t *value;
	bool ok = true;

	rows_default(rows, out);
	if (!jcur_is_object(obj))
		return false;
	json_object_foreach(obj->j, key, value) {
		struct jcur c = { .doc = obj->doc, .up = obj, .key = key, .j = value };

		if (!find_row(rows, key))
			ok = unknown_key(&c, rows);
	}
	for (const struct row *r = rows; r->name; r++) {
		struct jcur c, other;
		bool given = jcur_get(obj, r->name, &c);

		if (r->alias && jcur_get(obj, r->alias, &other)) {
			if (given)
				ok = jcur_error(&other, "is another name of '%s', which is given too", r->name);
			else
				c = other, given = true;
		}
		if (given)
			ok &= parse_row(&c, r, out, ctx);
		else if (r->required)
			ok = jcur_error(obj, "'%s' is missing", r->name);
	}
	return ok;
}

bool rows_parse_one(const struct jcur *obj, const struct row *rows, void *out, void *ctx, const struct row **ret)
{
	if (!jcur_is_object(obj))
		return false;
	if (json_object_size(obj->j) != 1) {
		const char *names[MAX_ROWS + 1];

		names_of(rows, names);
		_cleanup_free_ char *all = join_names(names);
		return jcur_error(obj, "must have exactly one key of: %s", all);
	}
	struct jcur c = { .doc = obj->doc, .up = obj };
	c.key = json_object_iter_key(json_object_iter(obj->j));
	c.j = json_object_get(obj->j, c.key);
	const struct row *r = find_row(rows, c.key);
	if (!r)
		return unknown_key(&c, rows);
	if (!parse_row(&c, r, out, ctx))
		return false;
	*ret = r;
	return true;
}

/* The columns of a row, as text: "-" where there is nothing to say. */
struct columns {
	const char *type, *unit;
	char def[32], range[256];
};

static void print_names(const char *const *names, char *buf, size_t size)
{
	size_t n = 0;

	for (; *names; names++) {
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? "|" : "", *names);
		if (n >= size)
			BUG("the names of an enum do not fit");
	}
}

static void columns_of(const struct row *r, struct columns *ret)
{
	static const char *const types[] = {
		[ROW_BOOL] = "boolean", [ROW_UINT] = "integer", [ROW_INT] = "integer", [ROW_REAL] = "number",
		[ROW_NS] = "number", [ROW_STR] = "string", [ROW_ENUM] = "string", [ROW_CUSTOM] = "?",
	};
	bool whole = r->kind == ROW_UINT || r->kind == ROW_INT;
	bool number = whole || r->kind == ROW_REAL || r->kind == ROW_NS;

	*ret = (struct columns){ .type = r->type ? r->type : types[r->kind], .unit = "-", .def = "-", .range = "-" };
	if (r->kind == ROW_NS)
		unit_ns(r->name, &ret->unit);
	if (r->required)
		snprintf(ret->def, sizeof(ret->def), "required");
	else if (r->kind == ROW_BOOL)
		snprintf(ret->def, sizeof(ret->def), "%s", r->def != 0 ? "true" : "false");
	else if (r->kind == ROW_ENUM)
		snprintf(ret->def, sizeof(ret->def), "\"%s\"", r->names[(unsigned)r->def]);
	else if (number && r->def >= r->min && r->def <= r->max)
		snprintf(ret->def, sizeof(ret->def), "%.15g", r->def);
	if (whole)
		snprintf(ret->range, sizeof(ret->range), "%lld..%lld", (long long)r->min, (long long)r->max);
	else if (number)
		snprintf(ret->range, sizeof(ret->range), "%.15g..%.15g", r->min, r->max);
	else if (r->kind == ROW_ENUM)
		print_names(r->names, ret->range, sizeof(ret->range));
}

void rows_print(FILE *f, const char *prefix, const struct row *rows)
{
	for (const struct row *r = rows; r->name; r++) {
		bool array = r->type && !strncmp(r->type, "array", 5);
		_cleanup_free_ char *path = xasprintf("%s.%s", prefix, r->name);
		bool map = r->type && !strncmp(r->type, "object of", 9);
		_cleanup_free_ char *below = xasprintf("%s%s", path, array ? "[]" : map ? ".NAME" : "");
		struct columns c;

		columns_of(r, &c);
		fprintf(f, "%s\t%s\t%s\t%s\t%s\t%s", path, c.type, c.unit, c.def, c.range, r->help);
		if (r->alias)
			fprintf(f, " (also '%s')", r->alias);
		fputc('\n', f);
		if (r->sub)
			rows_print(f, below, r->sub);
	}
}

void rows_describe(FILE *f, const char *indent, const struct row *rows)
{
	for (const struct row *r = rows; r->name; r++) {
		_cleanup_free_ char *deeper = xasprintf("%s    ", indent);
		struct columns c;

		columns_of(r, &c);
		fprintf(f, "%s%s: %s", indent, r->name, c.type);
		if (!streq(c.unit, "-"))
			fprintf(f, " (%s)", c.unit);
		if (r->required)
			fputs(", required", f);
		else if (!streq(c.def, "-"))
			fprintf(f, ", default %s", c.def);
		if (!streq(c.range, "-"))
			fprintf(f, ", %s", c.range);
		fprintf(f, ": %s\n", r->help);
		if (r->sub)
			rows_describe(f, deeper, r->sub);
	}
}

/* Edit distance, a swap of neighbours counting as one; names longer than MAX_NAME are far from everything. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned d[3][MAX_NAME + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX_NAME || m > MAX_NAME)
		return MAX_NAME;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = d[i % 3], *up = d[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = MIN(MIN(row[j - 1], up[j]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], d[(i - 2) % 3][j - 2] + 1);
		}
	}
	return d[n % 3][m];
}

const char *nearest_name(const char *s, const char *const *names)
{
	const char *best = NULL;
	unsigned best_d = strlen(s) / 3 + 1; /* more slips than that are another word */

	for (; *names; names++) {
		unsigned d = edit_distance(s, *names);

		if (d <= best_d && (!best || d < best_d)) {
			best = *names;
			best_d = d;
		}
	}
	return best;
}

char *join_names(const char *const *names)
{
	char *all = xstrdup("");

	for (; *names; names++) {
		char *more = xasprintf("%s%s%s", all, *all ? ", " : "", *names);

		free(all);
		all = more;
	}
	return all;
}
