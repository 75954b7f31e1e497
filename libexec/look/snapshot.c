// SPDX-License-Identifier: GPL-2.0-only
/* The whole of a snapshot, and what its parts share: see snapshot.h. */
#include "libexec/look/snapshot.h"
#include <bpf/btf.h>

void snapshot_set(json_t *object, const char *path, json_t *value)
{
	const char *dot = strchr(path, '.');

	if (!dot) {
		json_object_set_new(object, path, value);
		return;
	}
	_cleanup_free_ char *first = strndup(path, (size_t)(dot - path));
	json_t *inner = json_object_get(object, first);
	if (!inner) {
		inner = json_object();
		json_object_set_new(object, first, inner);
	}
	snapshot_set(inner, dot + 1, value);
}

static json_t *row_value(const struct field *r, uint64_t v)
{
	unsigned unused = 64 - 8 * r->m.size;

	switch (r->how) {
	case AS_S64: return json_s64((int64_t)(v << unused) >> unused);
	case AS_BOOL: return json_boolean(v);
	case AS_ADDRESS: return json_address(v);
	default: return json_u64(v);
	}
}

json_t *snapshot_fields(struct target *t, uint64_t object, struct field *rows, size_t n)
{
	json_t *j = json_object();
	uint64_t v;

	for (struct field *r = rows; r < rows + n; r++) {
		target_find_members(t, &r->m, 1);
		if (r->m.size && target_member(t, object, &r->m, &v))
			snapshot_set(j, r->name, row_value(r, v));
	}
	return j;
}

bool snapshot_pid(struct target *t, uint64_t task, json_int_t *ret)
{
	static struct member pid = { "task_struct", "pid" };
	uint64_t v;

	target_find_members(t, &pid, 1);
	if (!target_member(t, task, &pid, &v))
		return false;
	*ret = (int32_t)v;
	return true;
}

const char *snapshot_enum(const struct target *t, const char *type, uint64_t value)
{
	int id = btf__find_by_name_kind(t->types->btf, type, BTF_KIND_ENUM);
	const struct btf_type *e = id < 0 ? NULL : btf__type_by_id(t->types->btf, (uint32_t)id);

	for (int i = 0; e && i < btf_vlen(e); i++)
		if ((uint64_t)(int64_t)btf_enum(e)[i].val == value)
			return btf__name_by_offset(t->types->btf, btf_enum(e)[i].name_off);
	return NULL;
}

json_t *snapshot_make(struct target *t, const char *registers)
{
	size_t nodes = SNAPSHOT_VALUES_MAX;
	json_t *cpus = snapshot_cpus(t, registers), *tasks = snapshot_tasks(t, cpus);
	json_t *scheduler = snapshot_scheduler(t), *dsqs = snapshot_dsqs(t);
	json_t *maps = snapshot_maps(t, &nodes), *programs = snapshot_programs(t);

	if (t->more_missing)
		json_array_append_new(t->missing, KT_PACK("{ss so}", "what", "more", "why",
							  json_sprintf("%zu more things could not be read", t->more_missing)));
	return KT_PACK("{so so so so so so sO}", "cpus", cpus, "tasks", tasks, "scheduler", scheduler, "dsqs", dsqs,
		       "maps", maps, "programs", programs, "missing", t->missing);
}
