// SPDX-License-Identifier: GPL-2.0-only
/* A snapshot's tasks: see snapshot.h. */
#include "libexec/look/snapshot.h"
#include "libexec/lib/cpulist.h"

static struct field rows[] = {
	{ "tgid", AS_S64, { "task_struct", "tgid" } },
	{ "on_cpu", AS_BOOL, { "task_struct", "on_cpu" } },
	{ "on_rq", AS_U64, { "task_struct", "on_rq" } },
	{ "prio", AS_S64, { "task_struct", "prio" } },
	{ "static_prio", AS_S64, { "task_struct", "static_prio" } },
	{ "rt_priority", AS_U64, { "task_struct", "rt_priority" } },
	{ "nvcsw", AS_U64, { "task_struct", "nvcsw" } },
	{ "nivcsw", AS_U64, { "task_struct", "nivcsw" } },
	{ "run_delay_ns", AS_U64, { "task_struct", "sched_info.run_delay" } },
	{ "se.weight", AS_U64, { "task_struct", "se.load.weight" } },
	{ "se.vruntime", AS_S64, { "task_struct", "se.vruntime" } },
	{ "se.deadline", AS_S64, { "task_struct", "se.deadline" } },
	{ "se.slice", AS_U64, { "task_struct", "se.slice" } },
	{ "se.vlag", AS_S64, { "task_struct", "se.vlag" } },
	{ "se.sum_exec_runtime", AS_U64, { "task_struct", "se.sum_exec_runtime" } },
	{ "se.nr_migrations", AS_U64, { "task_struct", "se.nr_migrations" } },
	{ "dl.dl_runtime", AS_U64, { "task_struct", "dl.dl_runtime" } },
	{ "dl.dl_deadline", AS_U64, { "task_struct", "dl.dl_deadline" } },
	{ "dl.dl_period", AS_U64, { "task_struct", "dl.dl_period" } },
	{ "dl.runtime", AS_S64, { "task_struct", "dl.runtime" } },
	{ "dl.deadline", AS_U64, { "task_struct", "dl.deadline" } },
	{ "scx.dsq_vtime", AS_U64, { "task_struct", "scx.dsq_vtime" } },
	{ "scx.slice", AS_U64, { "task_struct", "scx.slice" } },
	{ "scx.weight", AS_U64, { "task_struct", "scx.weight" } },
	{ "scx.flags", AS_ADDRESS, { "task_struct", "scx.flags" } },
	{ "scx.dsq_flags", AS_ADDRESS, { "task_struct", "scx.dsq_flags" } },
	{ "scx.ops_state", AS_ADDRESS, { "task_struct", "scx.ops_state" } },
	{ "scx.ddsp_dsq_id", AS_ADDRESS, { "task_struct", "scx.ddsp_dsq_id" } },
	{ "scx.sticky_cpu", AS_S64, { "task_struct", "scx.sticky_cpu" } },
	{ "scx.holding_cpu", AS_S64, { "task_struct", "scx.holding_cpu" } },
	{ "scx.runnable_at", AS_U64, { "task_struct", "scx.runnable_at" } },
};

enum { COMM, PID, STATE, EXIT_STATE, CPU, POLICY, CLASS, MASK, DSQ, NEXT, SIGNAL, THREAD, ON_RQ, THREADS, DSQ_ID };
static struct member m[] = {
	[COMM] = { "task_struct", "comm" },
	[PID] = { "task_struct", "pid" },
	[STATE] = { "task_struct", "__state" },
	[EXIT_STATE] = { "task_struct", "exit_state" },
	[CPU] = { "task_struct", "thread_info.cpu", "cpu" },
	[POLICY] = { "task_struct", "policy" },
	[CLASS] = { "task_struct", "sched_class" },
	[MASK] = { "task_struct", "cpus_ptr" },
	[DSQ] = { "task_struct", "scx.dsq" },
	[NEXT] = { "task_struct", "tasks" },
	[SIGNAL] = { "task_struct", "signal" },
	[THREAD] = { "task_struct", "thread_node" },
	[ON_RQ] = { "task_struct", "on_rq" },
	[THREADS] = { "signal_struct", "thread_head" },
	[DSQ_ID] = { "scx_dispatch_q", "id" },
};

/* All tasks, one after the other. */
struct walk {
	struct target *t;
	void (*visit)(struct walk *w, uint64_t task);
	size_t left; /* tasks that there may still be */
	bool scx;    /* the kernel has sched_ext */
	/* A snapshot's: */
	json_t *tasks, *cpus;
	/* A sample's: */
	void (*found)(void *ctx, const struct sample_task *task);
	void *ctx;
	struct cpumask online;
};

static void visit_task(struct walk *w, uint64_t task)
{
	if (!w->left) {
		target_miss(w->t, "tasks", "there are more than %d", SNAPSHOT_TASKS_MAX);
		return;
	}
	w->left--;
	w->visit(w, task);
}

/* As /proc/PID/stat has it: a task that is being woken (0x200) is R already, one that waits for a lock of RT (0x1000) or is frozen D. */
static const char *state_letter(uint64_t state, uint64_t exit_state)
{
	static const struct { unsigned bit; const char *letter; } letters[] = {
		{ 1, "S" }, { 2, "D" }, { 4, "T" }, { 8, "t" }, { 0x40, "P" }, { 0x80, "X" }, { 0x1000, "D" },
		{ 0x8000, "D" },
	};

	if (exit_state)
		return exit_state & 0x20 ? "Z" : "X";
	if ((state & 0x402) == 0x402) /* TASK_IDLE */
		return "I";
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (state & letters[i].bit)
			return letters[i].letter;
	return "R";
}

static const char *policy_name(uint64_t policy)
{
	static const char *const names[] = { "normal", "fifo", "rr", "batch", NULL, "idle", "deadline", "ext" };

	return policy < ARRAY_SIZE(names) && names[policy] ? names[policy] : "?";
}

/* The name of its sched_class: "fair" of fair_sched_class. */
static json_t *class_name(const struct target *t, uint64_t address)
{
	const struct symbol *s = kallsyms_at(&t->types->symbols, address);
	const char *name = s && s->address == address ? kallsyms_name(&t->types->symbols, s) : "?";
	const char *end = strstr(name, "_sched_class");

	return json_stringn(name, end ? (size_t)(end - name) : strlen(name));
}

static bool read_cpumask(struct target *t, const char *what, uint64_t mask, struct cpumask *ret)
{
	size_t bytes = (t->nr_cpus + 63) / 64 * 8;
	_cleanup_free_ unsigned char *bits = xcalloc(1, bytes);

	*ret = (struct cpumask){ 0 };
	if (!target_read(t, what, mask, bits, bytes))
		return false;
	for (unsigned cpu = 0; cpu < MIN(t->nr_cpus, (unsigned)CPUMASK_MAX); cpu++)
		if (bits[cpu / 8] >> cpu % 8 & 1)
			cpumask_set(ret, cpu);
	return true;
}

static json_t *allowed(struct target *t, uint64_t mask)
{
	struct cpumask set;
	char text[CPULIST_LEN];

	return read_cpumask(t, "task_struct.cpus_ptr", mask, &set) ? json_string(cpulist_format(&set, text)) : json_null();
}

static void add_task(struct walk *w, uint64_t task)
{
	struct target *t = w->t;
	uint64_t pid, state = 0, exit_state = 0, cpu = 0, policy = 0, class = 0, mask, dsq = 0, on_rq = 0, id;
	char comm[16] = "";

	if (!target_member(t, task, &m[PID], &pid))
		return;
	target_read(t, "task_struct.comm", task + m[COMM].offset, comm, sizeof(comm) - 1);
	target_member(t, task, &m[STATE], &state);
	target_member(t, task, &m[EXIT_STATE], &exit_state);
	target_member(t, task, &m[CPU], &cpu);
	target_member(t, task, &m[POLICY], &policy);
	target_member(t, task, &m[CLASS], &class);
	target_member(t, task, &m[ON_RQ], &on_rq);
	json_t *name = json_string(comm), *fields = snapshot_fields(t, task, rows, ARRAY_SIZE(rows));
	json_t *j = KT_PACK("{so sI so ss sI ss so}", "comm", name ? name : json_null(), "pid",
			    (json_int_t)(int32_t)pid, "address", json_address(task), "state", state_letter(state, exit_state),
			    "cpu", (json_int_t)(int32_t)cpu, "policy", policy_name(policy), "class", class_name(t, class));
	if (m[MASK].there && target_member(t, task, &m[MASK], &mask))
		json_object_set_new(j, "cpus_allowed", allowed(t, mask));
	if (policy != 6)
		json_object_del(fields, "dl");
	if (!w->scx)
		json_object_del(fields, "scx");
	json_object_update(j, fields);
	json_decref(fields);
	if (w->scx && target_member(t, task, &m[DSQ], &dsq) && dsq)
		snapshot_set(j, "scx.dsq", target_member(t, dsq, &m[DSQ_ID], &id) ? json_address(id) : json_null());
	json_array_append_new(w->tasks, j);
	json_t *queue = on_rq && pid && cpu < t->nr_cpus ? json_object_get(json_array_get(w->cpus, cpu), "runnable") : NULL;
	if (queue)
		json_array_append_new(queue, json_integer((int32_t)pid));
}

/* All threads of a process. */
static void add_process(struct walk *w, uint64_t leader)
{
	uint64_t signal, at;
	size_t limit = SNAPSHOT_TASKS_MAX;

	if (!m[THREADS].there || !m[THREAD].there || !target_member(w->t, leader, &m[SIGNAL], &signal)) {
		visit_task(w, leader);
		return;
	}
	at = signal + m[THREADS].offset;
	while (w->left && target_next(w->t, "signal_struct.thread_head", signal + m[THREADS].offset, &at, &limit))
		visit_task(w, at - m[THREAD].offset);
}

/* Of the other CPUs; that of CPU 0 is the first of all processes. */
static void add_idle_tasks(struct walk *w)
{
	static struct member idle = { "rq", "idle" };
	uint64_t runqueues = target_symbol(w->t, "runqueues"), offset, task;

	target_find_members(w->t, &idle, 1);
	for (unsigned cpu = 1; runqueues && cpu < w->t->nr_cpus; cpu++)
		if (target_per_cpu(w->t, cpu, &offset) && target_member(w->t, runqueues + offset, &idle, &task))
			visit_task(w, task);
}

/* The idle tasks of the other CPUs are asked for only where they are told. */
static void walk_tasks(struct walk *w, bool idle)
{
	uint64_t first = target_symbol(w->t, "init_task"), at;
	size_t limit = SNAPSHOT_TASKS_MAX;

	w->left = SNAPSHOT_TASKS_MAX;
	w->scx = kallsyms_address(&w->t->types->symbols, "scx_root") || kallsyms_address(&w->t->types->symbols, "scx_ops_enable");
	target_find_members(w->t, m, ARRAY_SIZE(m));
	if (!first || !m[NEXT].there)
		return;
	if (idle) {
		visit_task(w, first);
		add_idle_tasks(w);
	}
	at = first + m[NEXT].offset;
	while (w->left && target_next(w->t, "task_struct.tasks", first + m[NEXT].offset, &at, &limit))
		add_process(w, at - m[NEXT].offset);
}

json_t *snapshot_tasks(struct target *t, json_t *cpus)
{
	struct walk w = { .t = t, .visit = add_task, .tasks = json_array(), .cpus = cpus };

	walk_tasks(&w, true);
	return w.tasks;
}

bool snapshot_is_ext(struct target *t, uint64_t task)
{
	uint64_t class, ext = kallsyms_address(&t->types->symbols, "ext_sched_class");

	target_find_members(t, m, ARRAY_SIZE(m));
	return ext && target_member(t, task, &m[CLASS], &class) && class == ext;
}

/* It waits in a queue, or in the scheduler's own hands, and not on its CPU's own. */
static bool waits_elsewhere(struct target *t, uint64_t task)
{
	static const uint64_t local = UINT64_C(0x8000000000000002);
	uint64_t dsq = 0, id = 0;

	return snapshot_is_ext(t, task) && (!target_member(t, task, &m[DSQ], &dsq) || !dsq || !target_member(t, dsq, &m[DSQ_ID], &id) || id != local);
}

static void take_if_waiting(struct walk *w, uint64_t task)
{
	static struct member on_cpu = { "task_struct", "on_cpu" };
	struct sample_task s = { 0 };
	uint64_t on_rq = 0, running = 0, cpu = 0, mask;

	target_find_members(w->t, &on_cpu, 1);
	target_member(w->t, task, &m[ON_RQ], &on_rq);
	target_member(w->t, task, &on_cpu, &running);
	if (!on_rq || running || !target_member(w->t, task, &m[CPU], &cpu) || !target_member(w->t, task, &m[MASK], &mask) ||
	    !read_cpumask(w->t, "task_struct.cpus_ptr", mask, &s.allowed))
		return;
	s.cpu = (unsigned)cpu;
	s.allowed = cpumask_and(&s.allowed, &w->online);
	s.elsewhere = waits_elsewhere(w->t, task);
	w->found(w->ctx, &s);
}

void snapshot_waiting_tasks(struct target *t, void (*found)(void *ctx, const struct sample_task *task), void *ctx)
{
	struct walk w = { .t = t, .visit = take_if_waiting, .found = found, .ctx = ctx };
	uint64_t online = target_symbol(t, "__cpu_online_mask");

	if (online && read_cpumask(t, "__cpu_online_mask", online, &w.online))
		walk_tasks(&w, false);
}
