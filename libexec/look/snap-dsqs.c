// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot's sched_ext: the scheduler and its dispatch queues; see snapshot.h. */
#include "libexec/look/snapshot.h"
#include <bpf/btf.h>

enum { CURSOR = 1 /* SCX_DSQ_LNODE_ITER_CURSOR */, BUCKETS_MAX = 1 << 20, TABLES_MAX = 4, NODES_MAX = 1024 };

enum { LIST, NR, ID, TASK_NODE, TASK_FLAGS, TASK_COMM };
static struct member m[] = {
	[LIST] = { "scx_dispatch_q", "list" },
	[NR] = { "scx_dispatch_q", "nr" },
	[ID] = { "scx_dispatch_q", "id" },
	[TASK_NODE] = { "task_struct", "scx.dsq_list.node" },
	[TASK_FLAGS] = { "task_struct", "scx.dsq_list.flags" },
	[TASK_COMM] = { "task_struct", "comm" },
};

json_t *snapshot_dsq(struct target *t, uint64_t dsq)
{
	uint64_t nr = 0, id = 0, flags = 0, head, at;
	json_t *tasks = json_array();
	json_int_t pid;

	target_find_members(t, m, ARRAY_SIZE(m));
	target_member(t, dsq, &m[NR], &nr);
	target_member(t, dsq, &m[ID], &id);
	head = at = dsq + m[LIST].offset;
	/* It is not walked when it is empty: that of an offline CPU may never have been set up. */
	while (nr && m[LIST].there && m[TASK_NODE].there && target_next(t, "scx_dispatch_q.list", head, &at, &t->queued_left)) {
		uint64_t task = at - m[TASK_NODE].offset;
		char comm[16] = "";

		if (m[TASK_FLAGS].there && target_member(t, task, &m[TASK_FLAGS], &flags) && flags & CURSOR)
			continue;
		if (!snapshot_pid(t, task, &pid))
			break;
		target_read(t, "task_struct.comm", task + m[TASK_COMM].offset, comm, sizeof(comm) - 1);
		json_t *name = json_string(comm);
		json_array_append_new(tasks, KT_PACK("{sI so}", "pid", pid, "comm", name ? name : json_null()));
	}
	return KT_PACK("{so so so}", "id", json_address(id), "nr", json_u64(nr), "tasks", tasks);
}

static void add_dsq(struct target *t, json_t *dsqs, const char *kind, uint64_t dsq)
{
	json_t *j = snapshot_dsq(t, dsq);

	json_object_set_new(j, "kind", json_string(kind));
	json_array_append_new(dsqs, j);
}

/* One of the tables of an rhashtable of dispatch queues; a larger or smaller one may be on its way. */
static uint64_t add_table(struct target *t, json_t *dsqs, uint64_t table)
{
	enum { SIZE, NEST, BUCKETS, FUTURE, NODE };
	static struct member b[] = { [SIZE] = { "bucket_table", "size" }, [NEST] = { "bucket_table", "nest" }, [BUCKETS] = { "bucket_table", "buckets" },
				     [FUTURE] = { "bucket_table", "future_tbl" }, [NODE] = { "scx_dispatch_q", "hash_node" } };
	uint64_t size = 0, nest = 0, future = 0, p;

	target_find_members(t, b, ARRAY_SIZE(b));
	target_member(t, table, &b[SIZE], &size);
	target_member(t, table, &b[NEST], &nest);
	target_member(t, table, &b[FUTURE], &future);
	if (nest || size > BUCKETS_MAX || !b[BUCKETS].there || !b[NODE].there) {
		target_miss(t, "dsqs", "a hash table of %llu buckets, nested %llu times, is not understood", (unsigned long long)size,
			    (unsigned long long)nest);
		return 0;
	}
	for (uint64_t i = 0; i < size; i++) {
		if (!target_u64(t, "dsqs", table + b[BUCKETS].offset + i * sizeof(p), &p))
			return 0;
		/* Bit 0 of a bucket is its lock; that of an entry's pointer ends the chain. */
		for (p &= ~UINT64_C(1); p && !(p & 1);) {
			if (json_array_size(dsqs) >= SNAPSHOT_DSQS_MAX) {
				target_miss(t, "dsqs", "there are more than %d", SNAPSHOT_DSQS_MAX);
				return 0;
			}
			add_dsq(t, dsqs, "user", p - b[NODE].offset);
			if (!target_u64(t, "dsqs", p, &p))
				return 0;
		}
	}
	return future;
}

/* The scx_sched at the root; 0: there is no scheduler, or the kernel has no such thing. */
static uint64_t root(struct target *t)
{
	uint64_t address = kallsyms_address(&t->types->symbols, "scx_root"), sched = 0;

	return address && target_u64(t, "scx_root", address, &sched) ? sched : 0;
}

/* Of each node, by a pointer to pointers to what has the queue at this offset. */
static void add_global_dsqs(struct target *t, json_t *dsqs, uint64_t pointers, uint64_t offset)
{
	uint64_t nodes = kallsyms_address(&t->types->symbols, "nr_node_ids"), p;
	uint32_t n = 1;

	if (nodes && !target_read(t, "nr_node_ids", nodes, &n, sizeof(n)))
		return;
	for (uint32_t i = 0; i < MIN(n, (uint32_t)NODES_MAX); i++)
		if (target_u64(t, "global dsqs", pointers + i * sizeof(p), &p) && p)
			add_dsq(t, dsqs, "global", p + offset);
}

json_t *snapshot_dsqs(struct target *t)
{
	enum { HASH, TABLE, GLOBAL, PNODE, PNODE_DSQ, PCPU, PCPU_BYPASS, RQ_BYPASS };
	static struct member s[] = { [HASH] = { "scx_sched", "dsq_hash" }, [TABLE] = { "rhashtable", "tbl" },
				     [GLOBAL] = { "scx_sched", "global_dsqs" }, [PNODE] = { "scx_sched", "pnode" },
				     [PNODE_DSQ] = { "scx_sched_pnode", "global_dsq" }, [PCPU] = { "scx_sched", "pcpu" },
				     [PCPU_BYPASS] = { "scx_sched_pcpu", "bypass_dsq" }, [RQ_BYPASS] = { "rq", "scx.bypass_dsq" } };
	uint64_t sched = root(t), p, offset;
	json_t *dsqs = json_array();

	target_find_members(t, s, ARRAY_SIZE(s));
	if (!sched)
		return dsqs;
	if (s[GLOBAL].there && target_member(t, sched, &s[GLOBAL], &p) && p)
		add_global_dsqs(t, dsqs, p, 0);
	if (s[PNODE].there && s[PNODE_DSQ].there && target_member(t, sched, &s[PNODE], &p) && p)
		add_global_dsqs(t, dsqs, p, s[PNODE_DSQ].offset);
	for (unsigned cpu = 0; s[PCPU_BYPASS].there && cpu < t->nr_cpus; cpu++)
		if (target_member(t, sched, &s[PCPU], &p) && target_per_cpu(t, cpu, &offset))
			add_dsq(t, dsqs, "bypass", p + offset + s[PCPU_BYPASS].offset);
	for (unsigned cpu = 0; s[RQ_BYPASS].there && cpu < t->nr_cpus; cpu++)
		if ((p = kallsyms_address(&t->types->symbols, "runqueues")) && target_per_cpu(t, cpu, &offset))
			add_dsq(t, dsqs, "bypass", p + offset + s[RQ_BYPASS].offset);
	if (!s[HASH].there || !target_u64(t, "dsqs", sched + s[HASH].offset + s[TABLE].offset, &p))
		return dsqs;
	for (int i = 0; p && i < TABLES_MAX; i++)
		p = add_table(t, dsqs, p);
	return dsqs;
}

/* Of all CPUs together, by the kernel's names in small letters. */
static json_t *events(struct target *t, uint64_t sched)
{
	enum { PCPU, STATS, CPU_STATS };
	static struct member e[] = { [PCPU] = { "scx_sched", "pcpu" }, [STATS] = { "scx_sched_pcpu", "event_stats" },
				     [CPU_STATS] = { "scx_sched", "event_stats_cpu" } };
	uint32_t id = kernel_types_find(t->types, "scx_event_stats");
	const struct btf_type *type = id ? btf__type_by_id(t->types->btf, id) : NULL;
	uint64_t base, offset, v;

	target_find_members(t, e, ARRAY_SIZE(e));
	if (!type || !target_member(t, sched, e[STATS].there ? &e[PCPU] : &e[CPU_STATS], &base) || !base) {
		target_miss(t, "scheduler.events", "this kernel does not count them, or ktstr does not know where");
		return json_null();
	}
	json_t *j = json_object();
	for (int i = 0; i < btf_vlen(type); i++) {
		const char *full = btf__name_by_offset(t->types->btf, btf_members(type)[i].name_off), *prefix = "SCX_EV_";
		_cleanup_free_ char *name = xstrdup(strstr(full, prefix) == full ? full + strlen(prefix) : full);
		int64_t sum = 0;

		for (char *c = name; *c; c++)
			*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
		for (unsigned cpu = 0; cpu < t->nr_cpus; cpu++)
			if (target_per_cpu(t, cpu, &offset) && target_u64(t, "scheduler.events", base + offset + e[STATS].offset +
									  btf_member_bit_offset(type, (uint32_t)i) / 8, &v))
				sum = (int64_t)((uint64_t)sum + v);
		json_object_set_new(j, name, json_s64(sum));
	}
	return j;
}

static json_t *string_at(struct target *t, uint64_t object, const struct member *pointer)
{
	char text[1024];
	uint64_t p;

	if (!target_member(t, object, pointer, &p) || !p || !target_string(t, pointer->path, p, text, sizeof(text)))
		return json_null();
	json_t *j = json_string(text);
	return j ? j : json_null();
}

static struct field sched_rows[] = {
	{ "slice_dfl_ns", AS_U64, { "scx_sched", "slice_dfl" } },
	{ "bypass_depth", AS_S64, { "scx_sched", "bypass_depth" } },
	{ "aborting", AS_BOOL, { "scx_sched", "aborting" } },
	{ "watchdog_timeout_jiffies", AS_U64, { "scx_sched", "watchdog_timeout" } },
	{ "ops.flags", AS_ADDRESS, { "scx_sched", "ops.flags" } },
	{ "ops.timeout_ms", AS_U64, { "scx_sched", "ops.timeout_ms" } },
};

uint64_t snapshot_exit_kind_at(struct target *t)
{
	static struct member kind = { "scx_sched", "exit_kind" };
	uint64_t sched = root(t);

	target_find_members(t, &kind, 1);
	return sched && kind.there && kind.size == 4 ? sched + kind.offset : 0;
}

json_t *snapshot_events(struct target *t)
{
	uint64_t sched = root(t);

	return sched ? events(t, sched) : NULL;
}

json_t *snapshot_scheduler(struct target *t)
{
	enum { NAME, KIND, INFO, REASON, MESSAGE, CODE };
	static struct member s[] = { [NAME] = { "scx_sched", "ops.name" }, [KIND] = { "scx_sched", "exit_kind" },
				     [INFO] = { "scx_sched", "exit_info" }, [REASON] = { "scx_exit_info", "reason" },
				     [MESSAGE] = { "scx_exit_info", "msg" }, [CODE] = { "scx_exit_info", "exit_code" } };
	uint64_t sched = root(t), kind = 0, info, code = 0;
	char name[128] = "";

	if (!kallsyms_address(&t->types->symbols, "scx_root"))
		target_miss(t, "scheduler", "the kernel has no scx_root: it is without sched_ext, or before 6.16");
	if (!sched)
		return json_null();
	target_find_members(t, s, ARRAY_SIZE(s));
	json_t *j = snapshot_fields(t, sched, sched_rows, ARRAY_SIZE(sched_rows));
	if (s[NAME].there)
		target_string(t, "scx_sched.ops.name", sched + s[NAME].offset, name, MIN(sizeof(name), (size_t)s[NAME].size + 1));
	json_t *text = json_string(name);
	json_object_set_new(j, "name", text ? text : json_null());
	target_member(t, sched, &s[KIND], &kind);
	const char *kind_name = snapshot_enum(t, "scx_exit_kind", kind);
	json_object_set_new(j, "exit_kind", kind_name ? json_string(kind_name) : json_u64(kind));
	if (kind && target_member(t, sched, &s[INFO], &info) && info) {
		target_member(t, info, &s[CODE], &code);
		json_object_set_new(j, "exit", KT_PACK("{so so so}", "reason", string_at(t, info, &s[REASON]), "message",
						       string_at(t, info, &s[MESSAGE]), "code", json_s64((int64_t)code)));
	}
	json_object_set_new(j, "events", events(t, sched));
	return j;
}
