// SPDX-License-Identifier: GPL-2.0-only
/* Bytes as JSON: see value.h. */
#include "libexec/look/value.h"
#include "libexec/look/target.h"
#include <bpf/btf.h>
#include <ctype.h>
#include <math.h>

enum { LONG_LIST = 64, DEPTH_MAX = 24, MODIFIERS_MAX = 32 };

/* What is left of the data, from the place of the value on. */
struct bytes {
	const unsigned char *p;
	size_t size;
};

struct maker {
	const struct btf *btf;
	size_t *nodes;
};

static json_t *make(const struct maker *m, uint32_t id, struct bytes b, unsigned depth);

static const struct btf_type *plain_type(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; t && (btf_is_mod(t) || btf_is_typedef(t)); i++)
		t = i < MODIFIERS_MAX ? btf__type_by_id(btf, t->type) : NULL;
	return t;
}

static struct bytes from(struct bytes b, size_t offset)
{
	return offset < b.size ? (struct bytes){ b.p + offset, b.size - offset } : (struct bytes){ 0 };
}

static json_t *integer(uint64_t v, unsigned bits, bool is_signed)
{
	if (is_signed)
		return json_s64((int64_t)(v << (64 - bits)) >> (64 - bits));
	return json_u64(v);
}

static json_t *make_int(const struct btf_type *t, struct bytes b)
{
	uint8_t encoding = btf_int_encoding(t);
	uint64_t v = 0;

	if (t->size > sizeof(v))
		return value_hex(b.p, t->size);
	if (!t->size)
		return json_null();
	memcpy(&v, b.p, t->size);
	return encoding & BTF_INT_BOOL ? json_boolean(v) : integer(v, t->size * 8, encoding & BTF_INT_SIGNED);
}

static json_t *enum_value(const struct btf *btf, const struct btf_type *t, uint64_t v, unsigned bits)
{
	uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	const char *name = NULL;

	for (int i = 0; i < btf_vlen(t) && !name; i++) {
		uint64_t is = btf_is_enum64(t) ? btf_enum64_value(btf_enum64(t) + i) : (uint64_t)(int64_t)btf_enum(t)[i].val;
		if ((is & mask) == (v & mask))
			name = btf__name_by_offset(btf, btf_is_enum64(t) ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off);
	}
	json_t *j = name ? json_string(name) : NULL; /* not UTF-8: no name */
	return j ? j : integer(v, bits, btf_kflag(t));
}

static json_t *make_float(const struct btf_type *t, struct bytes b)
{
	double d;
	float f;

	if (t->size == sizeof(d)) {
		memcpy(&d, b.p, sizeof(d));
	} else if (t->size == sizeof(f)) {
		memcpy(&f, b.p, sizeof(f));
		d = (double)f;
	} else {
		return json_null();
	}
	return isfinite(d) ? json_real(d) : json_string(isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
}

/* NULL: it is not one. */
static json_t *text(struct bytes b)
{
	size_t n = strnlen((const char *)b.p, b.size);

	if (n == b.size)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!isprint(b.p[i]) && !isspace(b.p[i]))
			return NULL;
	return json_stringn((const char *)b.p, n);
}

static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return btf_is_int(t) && t->size == 1 && streq(btf__name_by_offset(btf, t->name_off), "char");
}

static bool is_zero(const json_t *j)
{
	return json_is_integer(j) && !json_integer_value(j);
}

static json_t *make_array(const struct maker *m, const struct btf_type *t, struct bytes b, unsigned depth)
{
	const struct btf_array *a = btf_array(t);
	const struct btf_type *of = plain_type(m->btf, a->type);
	int64_t size = btf__resolve_size(m->btf, a->type);

	if (!of || size <= 0)
		return json_null();
	if (is_char(m->btf, of) && a->nelems && a->nelems <= b.size) {
		json_t *j = text((struct bytes){ b.p, a->nelems });
		if (j) {
			*m->nodes -= MIN(*m->nodes, json_string_length(j) / 8);
			return j;
		}
	}
	json_t *list = json_array();
	for (uint32_t i = 0; i < a->nelems && *m->nodes && (uint64_t)i * (uint64_t)size < b.size; i++)
		json_array_append_new(list, make(m, a->type, from(b, i * (size_t)size), depth + 1));
	/* Room for each possible CPU or task is mostly not used. */
	if (a->nelems > LONG_LIST)
		for (size_t n = json_array_size(list); n && is_zero(json_array_get(list, n - 1)); n--)
			json_array_remove(list, n - 1);
	return list;
}

static json_t *make_bits(const struct maker *m, uint32_t id, struct bytes b, unsigned shift, unsigned bits)
{
	const struct btf_type *t = plain_type(m->btf, id);
	unsigned __int128 v = 0;

	if (!t || bits > 64 || (shift + bits + 7) / 8 > b.size)
		return json_null();
	memcpy(&v, b.p, (shift + bits + 7) / 8);
	uint64_t value = (uint64_t)(v >> shift) & (bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1);
	if (btf_is_any_enum(t))
		return enum_value(m->btf, t, value, bits);
	if (btf_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL)
		return json_boolean(value);
	return integer(value, bits, btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED);
}

static json_t *make_composite(const struct maker *m, const struct btf_type *t, struct bytes b, unsigned depth)
{
	const struct btf_member *member = btf_members(t);
	json_t *object = json_object();

	for (uint32_t i = 0; i < btf_vlen(t) && *m->nodes; i++, member++) {
		const char *name = btf__name_by_offset(m->btf, member->name_off);
		uint32_t at = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i);
		const struct btf_type *type = plain_type(m->btf, member->type);
		json_t *j;

		if (!name || !type || (!*name && !btf_is_composite(type)))
			continue; /* padding */
		if (bits)
			j = --*m->nodes ? make_bits(m, member->type, from(b, at / 8), at % 8, bits) : json_null();
		else
			j = make(m, member->type, from(b, at / 8), depth + 1);
		if (*name) {
			json_object_set_new(object, name, j);
		} else {
			json_object_update(object, j);
			json_decref(j);
		}
	}
	return object;
}

static json_t *make(const struct maker *m, uint32_t id, struct bytes b, unsigned depth)
{
	const struct btf_type *t = plain_type(m->btf, id);
	uint64_t v = 0;

	if (!t || !*m->nodes || depth > DEPTH_MAX)
		return json_null();
	--*m->nodes;
	switch (btf_kind(t)) {
	case BTF_KIND_ARRAY:
		return make_array(m, t, b, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return make_composite(m, t, b, depth);
	case BTF_KIND_PTR:
		if (b.size < sizeof(v))
			return json_null();
		memcpy(&v, b.p, sizeof(v));
		return json_address(v);
	}
	if (t->size > b.size)
		return json_null();
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		return make_int(t, b);
	case BTF_KIND_FLOAT:
		return make_float(t, b);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		if (!t->size || t->size > sizeof(v))
			return json_null();
		memcpy(&v, b.p, t->size);
		return enum_value(m->btf, t, v, t->size * 8);
	}
	return json_null();
}

json_t *value_json(const struct btf *btf, uint32_t id, const void *data, size_t size, size_t *nodes)
{
	return make(&(struct maker){ btf, nodes }, id, (struct bytes){ data, size }, 0);
}

json_t *value_hex(const void *data, size_t size)
{
	_cleanup_free_ char *digits = xcalloc(size + 1, 2);

	for (size_t i = 0; i < size; i++)
		snprintf(digits + 2 * i, 3, "%02x", ((const unsigned char *)data)[i]);
	return json_string(digits);
}
