// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot's CPUs: see snapshot.h. */
#include "libexec/look/snapshot.h"

/* Called as by the newest kernel. */
static struct field rq_rows[] = {
	{ "nr_running", AS_U64, { "rq", "nr_running" } },
	{ "nr_switches", AS_U64, { "rq", "nr_switches" } },
	{ "clock_ns", AS_U64, { "rq", "clock" } },
	{ "clock_task_ns", AS_U64, { "rq", "clock_task" } },
	{ "cfs.h_nr_queued", AS_U64, { "rq", "cfs.h_nr_queued", "cfs.h_nr_running" } },
	{ "cfs.h_nr_runnable", AS_U64, { "rq", "cfs.h_nr_runnable" } },
	{ "cfs.load_avg", AS_U64, { "rq", "cfs.avg.load_avg" } },
	{ "cfs.util_avg", AS_U64, { "rq", "cfs.avg.util_avg" } },
	{ "rt.rt_nr_running", AS_U64, { "rq", "rt.rt_nr_running" } },
	{ "dl.dl_nr_running", AS_U64, { "rq", "dl.dl_nr_running" } },
	{ "scx.nr_running", AS_U64, { "rq", "scx.nr_running" } },
	{ "scx.flags", AS_ADDRESS, { "rq", "scx.flags" } },
	{ "scx.cpu_released", AS_BOOL, { "rq", "scx.cpu_released" } },
	{ "schedstat.run_delay_ns", AS_U64, { "rq", "rq_sched_info.run_delay" } },
	{ "schedstat.pcount", AS_U64, { "rq", "rq_sched_info.pcount" } },
	{ "schedstat.sched_count", AS_U64, { "rq", "sched_count" } },
	{ "schedstat.sched_goidle", AS_U64, { "rq", "sched_goidle" } },
	{ "schedstat.yld_count", AS_U64, { "rq", "yld_count" } },
	{ "schedstat.ttwu_count", AS_U64, { "rq", "ttwu_count" } },
	{ "schedstat.ttwu_local", AS_U64, { "rq", "ttwu_local" } },
};

static json_t *current_task(struct target *t, uint64_t task, bool idle)
{
	static struct member comm = { "task_struct", "comm" };
	char name[16] = "";
	json_int_t pid;

	target_find_members(t, &comm, 1);
	if (!snapshot_pid(t, task, &pid) || !comm.there)
		return json_null();
	target_string(t, "task_struct.comm", task + comm.offset, name, sizeof(name));
	json_t *text = json_string(name);
	return KT_PACK("{sI so sb}", "pid", pid, "comm", text ? text : json_null(), "idle", idle);
}

/* "RIP=..." of the text; 0: it is not there. */
static uint64_t reg(const char *text, const char *end, const char *name)
{
	const char *at = memmem(text, (size_t)(end - text), name, strlen(name));

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

void snapshot_add_ip(const struct target *t, const char *registers, json_t *object)
{
	uint64_t ip = reg(registers, registers + strlen(registers), "RIP=");
	const struct symbol *s = ip >> 63 ? kallsyms_at(&t->types->symbols, ip) : NULL;

	json_object_set_new(object, "ip", json_address(ip));
	if (s)
		json_object_set_new(object, "symbol", json_sprintf("%s+%#llx", kallsyms_name(&t->types->symbols, s),
								   (unsigned long long)(ip - s->address)));
}

/* Each vCPU's begin with "CPU#N". */
static json_t *registers_of(const struct target *t, const char *text, unsigned cpu)
{
	_cleanup_free_ char *start = xasprintf("CPU#%u\n", cpu);
	const char *at = text ? strstr(text, start) : NULL, *end = at ? strstr(at + 4, "CPU#") : NULL;

	if (!at)
		return NULL;
	end = end ? end : at + strlen(at);
	uint64_t ip = reg(at, end, "RIP=");
	bool kernel = ip >> 63;
	const struct symbol *s = kernel ? kallsyms_at(&t->types->symbols, ip) : NULL;
	json_t *j = KT_PACK("{so so so so sb sb}", "ip", json_address(ip), "sp", json_address(reg(at, end, "RSP=")),
			    "flags", json_address(reg(at, end, "RFL=")), "cr3", json_address(reg(at, end, "CR3=")), "kernel", kernel,
			    "halted", reg(at, end, "HLT=") != 0);
	if (s)
		json_object_set_new(j, "symbol", json_sprintf("%s+%#llx", kallsyms_name(&t->types->symbols, s),
							      (unsigned long long)(ip - s->address)));
	return j;
}

json_t *snapshot_cpus(struct target *t, const char *registers)
{
	static struct member curr = { "rq", "curr" }, idle = { "rq", "idle" }, local = { "rq", "scx.local_dsq" };
	uint64_t runqueues = target_symbol(t, "runqueues"), offset, task, idle_task;
	json_t *cpus = json_array();

	target_find_members(t, &curr, 1);
	target_find_members(t, &idle, 1);
	target_find_members(t, &local, 1);
	for (unsigned cpu = 0; runqueues && cpu < t->nr_cpus; cpu++) {
		if (!target_per_cpu(t, cpu, &offset))
			break;
		uint64_t rq = runqueues + offset;
		json_t *j = KT_PACK("{si}", "cpu", (int)cpu), *rows = snapshot_fields(t, rq, rq_rows, ARRAY_SIZE(rq_rows));
		json_t *regs = registers_of(t, registers, cpu);

		if (target_member(t, rq, &curr, &task) && target_member(t, rq, &idle, &idle_task))
			json_object_set_new(j, "current", current_task(t, task, task == idle_task));
		json_object_update(j, rows);
		json_decref(rows);
		if (local.there)
			snapshot_set(j, "scx.local_dsq", snapshot_dsq(t, rq + local.offset));
		json_object_set_new(j, "runnable", json_array());
		if (regs)
			json_object_set_new(j, "registers", regs);
		json_array_append_new(cpus, j);
	}
	return cpus;
}
