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
	if (!failed)
		return;
	_cleanup_free_ char *note = xasprintf("watchdog_timeout_s has no effect: %s", err.msg);
	records_pass_on(e->records, report_log("host", note, strlen(note)));
}

static int do_snapshot_op(struct events *e, const json_t *request, struct kt_err *err)
{
	const char *name = snapshots_requested(e->memory->spec, request);
	bool freeze = !e->guest->config->virtual_clock;
	struct vm *vm = &e->guest->vm;
	struct kt_err why = { 0 };
	struct guestmem m;

	if (!name)
		return kt_fail(err, "the guest asks for a snapshot that the spec does not have");
	if (freeze && vm_freeze(vm, err))
		return -1;
	bool failed = guest_memory(e->guest, &m, &why);
	records_pass_on(e->records, snapshots_take_op(e->snapshots, name, failed ? NULL : &m, vm->shim, &why));
	if (freeze)
		vm_thaw(vm);
	return 0;
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

/* The guest stands where it was to. A snapshot comes after all that the guest has said before. True: the run is over. */
static bool take_stop(struct events *e, struct result *r)
{
	struct vm *vm = &e->guest->vm;
	struct guestmem m;
	struct kt_err err = { 0 };

	for (int64_t was = -1; was != e->link.total;) {
		was = e->link.total;
		if (guestlink_read(&e->link, vm->out, &r->why) < 0 || take_records(e, r))
			return true;
	}
	bool failed = guest_memory(e->guest, &m, &err);
	records_emit(e->records, snapshots_take(e->snapshots, failed ? NULL : &m, vm->shim, &err));
	vm_stop_at(vm, snapshots_next_ns(e->snapshots));
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
