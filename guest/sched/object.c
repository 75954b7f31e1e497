// SPDX-License-Identifier: GPL-2.0-only
/* A BPF object as a scheduler: see object.h. */
#include "guest/sched/object.h"
#include "guest/sched/options.h"
#include <bpf/btf.h>

static char said[256]; /* libbpf's first word against an object */

static int note_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !*said) {
		char text[sizeof(said)];

		vsnprintf(text, sizeof(text), fmt, ap);
		text[strcspn(text, "\n")] = '\0';
		snprintf(said, sizeof(said), "%s", strncmp(text, "libbpf: ", 8) ? text : text + 8);
	}
	return 0;
}

const struct btf_type *object_value_type(const struct bpf_object *obj, const struct bpf_map *map)
{
	return btf__type_by_id(bpf_object__btf(obj), bpf_map__btf_value_type_id(map));
}

static bool is_ops(const struct bpf_object *obj, const struct bpf_map *map)
{
	const struct btf_type *t = bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS ? object_value_type(obj, map) : NULL;

	const char *name = t ? btf__name_by_offset(bpf_object__btf(obj), t->name_off) : "";

	/* The second form speaks of CPUs by topological ids, from 7.2 on. */
	return streq(name, "sched_ext_ops") || streq(name, "sched_ext_ops_cid");
}

int object_open(const char *path, struct bpf_object **obj, struct bpf_map **ops, struct kt_err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(note_libbpf);
	struct bpf_map *map;

	*said = '\0';
	*ops = NULL;
	*obj = bpf_object__open_file(path, NULL);
	libbpf_set_print(before);
	if (!*obj)
		return kt_fail(err, "'%s' is not a BPF object that libbpf can read: %s", path, *said ? said : strerror(errno));
	bpf_object__for_each_map(map, *obj) {
		if (!is_ops(*obj, map))
			continue;
		if (*ops)
			return kt_fail(err, "'%s' has two struct_ops maps of sched_ext_ops, '%s' and '%s': which one is meant?", path,
				       bpf_map__name(*ops), bpf_map__name(map));
		*ops = map;
	}
	if (!*ops)
		return kt_fail(err, "'%s' has no struct_ops map of sched_ext_ops, nor of sched_ext_ops_cid: it is not a sched_ext scheduler", path);
	return 0;
}

int object_check(const char *path, const json_t *options, struct kt_err *err)
{
	struct bpf_object *obj = NULL;
	struct bpf_map *ops;
	const char *name;
	json_t *value;
	int ret = object_open(path, &obj, &ops, err);

	json_object_foreach((json_t *)options, name, value) {
		ret = ret ? ret : option_set(obj, name, value, err);
	}
	bpf_object__close(obj);
	return ret;
}
