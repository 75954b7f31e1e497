// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's constants in a BPF object: see enums.h. */
#include "guest/sched/enums.h"
#include "guest/sched/options.h"
#include <bpf/btf.h>

static const char prefix[] = "__SCX_";

static bool wants_any(const struct btf *btf)
{
	for (__u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_var(t) && !strncmp(btf__name_by_offset(btf, t->name_off), prefix, sizeof(prefix) - 1))
			return true;
	}
	return false;
}

static void set_enum(struct bpf_object *obj, const char *name, uint64_t value)
{
	_cleanup_free_ char *variable = xasprintf("__%s", name);
	size_t size;
	void *at = strncmp(variable, prefix, sizeof(prefix) - 1) ? NULL : option_at(obj, variable, &size);

	if (at && size == sizeof(value))
		memcpy(at, &value, size);
}

void enums_set(struct bpf_object *obj)
{
	/* It has a hundred thousand types. */
	struct btf *kernel = wants_any(bpf_object__btf(obj)) ? btf__load_vmlinux_btf() : NULL;

	for (__u32 id = 1; kernel && id < btf__type_cnt(kernel); id++) {
		const struct btf_type *t = btf__type_by_id(kernel, id);

		for (int i = 0; btf_is_enum(t) && i < btf_vlen(t); i++)
			set_enum(obj, btf__name_by_offset(kernel, btf_enum(t)[i].name_off),
			    btf_kflag(t) ? (uint64_t)btf_enum(t)[i].val : (uint32_t)btf_enum(t)[i].val);
		for (int i = 0; btf_is_enum64(t) && i < btf_vlen(t); i++)
			set_enum(obj, btf__name_by_offset(kernel, btf_enum64(t)[i].name_off), btf_enum64_value(&btf_enum64(t)[i]));
	}
	btf__free(kernel);
}
