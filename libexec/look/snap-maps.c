// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot's BPF maps and programs: see snapshot.h. All of the kernel's: in a guest they are those of the scheduler under test. */
#include "libexec/look/snapshot.h"
#include "libexec/look/value.h"
#include <bpf/btf.h>

enum { BTF_MAX = 16 << 20, VALUE_MAX = 4 << 20, BUCKETS_MAX = 1 << 20, XA_DEPTH_MAX = 11, BTFS_MAX = 64 };

/* The BTF of loaded programs, by where it is; NULL: it cannot be read. */
struct btfs {
	struct { uint64_t address; struct btf *btf; } v[BTFS_MAX];
	size_t n;
};

struct reader {
	struct target *t;
	struct btfs btfs;
	size_t *nodes;
};

/* A map, as far as it is known before its contents are. */
struct map {
	uint64_t address;
	char name[17];
	const char *type;   /* "HASH" */
	uint32_t key_size, value_size, max_entries;
	const struct btf *btf; /* NULL: hexadecimal */
	uint32_t key_type, value_type; /* 0: none */
};

/* Call for each pointer in an xarray. False: enough. */
static bool each_in_xarray(struct target *t, const char *what, uint64_t entry, int depth, bool (*call)(void *ctx, uint64_t p), void *ctx)
{
	static struct member slots = { "xa_node", "slots" };
	uint64_t p;

	target_find_members(t, &slots, 1);
	if (!entry)
		return true;
	if ((entry & 3) != 2) /* no node */
		return entry & 3 || call(ctx, entry);
	if (depth > XA_DEPTH_MAX || !slots.there)
		return target_miss(t, what, "too deep a tree");
	for (uint32_t i = 0; i < slots.size / sizeof(p); i++)
		if (!target_u64(t, what, entry - 2 + slots.offset + i * sizeof(p), &p) ||
		    !each_in_xarray(t, what, p, depth + 1, call, ctx))
			return false;
	return true;
}

static void each_in_idr(struct target *t, const char *name, bool (*call)(void *ctx, uint64_t p), void *ctx)
{
	static struct member head = { "idr", "idr_rt.xa_head" };
	uint64_t idr = target_symbol(t, name), p;

	target_find_members(t, &head, 1);
	if (idr && target_member(t, idr, &head, &p))
		each_in_xarray(t, name, p, 0, call, ctx);
}

static struct btf *read_btf(struct target *t, uint64_t address)
{
	enum { DATA, SIZE };
	static struct member m[] = { [DATA] = { "btf", "data" }, [SIZE] = { "btf", "data_size" } };
	uint64_t data, size;

	target_find_members(t, m, ARRAY_SIZE(m));
	if (!target_member(t, address, &m[DATA], &data) || !target_member(t, address, &m[SIZE], &size))
		return NULL;
	if (size > BTF_MAX) {
		target_miss(t, "btf", "%llu bytes of it are too many", (unsigned long long)size);
		return NULL;
	}
	_cleanup_free_ void *copy = xcalloc(1, size + 1);
	if (!target_read(t, "btf", data, copy, size))
		return NULL;
	struct btf *btf = btf__new(copy, (uint32_t)size);
	if (!btf)
		target_miss(t, "btf", "it is none: %s", strerror(errno));
	return btf;
}

static const struct btf *find_btf(struct reader *r, uint64_t address)
{
	for (size_t i = 0; i < r->btfs.n; i++)
		if (r->btfs.v[i].address == address)
			return r->btfs.v[i].btf;
	if (r->btfs.n == BTFS_MAX)
		return NULL;
	r->btfs.v[r->btfs.n].address = address;
	return r->btfs.v[r->btfs.n++].btf = read_btf(r->t, address);
}

static json_t *value(const struct reader *r, const struct map *m, uint32_t type, const void *data, size_t size)
{
	if (m->btf && type)
		return value_json(m->btf, type, data, size, r->nodes);
	if (*r->nodes < size / 8 + 1)
		return json_null();
	*r->nodes -= size / 8 + 1;
	return value_hex(data, size);
}

/* A value in the kernel's memory; NULL, noted: it cannot be read. */
static json_t *value_at(const struct reader *r, const struct map *m, uint64_t address)
{
	_cleanup_free_ void *data = xcalloc(1, m->value_size);

	return target_read(r->t, m->name, address, data, m->value_size) ? value(r, m, m->value_type, data, m->value_size) : NULL;
}

/* Of each CPU, at this place of its own. */
static json_t *values_at(const struct reader *r, const struct map *m, uint64_t place)
{
	json_t *list = json_array();
	uint64_t offset;

	for (unsigned cpu = 0; cpu < r->t->nr_cpus && target_per_cpu(r->t, cpu, &offset); cpu++) {
		json_t *j = value_at(r, m, place + offset);
		json_array_append_new(list, j ? j : json_null());
	}
	return list;
}

/* Variables, in the sections that libbpf makes maps of. */
static json_t *variables(const struct reader *r, const struct map *m, const struct btf_type *section, uint64_t address)
{
	_cleanup_free_ unsigned char *data = xcalloc(1, m->value_size);
	const struct btf_var_secinfo *v = btf_var_secinfos(section);
	json_t *j = json_object();

	if (!target_read(r->t, m->name, address, data, m->value_size))
		return j;
	for (int i = 0; i < btf_vlen(section); i++, v++) {
		const struct btf_type *var = btf__type_by_id(m->btf, v->type);
		const char *name = var && btf_is_var(var) ? btf__name_by_offset(m->btf, var->name_off) : NULL;

		if (name && *name && v->offset <= m->value_size && v->size <= m->value_size - v->offset)
			json_object_set_new(j, name, value_json(m->btf, var->type, data + v->offset, v->size, r->nodes));
	}
	return j;
}

/* As many as there are, or may be shown. */
static uint32_t entries_shown(struct target *t, const struct map *m)
{
	if (m->max_entries > SNAPSHOT_ENTRIES_MAX)
		target_miss(t, m->name, "of %u entries the first %d are there", m->max_entries, SNAPSHOT_ENTRIES_MAX);
	return MIN(m->max_entries, (uint32_t)SNAPSHOT_ENTRIES_MAX);
}

static void add_array(const struct reader *r, const struct map *m, json_t *j)
{
	enum { SIZE, VALUE };
	static struct member a[] = { [SIZE] = { "bpf_array", "elem_size" }, [VALUE] = { "bpf_array", "value" } };
	const struct btf_type *type = m->btf && m->value_type ? btf__type_by_id(m->btf, m->value_type) : NULL;
	bool per_cpu = streq(m->type, "PERCPU_ARRAY");
	uint64_t size, place, at;

	target_find_members(r->t, a, ARRAY_SIZE(a));
	if (!a[VALUE].there || !target_member(r->t, m->address, &a[SIZE], &size))
		return;
	at = m->address + a[VALUE].offset;
	if (type && btf_is_datasec(type) && !per_cpu) {
		json_object_set_new(j, "variables", variables(r, m, type, at));
		return;
	}
	json_t *entries = json_array();
	for (uint32_t i = 0, n = entries_shown(r->t, m); i < n && *r->nodes && size; i++) {
		json_t *v = NULL;

		if (!per_cpu)
			v = value_at(r, m, at + i * size);
		else if (target_u64(r->t, m->name, at + i * sizeof(place), &place))
			v = values_at(r, m, place);
		if (!v)
			break;
		json_array_append_new(entries, KT_PACK("{sI so}", "key", (json_int_t)i, per_cpu ? "values" : "value", v));
	}
	json_object_set_new(j, "entries", entries);
}

static json_t *element(const struct reader *r, const struct map *m, uint64_t key, bool per_cpu)
{
	_cleanup_free_ void *data = xcalloc(1, m->key_size);
	uint64_t at = key + ((uint64_t)m->key_size + 7) / 8 * 8, place;
	json_t *v = NULL;

	if (!target_read(r->t, m->name, key, data, m->key_size))
		return NULL;
	if (!per_cpu)
		v = value_at(r, m, at);
	else if (target_u64(r->t, m->name, at, &place))
		v = values_at(r, m, place);
	if (!v)
		return NULL;
	return KT_PACK("{so so}", "key", value(r, m, m->key_type, data, m->key_size), per_cpu ? "values" : "value", v);
}

static void add_hash(const struct reader *r, const struct map *m, json_t *j)
{
	enum { BUCKETS, N, HEAD, KEY, NODE };
	static struct member h[] = { [BUCKETS] = { "bpf_htab", "buckets" }, [N] = { "bpf_htab", "n_buckets" }, [HEAD] = { "bucket", "head" },
				     [KEY] = { "htab_elem", "key" }, [NODE] = { "htab_elem", "hash_node" } };
	uint32_t type = kernel_types_find(r->t->types, "bucket");
	int64_t stride = type ? btf__resolve_size(r->t->types->btf, type) : 0;
	bool per_cpu = strstr(m->type, "PERCPU");
	uint64_t buckets, n, p;

	target_find_members(r->t, h, ARRAY_SIZE(h));
	if (stride <= 0 || !h[KEY].there || !h[NODE].there || !target_member(r->t, m->address, &h[BUCKETS], &buckets) ||
	    !target_member(r->t, m->address, &h[N], &n))
		return;
	json_t *entries = json_array();
	json_object_set_new(j, "entries", entries);
	if (n > BUCKETS_MAX)
		target_miss(r->t, m->name, "of %llu buckets the first %d were read", (unsigned long long)n, BUCKETS_MAX);
	for (uint64_t i = 0; i < MIN(n, (uint64_t)BUCKETS_MAX); i++) {
		if (!target_u64(r->t, m->name, buckets + i * (uint64_t)stride + h[HEAD].offset, &p))
			return;
		for (; !(p & 1) && p; ) {
			json_t *e = *r->nodes && json_array_size(entries) < SNAPSHOT_ENTRIES_MAX ?
				element(r, m, p - h[NODE].offset + h[KEY].offset, per_cpu) : NULL;

			if (!e) {
				target_miss(r->t, m->name, "there are more entries, or they cannot be read");
				return;
			}
			json_array_append_new(entries, e);
			if (!target_u64(r->t, m->name, p, &p))
				return;
		}
	}
}

static struct field ringbuf_rows[] = {
	{ "consumer_pos", AS_U64, { "bpf_ringbuf", "consumer_pos" } },
	{ "producer_pos", AS_U64, { "bpf_ringbuf", "producer_pos" } },
};

static void add_ringbuf(const struct reader *r, const struct map *m, json_t *j)
{
	static struct member rb = { "bpf_ringbuf_map", "rb" };
	uint64_t p;

	target_find_members(r->t, &rb, 1);
	if (target_member(r->t, m->address, &rb, &p) && p) {
		json_t *rows = snapshot_fields(r->t, p, ringbuf_rows, ARRAY_SIZE(ringbuf_rows));
		json_object_update(j, rows);
		json_decref(rows);
	}
}

static const struct map_kind {
	const char *type;
	void (*add)(const struct reader *r, const struct map *m, json_t *j);
} map_kinds[] = {
	{ "ARRAY", add_array }, { "PERCPU_ARRAY", add_array }, { "HASH", add_hash }, { "LRU_HASH", add_hash }, { "PERCPU_HASH", add_hash },
	{ "LRU_PERCPU_HASH", add_hash }, { "RINGBUF", add_ringbuf },
};

enum { NAME, TYPE, KEY_SIZE, VALUE_SIZE, MAX_ENTRIES, MAP_ID, BTF, KEY_TYPE, VALUE_TYPE };
static struct member mm[] = {
	[NAME] = { "bpf_map", "name" }, [TYPE] = { "bpf_map", "map_type" }, [KEY_SIZE] = { "bpf_map", "key_size" },
	[VALUE_SIZE] = { "bpf_map", "value_size" }, [MAX_ENTRIES] = { "bpf_map", "max_entries" }, [MAP_ID] = { "bpf_map", "id" },
	[BTF] = { "bpf_map", "btf" }, [KEY_TYPE] = { "bpf_map", "btf_key_type_id" }, [VALUE_TYPE] = { "bpf_map", "btf_value_type_id" },
};

static uint32_t number(struct target *t, uint64_t map, int member)
{
	uint64_t v = 0;

	target_member(t, map, &mm[member], &v);
	return (uint32_t)v;
}

struct add_map { struct reader *r; json_t *maps; };

static bool add_map(void *ctx, uint64_t address)
{
	struct add_map *c = ctx;
	struct target *t = c->r->t;
	uint64_t btf;

	if (json_object_size(c->maps) >= SNAPSHOT_MAPS_MAX)
		return target_miss(t, "maps", "there are more than %d", SNAPSHOT_MAPS_MAX);
	struct map m = { .address = address, .type = snapshot_enum(t, "bpf_map_type", number(t, address, TYPE)),
			 .key_size = number(t, address, KEY_SIZE), .value_size = number(t, address, VALUE_SIZE),
			 .max_entries = number(t, address, MAX_ENTRIES), .key_type = number(t, address, KEY_TYPE),
			 .value_type = number(t, address, VALUE_TYPE) };
	m.type = m.type && !strncmp(m.type, "BPF_MAP_TYPE_", 13) ? m.type + 13 : "?";
	target_string(t, "bpf_map.name", address + mm[NAME].offset, m.name, sizeof(m.name));
	if (target_member(t, address, &mm[BTF], &btf) && btf)
		m.btf = find_btf(c->r, btf);
	json_t *j = KT_PACK("{ss sI sI sI sI}", "type", m.type, "id", (json_int_t)number(t, address, MAP_ID), "key_size",
			    (json_int_t)m.key_size, "value_size", (json_int_t)m.value_size, "max_entries", (json_int_t)m.max_entries);
	const struct map_kind *kind = map_kinds;
	while (kind < map_kinds + ARRAY_SIZE(map_kinds) && !streq(kind->type, m.type))
		kind++;
	if (m.value_size > VALUE_MAX || m.key_size > VALUE_MAX)
		target_miss(t, m.name, "its keys or values are too large");
	else if (kind < map_kinds + ARRAY_SIZE(map_kinds))
		kind->add(c->r, &m, j);
	else
		target_miss(t, m.name, "contents of a map of type %s are not read", m.type);
	/* Names need not differ. */
	_cleanup_free_ char *name = json_object_get(c->maps, m.name) ? xasprintf("%s#%u", m.name, number(t, address, MAP_ID)) :
		xstrdup(m.name);
	if (json_object_set_new(c->maps, name, j))
		target_miss(t, "maps", "a name that is no UTF-8");
	return true;
}

json_t *snapshot_maps(struct target *t, size_t *nodes)
{
	struct reader r = { .t = t, .nodes = nodes };
	struct add_map c = { &r, json_object() };

	target_find_members(t, mm, ARRAY_SIZE(mm));
	each_in_idr(t, "map_idr", add_map, &c);
	if (!*nodes)
		target_miss(t, "maps", "they have more than %d values: those beyond are null, or not there", SNAPSHOT_VALUES_MAX);
	for (size_t i = 0; i < r.btfs.n; i++)
		btf__free(r.btfs.v[i].btf);
	return c.maps;
}

struct find_variable {
	struct reader r;
	const char *map, *name;    /* name NULL: list them */
	struct snapshot_variable *ret;
	struct kt_err *err;
	int n;                     /* found; -1: err says why not */
	char *names;
};

/* Variables of one section. */
static void look_in_section(struct find_variable *f, const struct map *m, const struct btf_type *section, uint64_t address)
{
	enum { NAMES_MAX = 400 };
	const struct btf_var_secinfo *v = btf_var_secinfos(section);
	size_t base = f->name ? strcspn(f->name, ".") : 0;

	for (int i = 0; i < btf_vlen(section) && f->n >= 0; i++, v++) {
		const struct btf_type *var = btf__type_by_id(m->btf, v->type);
		const char *name = var && btf_is_var(var) ? btf__name_by_offset(m->btf, var->name_off) : NULL;
		struct btf_place place = { 0, v->size };

		if (!name || !*name || v->offset > m->value_size || v->size > m->value_size - v->offset)
			continue;
		if (!f->name) {
			if (strlen(f->names) < NAMES_MAX) {
				char *more = xasprintf("%s%s%s", f->names, *f->names ? ", " : "are ", name);
				free(f->names);
				f->names = more;
			}
			continue;
		}
		if (strlen(name) != base || memcmp(name, f->name, base))
			continue;
		if (f->name[base] && btf_follow(m->btf, var->type, f->name + base + 1, &place, f->err)) {
			f->n = -1;
			return;
		}
		f->n++;
		*f->ret = (struct snapshot_variable){ address + v->offset + place.offset, place.size, "" };
		memcpy(f->ret->map, m->name, sizeof(m->name));
	}
}

static bool look_in_map(void *ctx, uint64_t address)
{
	static struct member value = { "bpf_array", "value" };
	struct find_variable *f = ctx;
	struct target *t = f->r.t;
	const char *kind = snapshot_enum(t, "bpf_map_type", number(t, address, TYPE));
	struct map m = { .address = address, .value_size = number(t, address, VALUE_SIZE), .value_type = number(t, address, VALUE_TYPE) };
	uint64_t btf;

	target_find_members(t, &value, 1);
	if (!kind || !streq(kind, "BPF_MAP_TYPE_ARRAY") || !value.there || !target_member(t, address, &mm[BTF], &btf) || !btf ||
	    !(m.btf = find_btf(&f->r, btf)))
		return true;
	target_string(t, "bpf_map.name", address + mm[NAME].offset, m.name, sizeof(m.name));
	const struct btf_type *type = btf__type_by_id(m.btf, m.value_type);
	if (type && btf_is_datasec(type) && (!f->map || streq(f->map, m.name)))
		look_in_section(f, &m, type, address + value.offset);
	return f->n >= 0;
}

static void look_in_maps(struct find_variable *f)
{
	target_find_members(f->r.t, mm, ARRAY_SIZE(mm));
	each_in_idr(f->r.t, "map_idr", look_in_map, f);
	for (size_t i = 0; i < f->r.btfs.n; i++)
		btf__free(f->r.btfs.v[i].btf);
}

int snapshot_find_variable(struct target *t, const char *map, const char *name, struct snapshot_variable *ret, struct kt_err *err)
{
	struct find_variable f = { .r.t = t, .map = map, .name = name, .ret = ret, .err = err };

	look_in_maps(&f);
	return f.n;
}

char *snapshot_variable_names(struct target *t)
{
	struct find_variable f = { .r.t = t, .names = xstrdup("") };

	look_in_maps(&f);
	return f.names;
}

struct add_program { struct target *t; json_t *programs; };

static struct field stats_rows[] = {
	{ "run_count", AS_U64, { "bpf_prog_stats", "cnt" } },
	{ "run_time_ns", AS_U64, { "bpf_prog_stats", "nsecs" } },
	{ "recursion_misses", AS_U64, { "bpf_prog_stats", "misses" } },
};

/* Of all CPUs together. The kernel counts runs and time only when kernel.bpf_stats_enabled is set. */
static void add_stats(struct target *t, uint64_t per_cpu, json_t *j)
{
	uint64_t sums[ARRAY_SIZE(stats_rows)] = { 0 }, offset, v;

	target_find_members(t, &stats_rows[0].m, 1);
	for (unsigned cpu = 0; cpu < t->nr_cpus && target_per_cpu(t, cpu, &offset); cpu++)
		for (size_t i = 0; i < ARRAY_SIZE(stats_rows); i++) {
			target_find_members(t, &stats_rows[i].m, 1);
			if (target_member(t, per_cpu + offset, &stats_rows[i].m, &v))
				sums[i] += v;
		}
	for (size_t i = 0; i < ARRAY_SIZE(stats_rows); i++)
		json_object_set_new(j, stats_rows[i].name, json_u64(sums[i]));
}

static bool add_program(void *ctx, uint64_t address)
{
	enum { PROG_TYPE, AUX, STATS, PROG_NAME, PROG_ID, INSNS };
	static struct member p[] = { [PROG_TYPE] = { "bpf_prog", "type" }, [AUX] = { "bpf_prog", "aux" }, [STATS] = { "bpf_prog", "stats" },
				     [PROG_NAME] = { "bpf_prog_aux", "name" }, [PROG_ID] = { "bpf_prog_aux", "id" },
				     [INSNS] = { "bpf_prog_aux", "verified_insns" } };
	struct add_program *c = ctx;
	uint64_t aux, type = 0, id = 0, insns = 0, stats;
	char name[17] = "";

	if (json_array_size(c->programs) >= SNAPSHOT_MAPS_MAX)
		return target_miss(c->t, "programs", "there are more than %d", SNAPSHOT_MAPS_MAX);
	target_find_members(c->t, p, ARRAY_SIZE(p));
	if (!target_member(c->t, address, &p[AUX], &aux))
		return true;
	target_member(c->t, address, &p[PROG_TYPE], &type);
	target_member(c->t, aux, &p[PROG_ID], &id);
	target_member(c->t, aux, &p[INSNS], &insns);
	target_string(c->t, "bpf_prog_aux.name", aux + p[PROG_NAME].offset, name, sizeof(name));
	const char *type_name = snapshot_enum(c->t, "bpf_prog_type", type);
	json_t *text = json_string(name);
	json_t *j = KT_PACK("{so ss so so}", "name", text ? text : json_null(), "type", type_name && !strncmp(type_name, "BPF_PROG_TYPE_", 14) ?
			    type_name + 14 : "?", "id", json_u64(id), "verified_insns", json_u64(insns));
	if (target_member(c->t, address, &p[STATS], &stats) && stats)
		add_stats(c->t, stats, j);
	json_array_append_new(c->programs, j);
	return true;
}

json_t *snapshot_programs(struct target *t)
{
	struct add_program c = { t, json_array() };

	each_in_idr(t, "prog_idr", add_program, &c);
	return c.programs;
}

struct find_program {
	struct target *t;
	uint64_t ip;
	json_t *object;
};

/* As the kernel has it in its stack traces. */
static bool is_in_program(void *ctx, uint64_t address)
{
	enum { AUX, START, END, SYMBOL };
	static struct member p[] = { [AUX] = { "bpf_prog", "aux" }, [START] = { "bpf_prog_aux", "ksym.start" },
				     [END] = { "bpf_prog_aux", "ksym.end" }, [SYMBOL] = { "bpf_prog_aux", "ksym.name" } };
	struct find_program *f = ctx;
	uint64_t aux, start, end;
	char name[128] = "";

	target_find_members(f->t, p, ARRAY_SIZE(p));
	if (!target_member(f->t, address, &p[AUX], &aux) || !target_member(f->t, aux, &p[START], &start) ||
	    !target_member(f->t, aux, &p[END], &end) || f->ip < start || f->ip >= end || !p[SYMBOL].there)
		return true;
	target_string(f->t, "bpf_prog_aux.ksym.name", aux + p[SYMBOL].offset, name, sizeof(name));
	json_t *text = json_sprintf("%s+%#llx", name, (unsigned long long)(f->ip - start));
	json_object_set_new(f->object, "symbol", text ? text : json_null());
	return false;
}

void snapshot_add_program(struct target *t, uint64_t ip, json_t *object)
{
	struct find_program f = { t, ip, object };

	each_in_idr(t, "prog_idr", is_in_program, &f);
}
