// SPDX-License-Identifier: GPL-2.0-only
/* What happens while a guest runs: see events.h. */
#include "libexec/boot/events.h"
#include "libexec/lib/printable.h"
#include "libexec/report/report.h"

/* Requests of one run; bytes of a guest that is being set up, whose records are kept in memory. */
enum { MAX_REQUESTS = 10000, MAX_SAID = 2 << 20 };

void events_take_end(const json_t *record, struct result *r)
{
	const char *outcome = json_string_value(json_object_get(record, "outcome"));
	const char *reason = json_string_value(json_object_get(record, "reason"));

	if (outcome_parse(outcome, &r->outcome)) {
		_cleanup_free_ char *text = printable(reason ? reason : "", strnlen(reason ? reason : "", 800));
		kt_fail(&r->why, "%s", text);
		return;
	}
	r->outcome = OUTCOME_LOST;
	kt_fail(&r->why, "the guest's end record has an outcome that ktstr does not know");
}

static bool same_topology(const struct topo *plan, json_t *record, struct result *r)
{
	struct kt_errs errs = { 0 };
	struct topo seen;
	char diff[256];
	/* The plan's members, in the plan's shape. */
	json_auto_t *as_plan = KT_PACK("{ss,si,ss,sO*,sO*}", "kind", "plan", "ktstr", 1, "name", plan->name,
				       "cpus", json_object_get(record, "cpus"), "nodes", json_object_get(record, "nodes"));

	if (topo_from_json(as_plan, "the guest's topology", &seen, &errs) < 0) {
		kt_fail(&r->why, "%s", errs.msgs[0]);
		r->outcome = OUTCOME_LOST;
		kt_errs_deinit(&errs);
		return false;
	}
	if (topo_diff(plan, &seen, diff, sizeof(diff))) {
		kt_fail(&r->why, "the guest does not see the planned topology: %s", diff);
		r->outcome = OUTCOME_UNSUPPORTED;
	}
	topo_deinit(&seen);
	return r->outcome != OUTCOME_UNSUPPORTED;
}

static int do_memory_op(struct memory_ops *ops, struct guest *g, const json_t *request, struct kt_err *err)
{
	/* On the virtual clock all vCPUs stand with the one that asks. */
	bool freeze = memory_op_is_cold(ops, request) && !g->config->virtual_clock;
	struct guestmem m;

	if (guest_memory(g, &m, err) || (freeze && vm_freeze(&g->vm, err)))
		return -1;
	int r = memory_op_do(ops, &m, request, err);
	if (freeze)
		vm_thaw(&g->vm);
	return r;
}

/* The kernel in the guest, for reading. -1 and err: it cannot be read. target_deinit() ends it. */
static int open_target(struct events *e, struct guestmem *m, struct target *t, struct kt_err *err)
{
	const struct kernel_types *types = snapshots_types(e->snapshots, err);

	return !types || guest_memory(e->guest, m, err) ? -1 : target_init(t, m, types, e->guest->config->plan->nr_cpus, err);
}

/* All vCPUs stand. */
static void take_snapshot(struct events *e, const char *name, const char *by)
{
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;
	bool failed = open_target(e, &m, &t, &err);

	records_pass_on(e->records, snapshots_take(e->snapshots, name, by, failed ? NULL : &t, e->guest->vm.shim, &err));
	if (!failed)
		target_deinit(&t);
}

static int do_snapshot_op(struct events *e, const json_t *request, struct kt_err *err)
{
	const char *name = snapshots_requested(e->memory->spec, request);
	bool freeze = !e->guest->config->virtual_clock;

	if (!name)
		return kt_fail(err, "the guest asks for a snapshot that the spec does not have");
	if (freeze && vm_freeze(&e->guest->vm, err))
		return -1;
	take_snapshot(e, name, "op");
	if (freeze)
		vm_thaw(&e->guest->vm);
	return 0;
}

/* All vCPUs stand, or nothing can be read, and err says why. */
static int do_watch_op(struct events *e, const json_t *request, struct kt_err *err)
{
	struct guestmem m;
	struct target t;
	bool failed = open_target(e, &m, &t, err);
	int r = watches_do_op(e->watches, request, e->records->said, failed ? NULL : &t, &e->guest->vm, err);

	if (!failed)
		target_deinit(&t);
	return r;
}

/* The guest is to stand, for a snapshot, where the kernel gives up the scheduler that is attached now. */
static void watch_exit(struct events *e, struct target *t)
{
	uint64_t at = e->snapshots->exits && e->snapshots->nr_exits < SNAPSHOTS_EXITS_MAX ? snapshot_exit_kind_at(t) : 0;
	uint32_t kind;

	if (at && target_read(t, "scx_sched.exit_kind", at, &kind, sizeof(kind)) && !kind)
		watches_arm_exit(t, &e->guest->vm, at);
}

static void watch_new_scheduler(struct events *e)
{
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;

	if (!e->guest->vm.shim || (!e->snapshots->exits && !e->watches->n) || open_target(e, &m, &t, &err))
		return;
	watch_exit(e, &t);
	if (!e->records->said)
		watches_arm(e->watches, &t, &e->guest->vm);
	target_deinit(&t);
}

/* A scheduler was enabled. What could not be done is said in the report, and is no reason to stop. */
static void set_watchdog(struct events *e, const json_t *request)
{
	struct watchdog *w = &e->watchdog;
	struct guestmem m;
	struct kt_err err;

	if (!e->facts->enabled_ns)
		e->facts->enabled_ns = kt_now_ns();
	bool failed = guest_memory(e->guest, &m, &err) || watchdog_set(w, &m, request, &err);
	records_pass_on(e->records, watchdog_record(w, request));
	if (!failed) {
		watch_new_scheduler(e);
		return;
	}
	_cleanup_free_ char *note = xasprintf("watchdog_timeout_s has no effect: %s", err.msg);
	records_pass_on(e->records, report_log("host", note, strlen(note)));
}

/* Take a sample, if the monitor is on, and watch a scheduler that was attached since the last one. The guest stands. */
static void take_sample(struct events *e, const char *by)
{
	int64_t at_ns = atomic_load(&e->guest->vm.shim->stopped_ns);
	struct monitor *mon = e->monitor;
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;

	if (streq(by, "time"))
		mon->next_ns = mon->on ? (at_ns / MONITOR_INTERVAL_NS + 1) * MONITOR_INTERVAL_NS : 0;
	if (open_target(e, &m, &t, &err)) {
		_cleanup_free_ char *note = xasprintf("no samples are taken: %s", err.msg);
		if (mon->on)
			records_pass_on(e->records, report_log("host", note, strlen(note)));
		*mon = (struct monitor){ 0 };
		return;
	}
	watch_exit(e, &t);
	watches_arm(e->watches, &t, &e->guest->vm);
	if (mon->on)
		records_pass_on(e->records, monitor_sample(mon, &t, by, at_ns));
	target_deinit(&t);
}

/* Kinds of the kernel's enum scx_exit_kind with which a scheduler goes because it was asked to, or is loaded again at once. */
enum { EXIT_UNREG = 64, EXIT_UNREG_KERN = 66 };

/* An instruction has written the scheduler's exit kind; 0: it has tried to. */
static void take_exit(struct events *e)
{
	const struct shim_hit *hit = &e->guest->vm.shim->hit;
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;
	uint32_t kind;

	memcpy(&kind, hit->after, sizeof(kind));
	if (!kind || open_target(e, &m, &t, &err))
		return;
	watches_arm_exit(&t, &e->guest->vm, 0);
	if (kind != EXIT_UNREG && kind != EXIT_UNREG_KERN) {
		json_t *snapshot = snapshots_take(e->snapshots, "scheduler exit", "exit", &t, e->guest->vm.shim, &err);

		e->snapshots->nr_exits++;
		json_object_set_new(snapshot, "writer", watch_writer(&t, hit->cpu, hit->registers));
		records_pass_on(e->records, snapshot);
	}
	target_deinit(&t);
}

/* An instruction has written to what is watched. */
static void take_hit(struct events *e)
{
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;
	const char *name;

	if (open_target(e, &m, &t, &err))
		return;
	json_t *hit = watches_hit(e->watches, &t, &e->guest->vm, &name);
	json_t *snapshot = hit && name ? snapshots_take(e->snapshots, name, "watch", &t, e->guest->vm.shim, &err) : NULL;
	if (snapshot)
		json_object_set(hit, "snapshot", json_object_get(snapshot, "name"));
	if (hit)
		records_pass_on(e->records, hit);
	if (snapshot)
		records_pass_on(e->records, snapshot);
	target_deinit(&t);
}

/* The run has timed out: a snapshot may show why. */
static void take_lost(struct events *e)
{
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;

	if (!e->guest->vm.pid || vm_freeze(&e->guest->vm, &err) || open_target(e, &m, &t, &err))
		return;
	/* The shim's time and registers are from an earlier stop. */
	records_pass_on(e->records, snapshots_take(e->snapshots, "lost guest", "lost", &t, NULL, &err));
	target_deinit(&t);
}

int64_t events_next_stop(const struct snapshots *snapshots, const struct monitor *monitor, bool *bare)
{
	int64_t snapshot = snapshots_next_ns(snapshots), sample = monitor->next_ns;

	*bare = sample && (!snapshot || sample < snapshot);
	return *bare ? sample : snapshot;
}

/* Set the time of the guest's next stop. The guest stands. */
static void plan_stop(struct events *e)
{
	bool bare;
	int64_t next = events_next_stop(e->snapshots, e->monitor, &bare);

	vm_stop_at(&e->guest->vm, next, bare);
}

/*
 * The guest stands until this has been done. -1: it cannot be, and the run is over. A scenario asks for each of its ops on memory
 * and for each scheduler; what a guest asks for costs the host time, and some memory.
 */
static int do_request(struct events *e, const json_t *request, struct result *r)
{
	const char *event = json_string_value(json_object_get(request, "event"));

	if (++e->requests > MAX_REQUESTS)
		return kt_fail(&r->why, "the guest sent more than %d requests", MAX_REQUESTS);
	if (event && (streq(event, "memory") || streq(event, "symbols"))) {
		r->outcome = OUTCOME_ERROR;
		if (json_object_get(request, "symbols"))
			memory_ops_take_symbols(e->memory, request);
		else if (do_memory_op(e->memory, e->guest, request, &r->why))
			return -1;
		return 0;
	}
	if (event && streq(event, "snapshot")) {
		r->outcome = OUTCOME_ERROR;
		return do_snapshot_op(e, request, &r->why);
	}
	if (event && streq(event, "watch")) {
		r->outcome = OUTCOME_ERROR;
		return do_watch_op(e, request, &r->why);
	}
	if (event && streq(event, "phase")) {
		if (e->guest->vm.shim)
			take_sample(e, "phase");
		if (e->monitor->phase++ >= e->memory->spec->nr_steps)
			e->monitor->next_ns = 0; /* what comes now is no part of the run */
		plan_stop(e);
		return 0;
	}
	set_watchdog(e, request);
	return 0;
}

/*
 * On the virtual clock the guest does not stand yet when its request can be read: it stands when it has sent GUESTLINK_ASK, to the
 * instruction. What is done before would be done at a moment that the host's scheduler picks.
 */
static int take_request(struct events *e, json_t *request, struct result *r)
{
	json_auto_t *ours = request;

	if (!e->guest->config->virtual_clock)
		return do_request(e, ours, r);
	if (e->request)
		return kt_fail(&r->why, "the guest asked for one thing before it waited for another");
	e->request = take(ours);
	return 0;
}

/* The guest stands. True: the run is over. */
static bool answer_guest(struct events *e, struct result *r)
{
	json_auto_t *request = take(e->request);

	if (request && (do_request(e, request, r) || e->records->reader_gone))
		return true;
	vm_answer(&e->guest->vm);
	return false;
}

/* One record from the guest. True: the run is over, *r says how. */
static bool take_record(struct events *e, json_t *record, struct result *r)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));
	bool over = false;

	if (streq(kind, "end") || streq(kind, "request")) {
		if (streq(kind, "request"))
			return take_request(e, record, r) || e->records->reader_gone;
		json_auto_t *ours = record;
		events_take_end(ours, r);
		return true;
	}
	if (streq(kind, "guest"))
		over = !same_topology(e->guest->config->plan, record, r);
	else if (streq(kind, "phase") && !e->facts->first_worker_ns)
		e->facts->first_worker_ns = kt_now_ns();
	else if (streq(kind, "op"))
		memory_op_result(e->memory, record);
	records_pass_on(e->records, record);
	return over || e->records->reader_gone;
}

/* Pass on what is there. True: the run is over. */
static bool take_records(struct events *e, struct result *r)
{
	bool bad = false;

	for (json_t *record; (record = guestlink_next(&e->link, &bad, &r->why));)
		if (take_record(e, record, r))
			return true;
	return bad;
}

/* True: the run is over. */
static bool take_out(struct events *e, struct result *r)
{
	struct vm *vm = &e->guest->vm;

	switch (guestlink_read(&e->link, vm->out, &r->why)) {
	case -1:
		return true;
	case 0:
		if (!vm_clock_holds(vm, SHIM_GIVES_TURNS, &r->why))
			return true;
		break;
	case 1: /* QEMU is going; its exit says why */
		close(vm->out);
		vm->out = -1;
	}
	/* A line that does not end is not kept, and has a limit of its own. */
	if (e->records->said && e->link.total - (int64_t)lines_pending(&e->link.lines) > MAX_SAID) {
		kt_fail(&r->why, "the guest wrote more than %d MiB before it was set up", MAX_SAID >> 20);
		return true;
	}
	if (take_records(e, r))
		return true;
	return e->link.asks && answer_guest(e, r);
}

/* Take the snapshot or the sample that is due. If both are due, the second is taken at another stop, before any vCPU runs. */
static void take_due(struct events *e)
{
	struct kt_err err = { 0 };
	struct guestmem m;
	struct target t;
	bool bare;

	if (!events_next_stop(e->snapshots, e->monitor, &bare))
		return;
	if (bare) {
		take_sample(e, "time");
		return;
	}
	bool failed = open_target(e, &m, &t, &err);
	records_pass_on(e->records, snapshots_take_due(e->snapshots, e->monitor->phase, failed ? NULL : &t, e->guest->vm.shim, &err));
	if (!failed)
		target_deinit(&t);
}

/* The guest stands. First pass on what it has said until now, then take what is due. True: the run is over. */
static bool take_stop(struct events *e, struct result *r)
{
	struct vm *vm = &e->guest->vm;

	for (int64_t was = -1; was != e->link.total;) {
		was = e->link.total;
		if (guestlink_read(&e->link, vm->out, &r->why) < 0 || take_records(e, r))
			return true;
	}
	switch (atomic_load(&vm->shim->stopped_for)) {
	case SHIM_STOP_HANG:
		take_snapshot(e, "guest hang", "hang");
		break;
	case SHIM_STOP_HIT:
		if (watches_is_exit(vm))
			take_exit(e);
		else
			take_hit(e);
		break;
	default:
		take_due(e);
	}
	plan_stop(e);
	vm_answer(vm);
	return e->records->reader_gone;
}

bool events_follow(struct events *e, bool setting_up, struct result *r)
{
	struct vm *vm = &e->guest->vm;
	char reason[700];

	for (;;) {
		enum vm_event ev = vm_wait(vm, true, e->deadline_ns);

		r->outcome = OUTCOME_LOST;
		switch (ev) {
		case VM_EV_OUT:
			if (take_out(e, r))
				return false;
			break;
		case VM_EV_STOP:
			if (take_stop(e, r))
				return false;
			break;
		case VM_EV_QMP: /* nothing was asked; of what comes unasked, two things matter */
			if (vm_qmp_listen(vm, &r->why))
				return false;
			if (setting_up && vm_qmp_saw(vm, "GUEST_PANICKED"))
				return true;
			if (vm_qmp_saw(vm, "WATCHDOG")) {
				kt_fail(&r->why, "the guest hangs: ktstr-work did not get to run for 30 s of guest time");
				return false;
			}
			break;
		case VM_EV_EXIT:
			kt_fail(&r->why, "%s", vm_exit_reason(vm, reason, sizeof(reason)));
			return false;
		case VM_EV_SIGNAL:
			return false; /* boot_run() names it */
		case VM_EV_TIMEOUT:
			take_lost(e);
			kt_fail(&r->why, "the wall-clock limit of %.0f s is up", (double)e->limit_ns / NSEC_PER_SEC);
			return false;
		}
	}
}

int events_finish(struct events *e, struct result *r, struct kt_err *err)
{
	for (int64_t was = -1; was != e->link.total;) {
		was = e->link.total;
		if (guestlink_read(&e->link, e->guest->vm.out, err) < 0)
			return -1;
		if (take_records(e, r))
			return 1;
	}
	return lines_pending(&e->link.lines) ? kt_fail(err, "the guest stopped in the middle of a line") : 0;
}
