// SPDX-License-Identifier: GPL-2.0-only
/* Where things are in the kernel's memory, by its BTF: see btf.h. */
#include "libexec/look/btf.h"
#include <bpf/btf.h>

static const struct btf_type *skip_modifiers(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (btf_is_mod(t) || btf_is_typedef(t))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static const char *kind_name(const struct btf_type *t)
{
	return btf_is_ptr(t) ? "a pointer" : btf_is_array(t) ? "an array" : "no struct";
}

/* A member, or one of a struct or union without a name in it; bits are counted from the outermost. */
static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *t, const char *name, size_t len,
					    uint32_t *bits, bool *bitfield)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++, m++) {
		const char *s = btf__name_by_offset(btf, m->name_off);
		const struct btf_type *inner = *s ? NULL : skip_modifiers(btf, m->type);
		const struct btf_member *found = NULL;

		if (strlen(s) == len && len && !memcmp(s, name, len)) {
			*bits = btf_member_bit_offset(t, (uint32_t)i);
			*bitfield = btf_member_bitfield_size(t, (uint32_t)i);
			return m;
		}
		if (inner && btf_is_composite(inner))
			found = find_member(btf, inner, name, len, bits, bitfield);
		if (found) {
			*bits += btf_member_bit_offset(t, (uint32_t)i);
			return found;
		}
	}
	return NULL;
}

/* Follow "a.b.c" from t on. */
static int follow_path(const struct btf *btf, const struct btf_type *t, const char *path, struct btf_place *p, struct kt_err *err)
{
	for (const char *name = path, *end;; name = end + 1) {
		const struct btf_member *m;
		uint32_t bits = 0;
		bool bitfield = false;

		end = name + strcspn(name, ".");
		if (!btf_is_composite(t) && name == path)
			return kt_fail(err, "it is %s, which has no members", kind_name(t));
		if (!btf_is_composite(t))
			return kt_fail(err, "'%.*s' is %s, which has no members", MAX((int)(name - path) - 1, 0), path, kind_name(t));
		m = find_member(btf, t, name, (size_t)(end - name), &bits, &bitfield);
		if (!m)
			return kt_fail(err, "the kernel's struct %s has no member '%.*s'", btf__name_by_offset(btf, t->name_off),
				       (int)(end - name), name);
		if (bitfield)
			return kt_fail(err, "'%.*s' is a bit field", (int)(end - path), path);
		p->offset += bits / 8;
		t = skip_modifiers(btf, m->type);
		p->size = (uint32_t)btf__resolve_size(btf, m->type);
		if (!*end)
			return 0;
	}
}

int btf_find_place(const struct btf *btf, unsigned kind, const char *name, const char *path, struct btf_place *ret,
		   struct kt_err *err)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	if (id < 0)
		return kt_fail(err, "the kernel's BTF has no %s '%s'", kind == BTF_KIND_STRUCT ? "struct" : "per-CPU variable", name);
	if (kind == BTF_KIND_VAR)
		id = (int)btf__type_by_id(btf, (uint32_t)id)->type;
	*ret = (struct btf_place){ 0, (uint32_t)btf__resolve_size(btf, (uint32_t)id) };
	return path ? follow_path(btf, skip_modifiers(btf, (uint32_t)id), path, ret, err) : 0;
}

int btf_follow(const struct btf *btf, uint32_t id, const char *path, struct btf_place *ret, struct kt_err *err)
{
	*ret = (struct btf_place){ 0 };
	return follow_path(btf, skip_modifiers(btf, id), path, ret, err);
}
