// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ops on the guest kernel's memory, done from outside while the guest waits (guestlink.h): which op, the request says, and
 * the spec what that is. What was found becomes the result of the op's record.
 *
 * Members are found in the kernel's BTF (btf.c) before anything boots. A task is looked for in the kernel's list of processes, a
 * CPU's variable is as far from its symbol as __per_cpu_offset says, and the kernel's page tables say what an address is.
 */
#include "libexec/boot/boot.h"
#include "libexec/look/btf.h"
#include "libexec/look/guestmem.h"
#include "libexec/spec/op.h"
#include <bpf/btf.h>

/* Where the member is; an integer has to be as large as it is read. */
static int settle(const struct btf *btf, struct kernel_args *a, struct kt_err *err)
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

static int settle_all(const struct boot *b, const struct btf *btf, struct kt_errs *errs)
{
	const struct op *op;
	struct kt_err err;

	for (size_t i = 0; (op = spec_op(&b->spec, i)); i++) {
		struct kernel_args *a = op_is_kernel(op) ? op->args : NULL;

		if (a && (a->target == KERNEL_PER_CPU || a->target == KERNEL_TASK) && settle(btf, a, &err))
			kt_errs_add(errs, "%s: %s.%s.target: %s", b->spec_path, op->path, op->kind->name, err.msg);
	}
	return errs->n ? -1 : 0;
}

/* What the list of processes is made of. */
static int settle_tasks(struct boot *b, const struct btf *btf, struct kt_err *err)
{
	struct kernel_args tasks = { .target = KERNEL_TASK, .member = "tasks.next", .size = 8 };
	struct kernel_args pid = { .target = KERNEL_TASK, .member = "pid", .size = 4 };

	if (settle(btf, &tasks, err) || settle(btf, &pid, err))
		return -1;
	b->task_next = tasks.offset;
	b->task_pid = pid.offset;
	return 0;
}

bool boot_has_memory_ops(const struct boot *b)
{
	const struct op *op;
	size_t i = 0;

	while ((op = spec_op(&b->spec, i)) && !op_is_kernel(op))
		i++;
	return op;
}

void boot_settle_memory(struct boot *b)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;

	if (!boot_has_memory_ops(b))
		return;
	struct btf *btf = btf__parse(b->kernel.vmlinux, NULL);
	if (!btf)
		die(KT_CANNOT_TELL, "the BTF of kernel %s cannot be read: %s", b->kernel.release, strerror(errno));
	if (settle_tasks(b, btf, &err))
		die(KT_CANNOT_TELL, "kernel %s: %s", b->kernel.release, err.msg);
	if (settle_all(b, btf, &errs)) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
	btf__free(btf);
	b->memory = json_array();
}

static const struct op *find_op(const struct boot *b, const char *path)
{
	const struct op *op;
	size_t i = 0;

	while ((op = spec_op(&b->spec, i)) && !(path && op_is_kernel(op) && streq(op->path, path)))
		i++;
	return op;
}

static int symbol(const struct boot *b, const char *name, uint64_t *ret, struct kt_err *err)
{
	const char *s = json_string_value(json_object_get(b->symbols, name));

	*ret = s ? strtoull(s, NULL, 16) : 0;
	return *ret ? 0 : kt_fail(err, "the guest does not say where '%s' is", name);
}

/* Which process is it? On the real clock others may start and end while this looks. */
static int find_task(const struct boot *b, const struct guestmem *m, const json_t *request, uint64_t *ret, struct kt_err *err)
{
	enum { MAX_TASKS = 1 << 20 };
	int32_t wanted = (int32_t)json_integer_value(json_object_get(request, "pid")), pid;
	uint64_t first, next;

	if (symbol(b, "init_task", &first, err))
		return -1;
	*ret = first;
	for (int i = 0; i < MAX_TASKS; i++) {
		if (guestmem_read(m, *ret + b->task_next, &next, sizeof(next), err))
			return -1;
		*ret = next - b->task_next;
		if (*ret == first)
			break;
		if (guestmem_read(m, *ret + b->task_pid, &pid, sizeof(pid), err))
			return -1;
		if (pid == wanted)
			return 0;
	}
	return kt_fail(err, "the kernel has no process %d", wanted);
}

static int find(const struct boot *b, const struct guestmem *m, const json_t *request, const struct kernel_args *a, uint64_t *ret,
		struct kt_err *err)
{
	uint64_t offsets, offset;

	switch (a->target) {
	case KERNEL_KVA:
		*ret = 0;
		break;
	case KERNEL_SYMBOL:
		if (symbol(b, a->symbol, ret, err))
			return -1;
		break;
	case KERNEL_PER_CPU:
		if (symbol(b, a->symbol, ret, err) || symbol(b, "__per_cpu_offset", &offsets, err) ||
		    guestmem_read(m, offsets + a->cpu * sizeof(offset), &offset, sizeof(offset), err))
			return -1;
		*ret += offset;
		break;
	case KERNEL_TASK:
		if (find_task(b, m, request, ret, err))
			return -1;
	}
	*ret += a->offset;
	return 0;
}

static json_t *value(const struct kernel_args *a, const unsigned char *data)
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

static json_t *access_memory(const struct boot *b, const struct guestmem *m, const json_t *request, const struct kernel_args *a,
			     struct kt_err *err)
{
	unsigned char before[KERNEL_MAX_BYTES], after[KERNEL_MAX_BYTES];
	json_t *was = NULL;
	uint64_t at = 0;

	if (find(b, m, request, a, &at, err) || guestmem_read(m, at, before, a->size, err))
		return NULL;
	if (a->value) {
		if (guestmem_write(m, at, a->value, a->size, err) || guestmem_read(m, at, after, a->size, err))
			return NULL;
		was = value(a, before);
	}
	return KT_PACK("{ss* so so so*}", "tag", a->tag, "address", json_sprintf("%#llx", (unsigned long long)at), "value",
		       value(a, a->value ? after : before), "was", was);
}

int boot_memory(struct boot *b, const json_t *request, struct kt_err *err)
{
	const struct op *op = find_op(b, json_string_value(json_object_get(request, "path")));
	json_t *symbols = json_object_get(request, "symbols");
	uint64_t tables;
	struct guestmem m;

	if (symbols) {
		b->symbols = json_incref(symbols);
		return 0;
	}
	if (!op)
		return kt_fail(err, "the guest asks for an op that the spec does not have");
	/* On the virtual clock all vCPUs stand with the one that asks. */
	bool freeze = (op->kind == &op_read_kernel_cold || op->kind == &op_write_kernel_cold) && !b->vm_config.virtual_clock;
	json_t *result = NULL;
	if (!guestmem_open(&m, b->vm.pid, &b->plan, b->ram, err) && !symbol(b, "init_top_pgt", &tables, err) &&
	    !(freeze && vm_freeze(&b->vm, err))) {
		guestmem_use_tables(&m, tables);
		result = access_memory(b, &m, request, op->args, err);
		if (freeze)
			vm_thaw(&b->vm);
	}
	if (!result)
		return kt_context(err, "%s: %s", op->path, op->kind->name);
	json_array_append_new(b->memory, KT_PACK("{ss so}", "path", op->path, "result", result));
	return 0;
}

void boot_memory_result(struct boot *b, json_t *record)
{
	json_t *next = json_array_get(b->memory, b->memory_used);
	const char *path = json_string_value(json_object_get(record, "path"));

	if (!next || !path || !streq(path, json_string_value(json_object_get(next, "path"))))
		return;
	json_object_set(record, "result", json_object_get(next, "result"));
	b->memory_used++;
}
