// SPDX-License-Identifier: GPL-2.0-only
/* Places that are watched: see watch.h. */
#include "libexec/look/watch.h"
#include "libexec/look/snapshot.h"
#include <bpf/btf.h>

enum { PAGE = 4096 };

/* How far it is to the next symbol that is elsewhere. */
static uint64_t room_at(const struct kallsyms *all, const struct symbol *s)
{
	const struct symbol *next = s;

	while (next < all->v + all->n && next->address == s->address)
		next++;
	return next < all->v + all->n ? next->address - s->address : PLACE_MAX_SIZE;
}

/* By address: kallsyms has T for what a linker script defines, as jiffies_64. */
static bool is_code(const struct kallsyms *all, const struct symbol *s)
{
	return s->address >= kallsyms_address(all, "_stext") && s->address < kallsyms_address(all, "_etext");
}

/* What the processor itself writes to when it takes an interrupt: QEMU cannot watch that. */
static bool is_stack(const struct kallsyms *all, const struct symbol *s)
{
	static const char *const stacks[] = { "init_stack", "init_thread_union", "irq_stack_backing_store", "exception_stacks",
					      "entry_stack_storage", "espfix_stack" };

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		if (s->address == kallsyms_address(all, stacks[i]))
			return true;
	return false;
}

/* By the types of the kernel's per-CPU variables. 0: it is none; 1; -1 and err: it has no such member. */
static int find_per_cpu(const struct kernel_types *k, const char *name, struct btf_place *ret, struct kt_err *err)
{
	size_t n = strcspn(name, ".");
	_cleanup_free_ char *var = strndup(name, n);
	struct kt_err ignored;

	if (btf_find_place(k->btf, BTF_KIND_VAR, var, NULL, ret, &ignored))
		return 0;
	return !name[n] || !btf_find_place(k->btf, BTF_KIND_VAR, var, name + n + 1, ret, err) ? 1 : -1;
}

/* How many bytes are asked for. exact: it is known how many there are; else there is the next symbol behind them. */
static int settle_size(const struct place *p, const char *text, uint64_t whole, bool exact, uint32_t *ret, struct kt_err *err)
{
	if (p->offset >= whole)
		return kt_fail(err, "'%s' begins beyond the %llu bytes that are there", text, (unsigned long long)whole);
	uint64_t left = whole - p->offset;
	if (p->size) {
		if (p->size > left)
			return kt_fail(err, "'%s' ends beyond the %llu bytes that are there", text, (unsigned long long)whole);
		*ret = p->size;
		return 0;
	}
	if (exact && left > PLACE_MAX_SIZE)
		return kt_fail(err, "'%s' has %llu bytes, and up to %d are watched: name a member, or say how many: '/8'", text,
			       (unsigned long long)left, PLACE_MAX_SIZE);
	*ret = (uint32_t)MIN(left, (uint64_t)PLACE_MAX_SIZE);
	return 0;
}

/* 0: the kernel has no such name; 1; -1 and err. */
static int find_in_kernel(struct target *t, const struct place *p, const char *text, struct watch_place *ret, struct kt_err *err)
{
	const struct kallsyms *all = &t->types->symbols;
	_cleanup_free_ char *base = strndup(p->name, strcspn(p->name, "."));
	bool several = false;
	const struct symbol *s = kallsyms_find(all, p->name, &several), *var = s ? s : kallsyms_find(all, base, &several);
	struct btf_place place;
	uint64_t offset;
	int per_cpu;

	if (!var)
		return 0;
	if (several)
		return kt_fail(err, "'%s': the kernel has more than one '%s'", text, s ? p->name : base);
	if (is_stack(all, var))
		return kt_fail(err, "'%s' is a stack, which the processor writes to: it cannot be watched", text);
	per_cpu = find_per_cpu(t->types, p->name, &place, err);
	if (per_cpu < 0)
		return kt_context(err, "'%s'", text);
	if (per_cpu && p->cpu < 0)
		return kt_fail(err, "each CPU has a '%s' of its own: say which, as in '%s@0'", base, text);
	if (!per_cpu && p->cpu >= 0)
		return kt_fail(err, "'%s': the kernel's types have no per-CPU variable '%s'", text, base);
	if (per_cpu) {
		*ret = (struct watch_place){ .address = var->address + place.offset + p->offset, .of_kernel = true };
		if (p->cpu >= (int)t->nr_cpus)
			return kt_fail(err, "'%s': there are %u CPUs", text, t->nr_cpus);
		if (settle_size(p, text, place.size, true, &ret->size, err))
			return -1;
		if (!t->mem)
			return 1;
		if (!target_per_cpu(t, (unsigned)p->cpu, &offset))
			return kt_fail(err, "'%s': where the variables of CPU %d are cannot be read", text, p->cpu);
		ret->address += offset;
		return 1;
	}
	if (!s)
		return kt_fail(err, "'%s': the kernel's types do not say what '%s' is: name bytes of it, as in '%s+0/8'", text, base, base);
	if (is_code(all, s))
		return kt_fail(err, "'%s' is a function, which nothing writes to", text);
	*ret = (struct watch_place){ .address = s->address + p->offset, .of_kernel = true };
	return settle_size(p, text, room_at(all, s), false, &ret->size, err) ? -1 : 1;
}

/* The same, of BPF programs. */
static int find_in_maps(struct target *t, const struct place *p, const char *text, struct watch_place *ret, struct kt_err *err)
{
	struct snapshot_variable v = { 0 };
	const char *map = streq(p->owner, "bpf") || !*p->owner ? NULL : p->owner;
	int n = t->mem && !streq(p->owner, "kernel") ? snapshot_find_variable(t, map, p->name, &v, err) : 0;

	if (n <= 0)
		return n ? kt_context(err, "'%s'", text) : 0;
	if (n > 1)
		return kt_fail(err, "'%s': more than one map has a variable of this name: say which, as in '%s:%s'", text, v.map, p->name);
	if (p->cpu >= 0)
		return kt_fail(err, "'%s' is not a variable of each CPU", text);
	*ret = (struct watch_place){ .address = v.address + p->offset };
	return settle_size(p, text, v.size, true, &ret->size, err) ? -1 : 1;
}

static int check_memory(struct target *t, const char *text, const struct watch_place *w, struct kt_err *err)
{
	unsigned char bytes[PLACE_MAX_SIZE];

	if (w->address % PAGE + w->size > PAGE)
		return kt_fail(err, "'%s' is in two pages: watch one of them", text);
	return t->mem && guestmem_read(t->mem, w->address, bytes, w->size, err) ? kt_context(err, "'%s'", text) : 0;
}

int watch_find(struct target *t, const struct place *p, const char *text, struct watch_place *ret, struct kt_err *err)
{
	struct watch_place in_map;
	bool kernel = !*p->owner || streq(p->owner, "kernel");
	int here = kernel ? find_in_kernel(t, p, text, ret, err) : 0;

	/* With an owner that is the answer. Without one the name may be a BPF program's, too. */
	if (here < 0 && *p->owner)
		return -1;
	struct kt_err ignored = { 0 }, *in_maps = here < 0 ? &ignored : err;
	int there = find_in_maps(t, p, text, &in_map, in_maps);
	if (there < 0 || (there == 0 && here < 0))
		return -1;
	if (here > 0 && there)
		return kt_fail(err, "'%s' is the kernel's and a BPF program's: say 'kernel:%s' or 'bpf:%s'", text, text, text);
	if (there)
		*ret = in_map;
	if (here <= 0 && !there && !t->mem && !streq(p->owner, "kernel"))
		return kt_fail_as(err, KT_CANNOT_TELL, "the kernel has no '%s'", text);
	if (here <= 0 && !there && streq(p->owner, "kernel"))
		return kt_fail(err, "'%s' is no variable of the kernel's", text);
	if (here <= 0 && !there) {
		_cleanup_free_ char *names = t->mem ? snapshot_variable_names(t) : NULL;
		return kt_fail(err, "'%s' is no variable of the kernel's, nor a BPF program's (there %s)", text,
			       names && *names ? names : "are none");
	}
	return check_memory(t, text, ret, err);
}

json_t *watch_writer(struct target *t, unsigned cpu, const char *registers)
{
	static struct member in_hot = { "pcpu_hot", "current_task" }, comm = { "task_struct", "comm" };
	uint64_t at = kallsyms_address(&t->types->symbols, "current_task"), offset, task;
	json_t *j = KT_PACK("{si}", "cpu", (int)cpu);
	char name[16] = "";
	json_int_t pid;

	target_find_members(t, &in_hot, 1);
	target_find_members(t, &comm, 1);
	if (!at && in_hot.there && (at = kallsyms_address(&t->types->symbols, "pcpu_hot")))
		at += in_hot.offset;
	if (at && target_per_cpu(t, cpu, &offset) && target_u64(t, "current_task", at + offset, &task) && snapshot_pid(t, task, &pid)) {
		target_string(t, "task_struct.comm", task + comm.offset, name, sizeof(name));
		json_t *text = json_string(name);
		json_object_set_new(j, "pid", json_integer(pid));
		json_object_set_new(j, "comm", text ? text : json_null());
	}
	snapshot_add_ip(t, registers, j);
	if (!json_object_get(j, "symbol"))
		snapshot_add_program(t, strtoull(json_string_value(json_object_get(j, "ip")), NULL, 16), j);
	return j;
}

json_t *watch_value(const unsigned char *bytes, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, bytes, MIN((size_t)size, sizeof(v)));
	return json_u64(v);
}
