// SPDX-License-Identifier: GPL-2.0-only
/* Flags of a scheduler, and their profiles: see flags.h. */
#include "libexec/spec/flags.h"

/* It is a part of a profile's name. */
static bool parse_name(const struct jcur *c, void *out, void *ctx)
{
	struct flag *f = out;

	(void)ctx;
	return jcur_name(c, &f->name) &&
	       (!streq(f->name, "default") || jcur_error(c, "'default' is the profile without flags"));
}

static bool parse_strings(const struct jcur *c, json_t **ret)
{
	const char *ignored;
	bool ok = jcur_is_array(c, 0);

	for (size_t i = 0; ok && i < json_array_size(c->j); i++) {
		struct jcur e = jcur_at(c, i);

		ok = json_is_string(e.j) || jcur_str(&e, &ignored);
	}
	*ret = c->j;
	return ok;
}

static bool parse_args(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_strings(c, &((struct flag *)out)->args);
}

static bool parse_options(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	((struct flag *)out)->options = c->j;
	return jcur_is_object(c);
}

static bool parse_requires(const struct jcur *c, void *out, void *ctx)
{
	(void)ctx;
	return parse_strings(c, &((struct flag *)out)->requires);
}

const struct row flag_rows[] = {
	{ .name = "name", .kind = ROW_CUSTOM, .required = true, .type = "string", .parse = parse_name,
	  .help = "what profiles call it" },
	{ .name = "args", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_args,
	  .help = "binary: arguments that come after the scheduler's own" },
	{ .name = "options", .kind = ROW_CUSTOM, .type = "object", .parse = parse_options,
	  .help = "bpf: global variables of the object, in place of the scheduler's own options" },
	{ .name = "requires", .kind = ROW_CUSTOM, .type = "array of strings", .parse = parse_requires,
	  .help = "other flags that this flag needs" },
	{ 0 }
};

static uint32_t flag_bit(size_t i)
{
	return UINT32_C(1) << i;
}

uint32_t flags_find(const struct flags *f, const char *name, struct kt_err *err)
{
	const char *names[FLAGS_MAX + 1] = { NULL };

	for (size_t i = 0; i < f->n; i++) {
		names[i] = f->v[i].name;
		if (streq(names[i], name))
			return flag_bit(i);
	}
	_cleanup_free_ char *all = join_names(names);
	kt_fail(err, "there is no flag '%s' (known: %.800s)", name, *all ? all : "none");
	return 0;
}

/* What each requires by itself. */
static bool read_requires(const struct jcur *c, struct flags *f)
{
	bool ok = true;

	for (size_t i = 0; i < f->n; i++) {
		struct jcur e = jcur_at(c, i), list;

		f->v[i].needs = flag_bit(i);
		if (!jcur_get(&e, "requires", &list))
			continue;
		for (size_t k = 0; k < json_array_size(list.j); k++) {
			struct jcur at = jcur_at(&list, k);
			struct kt_err err;
			uint32_t other = flags_find(f, json_string_value(at.j), &err);

			if (!other)
				ok = jcur_error(&at, "%s", err.msg);
			else if (other == flag_bit(i))
				ok = jcur_error(&at, "flag '%s' requires itself", f->v[i].name);
			f->v[i].needs |= other;
		}
	}
	return ok;
}

/* And what that requires, until nothing is new. */
static void follow_requires(struct flags *f)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < f->n; i++) {
			uint32_t all = f->v[i].needs;

			for (size_t k = 0; k < f->n; k++)
				all |= f->v[i].needs & flag_bit(k) ? f->v[k].needs : 0;
			more |= all != f->v[i].needs;
			f->v[i].needs = all;
		}
	}
}

/* Two that require each other are one flag. */
static bool check_cycles(const struct jcur *c, const struct flags *f)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = i + 1; k < f->n; k++) {
			struct jcur e = jcur_at(c, i);

			if (f->v[i].needs & flag_bit(k) && f->v[k].needs & flag_bit(i))
				return jcur_error(&e, "flags '%s' and '%s' require each other", f->v[i].name, f->v[k].name);
		}
	return true;
}

static bool check_unique(const struct jcur *c, const struct flags *f, size_t i)
{
	struct jcur e = jcur_at(c, i), options;
	const char *option;
	json_t *ignored;
	bool ok = true;

	for (size_t k = 0; k < i; k++) {
		if (streq(f->v[i].name, f->v[k].name))
			ok = jcur_error(&e, "there is a flag '%s' already", f->v[i].name);
		/* In a profile with both, which of them holds? */
		json_object_foreach(f->v[i].options, option, ignored) {
			if (json_object_get(f->v[k].options, option) && jcur_get(&e, "options", &options))
				ok = jcur_error(&options, "flag '%s' sets '%s' too", f->v[k].name, option);
		}
	}
	return ok;
}

bool flags_parse(const struct jcur *c, struct flags *ret)
{
	struct flags f = { 0 };
	bool ok = true;

	if (!jcur_is_array(c, 1))
		return false;
	f.n = json_array_size(c->j);
	if (f.n > FLAGS_MAX)
		return jcur_error(c, "has %zu flags, more than %d", f.n, FLAGS_MAX);
	for (size_t i = 0; i < f.n; i++) {
		struct jcur e = jcur_at(c, i);

		ok &= rows_parse(&e, flag_rows, &f.v[i], NULL);
	}
	for (size_t i = 0; ok && i < f.n; i++)
		ok = check_unique(c, &f, i);
	if (!ok || !read_requires(c, &f))
		return false;
	follow_requires(&f);
	if (!check_cycles(c, &f))
		return false;
	*ret = f;
	return true;
}

int flags_settle(const struct flags *f, struct flags_want *w, struct kt_err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!(w->required & flag_bit(i)))
			continue;
		uint32_t both = f->v[i].needs & w->excluded;
		if (both & flag_bit(i))
			return kt_fail(err, "flag '%s' is both required and excluded", f->v[i].name);
		if (both)
			return kt_fail(err, "flag '%s' is required, and requires '%s', which is excluded", f->v[i].name,
				       f->v[__builtin_ctz(both)].name);
		w->required |= f->v[i].needs;
	}
	return 0;
}

/* The flags of a name; not yet whether they are a profile. */
static int read_profile(const struct flags *f, const char *name, uint32_t *ret, struct kt_err *err)
{
	*ret = 0;
	if (streq(name, "default"))
		return 0;
	for (const char *p = name;; p++) {
		size_t n = strcspn(p, "+");
		_cleanup_free_ char *one = xasprintf("%.*s", (int)n, p);
		uint32_t flag = flags_find(f, one, err);

		if (!flag)
			return -1;
		if (*ret & flag)
			return kt_fail(err, "flag '%s' is there twice", one);
		*ret |= flag;
		p += n;
		if (!*p)
			return 0;
	}
}

int flags_profile(const struct flags *f, const struct flags_want *w, const char *name, uint32_t *ret, struct kt_err *err)
{
	uint32_t profile;

	if (read_profile(f, name, &profile, err))
		return -1;
	for (size_t i = 0; i < f->n; i++) {
		uint32_t missing = profile & flag_bit(i) ? f->v[i].needs & ~profile : 0;

		if (missing)
			return kt_fail(err, "flag '%s' requires '%s'", f->v[i].name, f->v[__builtin_ctz(missing)].name);
	}
	if (w->required & ~profile)
		return kt_fail(err, "flag '%s' is required", f->v[__builtin_ctz(w->required & ~profile)].name);
	if (w->excluded & profile)
		return kt_fail(err, "flag '%s' is excluded", f->v[__builtin_ctz(w->excluded & profile)].name);
	*ret = profile;
	return 0;
}

struct listing {
	const struct flags *f;
	uint32_t *profiles;
	size_t n;
};

/*
 * Decide about the flags below i, once about those from i on: in are the ones that are in, with all that they require, and
 * out the ones that are not. Leaving one out that nobody requires is always possible, so every way leads to a profile.
 */
static bool list_profiles(struct listing *l, size_t i, uint32_t in, uint32_t out)
{
	if (!i--) {
		if (l->n == PROFILES_MAX)
			return false;
		l->profiles[l->n++] = in;
		return true;
	}
	if (!(in & flag_bit(i)) && !list_profiles(l, i, in, out | flag_bit(i)))
		return false;
	return l->f->v[i].needs & out || list_profiles(l, i, in | l->f->v[i].needs, out);
}

int flags_profiles(const struct flags *f, const struct flags_want *w, uint32_t *ret, struct kt_err *err)
{
	struct listing l = { .f = f, .profiles = ret };

	if (!list_profiles(&l, f->n, w->required, w->excluded))
		return kt_fail(err, "the flags make more than %d profiles: require or exclude some", PROFILES_MAX);
	return (int)l.n;
}

char *flags_name(const struct flags *f, uint32_t profile)
{
	char *name = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (!(profile & flag_bit(i)))
			continue;
		char *longer = xasprintf("%s%s%s", name ? name : "", name ? "+" : "", f->v[i].name);
		free(name);
		name = longer;
	}
	return name ? name : xstrdup("default");
}
