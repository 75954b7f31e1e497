// SPDX-License-Identifier: GPL-2.0-only
/* Options of a BPF object: see options.h. */
#include "guest/sched/options.h"
#include "libexec/lib/rows.h"
#include <bpf/btf.h>

enum { MAX_OPTIONS = 256 };

/* A variable in the object's memory. */
struct place {
	const struct btf *btf;
	const char *name;
	__u32 type;
	void *at;
	size_t size;
};

/* The map that a section of variables became: it is called by the section's name, after the object's in part. */
static struct bpf_map *map_of(struct bpf_object *obj, const char *section)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		const char *name = bpf_map__name(map), *dot = name ? strchr(name, '.') : NULL;

		if (dot && streq(dot, section))
			return map;
	}
	return NULL;
}

static bool is_options_section(const char *name)
{
	return !strncmp(name, ".rodata", 7) || !strncmp(name, ".data", 5) || !strncmp(name, ".bss", 4);
}

/* Walk over all variables; stop at the one called want, or collect up to MAX_OPTIONS names. */
static bool find_variable(struct bpf_object *obj, const char *want, struct place *ret, const char **names)
{
	const struct btf *btf = bpf_object__btf(obj);
	size_t n = 0, size;

	for (__u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *sec = btf__type_by_id(btf, id);
		const char *section = btf__name_by_offset(btf, sec->name_off);

		if (!btf_is_datasec(sec) || !is_options_section(section))
			continue;
		const struct btf_var_secinfo *v = btf_var_secinfos(sec);
		struct bpf_map *map = map_of(obj, section);
		char *memory = map ? bpf_map__initial_value(map, &size) : NULL;
		for (int i = 0; memory && i < btf_vlen(sec); i++, v++) {
			const struct btf_type *var = btf__type_by_id(btf, v->type);
			const char *name = btf__name_by_offset(btf, var->name_off);

			if (streq(name, want) && v->offset + v->size <= size) {
				*ret = (struct place){ btf, name, var->type, memory + v->offset, v->size };
				return true;
			}
			/* The compiler's own, and what scx_bpf_error() makes of its format. */
			if (n < MAX_OPTIONS && !strchr(name, '.'))
				names[n++] = name;
		}
	}
	names[n] = NULL;
	return false;
}

static const struct btf_type *skip_modifiers(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static int store_int(const struct place *p, unsigned size, bool is_signed, int64_t v, struct kt_err *err)
{
	/* JSON integers are signed: of a u64 the upper half cannot be named. */
	int64_t max = size >= 8 ? INT64_MAX : (INT64_C(1) << (8 * size - is_signed)) - 1;
	int64_t min = !is_signed ? 0 : size >= 8 ? INT64_MIN : -max - 1;

	if (v < min || v > max)
		return kt_fail(err, "%lld is not in %lld..%lld", (long long)v, (long long)min, (long long)max);
	memcpy(p->at, &v, size); /* little-endian, as BPF is where ktstr runs */
	return 0;
}

static int set_int(const struct place *p, const struct btf_type *t, const json_t *value, struct kt_err *err)
{
	if (btf_int_encoding(t) & BTF_INT_BOOL) {
		if (!json_is_boolean(value))
			return kt_fail(err, "is a bool: true or false");
		*(bool *)p->at = json_is_true(value);
		return 0;
	}
	if (!json_is_integer(value))
		return kt_fail(err, "is an integer");
	return store_int(p, t->size, btf_int_encoding(t) & BTF_INT_SIGNED, json_integer_value(value), err);
}

static int set_enum(const struct place *p, const struct btf_type *t, const json_t *value, struct kt_err *err)
{
	const char *names[MAX_OPTIONS + 1] = { NULL };

	if (json_is_integer(value))
		return store_int(p, t->size, btf_kflag(t), json_integer_value(value), err);
	if (!json_is_string(value) || btf_is_enum64(t))
		return kt_fail(err, "is an enum: an integer%s", btf_is_enum64(t) ? "" : ", or the name of a value");
	const struct btf_enum *e = btf_enum(t);
	for (int i = 0; i < btf_vlen(t) && i < MAX_OPTIONS; i++, e++) {
		names[i] = btf__name_by_offset(p->btf, e->name_off);
		if (streq(names[i], json_string_value(value)))
			return store_int(p, t->size, btf_kflag(t), e->val, err);
	}
	_cleanup_free_ char *all = join_names(names);
	return kt_fail(err, "has no value '%s' (known: %s)", json_string_value(value), all);
}

static int set_variable(const struct place *p, const json_t *value, struct kt_err *err);

static int set_array(const struct place *p, const struct btf_type *t, const json_t *value, struct kt_err *err)
{
	const struct btf_array *a = btf_array(t);
	const struct btf_type *elem = skip_modifiers(p->btf, a->type);
	__s64 size = btf__resolve_size(p->btf, a->type);
	json_t *v;
	size_t i;

	if (btf_is_int(elem) && size == 1 && json_is_string(value)) {
		if (json_string_length(value) >= a->nelems)
			return kt_fail(err, "is too long: the array has room for %u characters", a->nelems - 1);
		memset(p->at, 0, a->nelems);
		memcpy(p->at, json_string_value(value), json_string_length(value));
		return 0;
	}
	if (!json_is_array(value))
		return kt_fail(err, "is an array of %u%s", a->nelems, btf_is_int(elem) && size == 1 ? ", or a string" : "");
	if (json_array_size(value) > a->nelems)
		return kt_fail(err, "has %u elements, and %zu are given", a->nelems, json_array_size(value));
	json_array_foreach(value, i, v) {
		struct place at = { p->btf, p->name, a->type, (char *)p->at + i * size, (size_t)size };

		if (set_variable(&at, v, err))
			return kt_context(err, "element %zu", i);
	}
	return 0;
}

static int set_variable(const struct place *p, const json_t *value, struct kt_err *err)
{
	const struct btf_type *t = skip_modifiers(p->btf, p->type);

	if (btf_is_int(t))
		return set_int(p, t, value, err);
	if (btf_is_any_enum(t))
		return set_enum(p, t, value, err);
	if (btf_is_array(t))
		return set_array(p, t, value, err);
	return kt_fail(err, "is neither an integer, a bool, an enum nor an array of these: it cannot be set");
}

void *option_at(struct bpf_object *obj, const char *name, size_t *size)
{
	const char *names[MAX_OPTIONS + 1];
	struct place p;

	if (!find_variable(obj, name, &p, names))
		return NULL;
	*size = p.size;
	return p.at;
}

int option_set(struct bpf_object *obj, const char *name, const json_t *value, struct kt_err *err)
{
	const char *names[MAX_OPTIONS + 1];
	struct place p;

	if (find_variable(obj, name, &p, names)) {
		/* set_value() speaks of the option, whose name comes before. */
		return set_variable(&p, value, err) ? kt_context(err, "option '%s'", name) : 0;
	}
	const char *near = nearest_name(name, names);
	if (near)
		return kt_fail(err, "the object has no option '%s' (did you mean '%s'?)", name, near);
	_cleanup_free_ char *all = join_names(names);
	return kt_fail(err, "the object has no option '%s' (it has: %.800s)", name, *all ? all : "none");
}
