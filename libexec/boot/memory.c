// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ops on the guest kernel's memory: see memory.h.
 *
 * Members are found in the kernel's BTF (look/btf.h) before anything boots. A task is looked for in the kernel's list of
 * processes, a CPU's variable is as far from its symbol as __per_cpu_offset says, and the kernel's page tables say what an
 * address is.
 */
#include "libexec/boot/memory.h"
#include "libexec/look/btf.h"
#include "libexec/spec/op.h"
#include <bpf/btf.h>

/* Where the member is; an integer has to be as large as it is read. */
static int settle_args(const struct btf *btf, struct kernel_args *a, struct kt_err *err)
{
	bool task = a->target == KERNEL_TASK;
	struct btf_place p;

	if (btf_find_place(btf, task ? BTF_KIND_STRUCT : BTF_KIND_VAR, task ? "task_struct" : a->symbol, a->member, &p, err))
		return -1;
	if (a->size > p.size || (a->member && !a->bytes && a->size != p.size))
		return kt_fail(err, "'%s' has %u bytes, not %u", a->member ? a->member : task ? "task_struct" : a->symbol,
			       p.size, a->size);
	a->offset = p.offset;
	return 0;
}

static int settle_all(const struct spec *spec, const char *spec_file, const struct btf *btf, struct kt_errs *errs)
{
	const struct op *op;
	struct kt_err err;

	for (size_t i = 0; (op = spec_op(spec, i)); i++) {
		struct kernel_args *a = op_is_kernel(op) ? op->args : NULL;

		if (a && (a->target == KERNEL_PER_CPU || a->target == KERNEL_TASK) && settle_args(btf, a, &err))
			kt_errs_add(errs, "%s: %s.%s.target: %s", spec_file, op->path, op->kind->name, err.msg);
	}
	return errs->n ? -1 : 0;
}

/* What the list of processes is made of. */
static int settle_tasks(struct memory_ops *m, const struct btf *btf, struct kt_err *err)
{
	struct kernel_args tasks = { .target = KERNEL_TASK, .member = "tasks.next", .size = 8 };
	struct kernel_args pid = { .target = KERNEL_TASK, .member = "pid", .size = 4 };

	if (settle_args(btf, &tasks, err) || settle_args(btf, &pid, err))
		return -1;
	m->task_next = tasks.offset;
	m->task_pid = pid.offset;
	return 0;
}

/* The spec's first op on memory, or that of a path; NULL: there is none. */
static const struct op *find_op(const struct spec *spec, const char *path)
{
	const struct op *op;
	size_t i = 0;

	while ((op = spec_op(spec, i)) && !(op_is_kernel(op) && (!path || streq(op->path, path))))
		i++;
	return op;
}

struct memory_ops memory_ops_settle(const struct spec *spec, const char *spec_file, const struct kernel *kernel)
{
	struct memory_ops m = { .spec = spec };
	struct kt_errs errs = { 0 };
	struct kt_err err;

	if (!find_op(spec, NULL))
		return m;
	struct btf *btf = btf__parse(kernel->vmlinux, NULL);
	if (!btf)
		die(KT_CANNOT_TELL, "the BTF of kernel %s cannot be read: %s", kernel->release, strerror(errno));
	if (settle_tasks(&m, btf, &err))
		die(KT_CANNOT_TELL, "kernel %s: %s", kernel->release, err.msg);
	if (settle_all(spec, spec_file, btf, &errs)) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
	btf__free(btf);
	m.found = json_array();
	return m;
}

static const struct op *requested_op(const struct memory_ops *m, const json_t *request)
{
	const char *path = json_string_value(json_object_get(request, "path"));

	return path ? find_op(m->spec, path) : NULL;
}

bool memory_op_is_cold(const struct memory_ops *m, const json_t *request)
{
	const struct op *op = requested_op(m, request);

	return op && (op->kind == &op_read_kernel_cold || op->kind == &op_write_kernel_cold);
}

void memory_ops_take_symbols(struct memory_ops *m, const json_t *request)
{
	json_decref(m->symbols);
	m->symbols = json_incref(json_object_get(request, "symbols"));
}

static int symbol(const struct memory_ops *ops, const char *name, uint64_t *ret, struct kt_err *err)
{
	const char *s = json_string_value(json_object_get(ops->symbols, name));

	*ret = s ? strtoull(s, NULL, 16) : 0;
	return *ret ? 0 : kt_fail(err, "the guest does not say where '%s' is", name);
}

/* Which process is it? On the real clock others may start and end while this looks. */
static int find_task(const struct memory_ops *ops, const struct guestmem *m, const json_t *request, uint64_t *ret, struct kt_err *err)
{
	enum { MAX_TASKS = 1 << 20 };
	int32_t wanted = (int32_t)json_integer_value(json_object_get(request, "pid")), pid;
	uint64_t first, next;

	if (symbol(ops, "init_task", &first, err))
		return -1;
	*ret = first;
	for (int i = 0; i < MAX_TASKS; i++) {
		if (guestmem_read(m, *ret + ops->task_next, &next, sizeof(next), err))
			return -1;
		*ret = next - ops->task_next;
		if (*ret == first)
			break;
		if (guestmem_read(m, *ret + ops->task_pid, &pid, sizeof(pid), err))
			return -1;
		if (pid == wanted)
			return 0;
	}
	return kt_fail(err, "the kernel has no process %d", wanted);
}

static int find_target(const struct memory_ops *ops, const struct guestmem *m, const json_t *request, const struct kernel_args *a,
		       uint64_t *ret, struct kt_err *err)
{
	uint64_t offsets, offset;

	switch (a->target) {
	case KERNEL_KVA:
		*ret = 0;
		break;
	case KERNEL_SYMBOL:
		if (symbol(ops, a->symbol, ret, err))
			return -1;
		break;
	case KERNEL_PER_CPU:
		if (symbol(ops, a->symbol, ret, err) || symbol(ops, "__per_cpu_offset", &offsets, err) ||
		    guestmem_read(m, offsets + a->cpu * sizeof(offset), &offset, sizeof(offset), err))
			return -1;
		*ret += offset;
		break;
	case KERNEL_TASK:
		if (find_task(ops, m, request, ret, err))
			return -1;
	}
	*ret += a->offset;
	return 0;
}

static json_t *value_json(const struct kernel_args *a, const unsigned char *data)
{
	char text[2 * KERNEL_MAX_BYTES + 1];
	uint64_t bits = 0;

	if (a->bytes) {
		for (unsigned i = 0; i < a->size; i++)
			snprintf(text + 2 * i, 3, "%02x", data[i]);
		return json_string(text);
	}
	memcpy(&bits, data, a->size);
	return a->size == sizeof(bits) ? json_sprintf("%llu", (unsigned long long)bits) : json_integer((json_int_t)bits);
}

static json_t *access_memory(const struct memory_ops *ops, const struct guestmem *m, const json_t *request,
			     const struct kernel_args *a, struct kt_err *err)
{
	unsigned char before[KERNEL_MAX_BYTES], after[KERNEL_MAX_BYTES];
	json_t *was = NULL;
	uint64_t at = 0;

	if (find_target(ops, m, request, a, &at, err) || guestmem_read(m, at, before, a->size, err))
		return NULL;
	if (a->value) {
		if (guestmem_write(m, at, a->value, a->size, err) || guestmem_read(m, at, after, a->size, err))
			return NULL;
		was = value_json(a, before);
	}
	return KT_PACK("{ss* so so so*}", "tag", a->tag, "address", json_sprintf("%#llx", (unsigned long long)at), "value",
		       value_json(a, a->value ? after : before), "was", was);
}

int memory_op_do(struct memory_ops *m, struct guestmem *memory, const json_t *request, struct kt_err *err)
{
	const struct op *op = requested_op(m, request);
	json_t *result = NULL;
	uint64_t tables;

	if (!op)
		return kt_fail(err, "the guest sent a request for an op that the spec does not have");
	if (!symbol(m, "init_top_pgt", &tables, err)) {
		if (!guestmem_use_tables(memory, tables, err))
			result = access_memory(m, memory, request, op->args, err);
	}
	if (!result)
		return kt_context(err, "%s: %s", op->path, op->kind->name);
	json_array_append_new(m->found, KT_PACK("{ss so}", "path", op->path, "result", result));
	return 0;
}

void memory_op_result(struct memory_ops *m, json_t *record)
{
	json_t *next = json_array_get(m->found, m->used);
	const char *path = json_string_value(json_object_get(record, "path"));

	if (!next || !path || !streq(path, json_string_value(json_object_get(next, "path"))))
		return;
	json_object_set(record, "result", json_object_get(next, "result"));
	m->used++;
}
