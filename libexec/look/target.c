// SPDX-License-Identifier: GPL-2.0-only
/* A kernel that is looked into: see target.h. */
#include "libexec/look/target.h"

enum { BYTES_MAX = 64 << 20, QUEUED_MAX = 65536 };
static const int64_t exact_max = INT64_C(1) << 53;

int target_init(struct target *t, struct guestmem *mem, const struct kernel_types *types, unsigned nr_cpus, struct kt_err *err)
{
	uint64_t tables = kallsyms_address(&types->symbols, "init_top_pgt");

	*t = (struct target){ .mem = mem, .types = types, .nr_cpus = nr_cpus, .bytes_left = BYTES_MAX, .queued_left = QUEUED_MAX };
	if (!tables)
		return kt_fail(err, "the kernel has no symbol 'init_top_pgt'");
	guestmem_keep(mem);
	if (guestmem_use_tables(mem, tables, err)) {
		guestmem_forget(mem);
		return -1;
	}
	t->missing = json_array();
	return 0;
}

void target_deinit(struct target *t)
{
	guestmem_forget(t->mem);
	json_decref(t->missing);
	*t = (struct target){ 0 };
}

void target_find_members(const struct target *t, struct member *m, size_t n)
{
	for (struct member *end = m + n; m < end; m++) {
		struct btf_place p;

		if (m->looked)
			continue;
		uint32_t id = kernel_types_find(t->types, m->type);
		m->looked = true;
		m->there = id && (!btf_follow(t->types->btf, id, m->path, &p, NULL) ||
				  (m->older && !btf_follow(t->types->btf, id, m->older, &p, NULL)));
		m->offset = m->there ? (uint32_t)p.offset : 0;
		m->size = m->there ? p.size : 0;
	}
}

bool target_miss(struct target *t, const char *what, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (json_array_size(t->missing) < MISSING_MAX)
		json_array_append_new(t->missing, KT_PACK("{ss ss}", "what", what, "why", why));
	else
		t->more_missing++;
	return false;
}

bool target_read(struct target *t, const char *what, uint64_t address, void *buf, size_t size)
{
	struct kt_err err;

	if (size > t->bytes_left)
		return target_miss(t, what, "more than %d MiB of memory would have to be read", BYTES_MAX >> 20);
	t->bytes_left -= size;
	return !guestmem_read(t->mem, address, buf, size, &err) || target_miss(t, what, "%s", err.msg);
}

bool target_u64(struct target *t, const char *what, uint64_t address, uint64_t *ret)
{
	return target_read(t, what, address, ret, sizeof(*ret));
}

bool target_member(struct target *t, uint64_t object, const struct member *m, uint64_t *ret)
{
	char what[160];

	if (!m->there || m->size > sizeof(*ret))
		return false;
	snprintf(what, sizeof(what), "%s.%s", m->type, m->path);
	*ret = 0;
	return target_read(t, what, object + m->offset, ret, m->size);
}

bool target_string(struct target *t, const char *what, uint64_t address, char *buf, size_t size)
{
	for (size_t n = 0; n < size; n++) {
		if (n == size - 1)
			buf[n] = '\0';
		else if (!target_read(t, what, address + n, buf + n, 1))
			return false;
		if (!buf[n])
			break;
	}
	return true;
}

uint64_t target_symbol(struct target *t, const char *name)
{
	uint64_t address = kallsyms_address(&t->types->symbols, name);

	if (!address)
		target_miss(t, name, "the kernel has no such symbol");
	return address;
}

bool target_per_cpu(struct target *t, unsigned cpu, uint64_t *ret)
{
	uint64_t offsets = target_symbol(t, "__per_cpu_offset");

	return offsets && target_u64(t, "__per_cpu_offset", offsets + cpu * sizeof(*ret), ret);
}

bool target_next(struct target *t, const char *what, uint64_t head, uint64_t *at, size_t *limit)
{
	uint64_t next;

	if (!target_u64(t, what, *at, &next) || next == head)
		return false;
	if (!next)
		return target_miss(t, what, "the list ends with no pointer");
	if (!*limit)
		return target_miss(t, what, "the list goes on");
	--*limit;
	*at = next;
	return true;
}

json_t *json_u64(uint64_t v)
{
	return v <= (uint64_t)exact_max ? json_integer((json_int_t)v) : json_sprintf("%llu", (unsigned long long)v);
}

json_t *json_s64(int64_t v)
{
	return v >= -exact_max && v <= exact_max ? json_integer(v) : json_sprintf("%lld", (long long)v);
}

json_t *json_address(uint64_t v)
{
	return json_sprintf("%#llx", (unsigned long long)v);
}
