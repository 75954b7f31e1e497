// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of one run: the guest is booted or found booted, set up or found set up, run, ended; and the report is closed
 * whatever happened. See boot.h.
 */
#include "libexec/boot/boot.h"
#include "libexec/boot/events.h"
#include "libexec/boot/keep.h"
#include "libexec/boot/signals.h"
#include "libexec/report/report.h"
#include <sys/mman.h>

enum { BOOT_LIMIT_S = 180, BOOT_LIMIT_PER_CPU_S = 18 };

struct run {
	struct guest guest;
	struct records records;
	struct host_facts facts;
	struct events events;
	struct checkpoint booted, ready;
	struct checkpoint_opts checkpoints;
	struct result result;
};

static int anonymous_ram(const struct topo *plan, struct checkpoint *cp, struct kt_err *err)
{
	for (unsigned i = 0; i < cp->nr_ram; i++) {
		cp->ram[i] = memfd_create("ram", MFD_CLOEXEC);
		if (cp->ram[i] < 0 || ftruncate(cp->ram[i], (off_t)(plan->nodes[i].memory_mib << 20)) < 0)
			return kt_fail(err, "cannot make the guest's memory: %s", strerror(errno));
	}
	return 0;
}

/* Why the guest did not come up: its own word for it if it sent one. */
static void boot_failed(struct result *r, const struct checkpoint *cp)
{
	struct kt_err ignored;
	json_auto_t *record = cp->log ? kt_json_loads(cp->log, strcspn(cp->log, "\n"), "guest", &ignored) : NULL;

	r->outcome = OUTCOME_LOST;
	if (record && json_object_get(record, "outcome"))
		events_take_end(record, r);
}

static void note_checkpoint(struct checkpoint_facts *f, const struct checkpoint *c)
{
	f->how = c->built ? "built" : "found";
	memcpy(f->key, c->key, sizeof(f->key));
}

static int get_booted(struct run *run)
{
	struct checkpoint *booted = &run->booted;
	int r = checkpoint_get(run->guest.config, &run->checkpoints, &run->guest.vm, booted, &run->result.why);

	run->facts.booted.find_ns = booted->find_ns;
	run->facts.booted.build_ns = booted->build_ns;
	if (r < 0)
		boot_failed(&run->result, booted);
	else
		note_checkpoint(&run->facts.booted, booted);
	return r;
}

/* checkpoint_setup's run(). */
static int set_up(void *ctx, struct checkpoint *c, struct kt_err *err)
{
	struct run *run = ctx;
	struct events *e = &run->events;

	if (guest_start(&run->guest, VM_SET_UP, &run->booted, NULL, e->deadline_ns, err))
		return -1;
	run->records.said = json_array();
	bool stands = events_follow(e, true, &run->result);
	int r = !stands ? 1 : checkpoint_take(c, &run->booted, run->guest.config->plan, &run->guest.vm, e->deadline_ns, err);
	if (!r)
		r = events_finish(e, &run->result, err);
	vm_kill(&run->guest.vm);
	records_pass_on_splats(&run->records, &run->guest.vm.splats);
	run->guest.vm.splats = (struct splats){ 0 };
	c->said = KT_PACK("{so sO* sO* so}", "records", take(run->records.said), "symbols", e->memory->symbols,
			  "memory", e->memory->found,
			  "watches", watches_wanted(e->watches));
	return r;
}

/* What a guest that was set up before has said, and had looked up, then. */
static void remember_record(struct records *records, struct memory_ops *memory, const json_t *said)
{
	json_t *record, *found = json_object_get(said, "memory");
	size_t i;

	json_array_foreach(json_object_get(said, "records"), i, record) {
		records_emit(records, json_incref(record));
	}
	memory_ops_take_symbols(memory, said);
	if (found)
		json_array_extend(memory->found, found);
}

/* Set the guest up, or find it ready. -1: the run is over, and its result is known. */
static int get_ready(struct run *run, const char *spec_name)
{
	struct checkpoint *ready = &run->ready;
	struct checkpoint_setup setup = { spec_name, run->guest.payload_sha256, set_up, run };

	if (checkpoint_set_up(run->guest.config, &run->checkpoints, &run->booted, &setup, ready, &run->result.why))
		return -1;
	note_checkpoint(&run->facts.ready, ready);
	run->facts.ready.build_ns = ready->build_ns;
	if (!ready->built)
		watches_want_all(run->events.watches, json_object_get(ready->said, "watches"));
	if (!ready->built)
		remember_record(&run->records, run->events.memory, ready->said);
	return 0;
}

/* What the guest has said counts only if its clock held to the end. */
static void finish_run(struct run *run)
{
	struct result *r = &run->result;
	struct kt_err ignored; /* whoever needs the types reports it */

	/* Reading the types takes a while: the guest runs meanwhile. */
	if (run->events.monitor->next_ns)
		snapshots_types(run->events.snapshots, &ignored);
	events_follow(&run->events, false, r);
	if (r->outcome == OUTCOME_DONE && !vm_clock_holds(&run->guest.vm, SHIM_GIVES_TURNS, &r->why))
		r->outcome = OUTCOME_UNSUPPORTED;
}

static void run_guest(struct run *run, bool cold, bool prepare, const char *spec_name)
{
	const struct vm_config *c = run->guest.config;
	bool twice = !cold && c->virtual_clock;
	struct result *r = &run->result;

	r->outcome = OUTCOME_LOST;
	if (cold ? anonymous_ram(c->plan, &run->booted, &r->why) : get_booted(run))
		;
	else if (prepare)
		r->outcome = OUTCOME_DONE;
	else if ((!twice || !get_ready(run, spec_name)) &&
		 !guest_start(&run->guest, cold ? VM_COLD : VM_RUN, &run->booted, twice ? &run->ready : NULL,
			      run->events.deadline_ns, &r->why))
		finish_run(run);
	run->facts.started_ns = run->guest.started_ns;
	vm_kill(&run->guest.vm);
}

static void init_run(struct run *run, const struct boot_options *o, struct boot_inputs *in, int signals, int64_t start_ns)
{
	int64_t deadline = start_ns + in->timeout_ns;

	*run = (struct run){
		.guest = {
			.config = &in->vm_config, .payload = in->payload, .payload_sha256 = in->payload_sha256, .asks = in->schedulers.n || in->memory.found || in->snapshots.by_ops || in->watches.by_ops,
			.signals = signals, .console_to = { o->console_live ? stderr : NULL, o->keep ? keep_console(o->keep) : NULL },
			.keep = o->keep,
		},
		.facts = { .booted.how = "none", .ready.how = "none", .start_ns = start_ns },
		.events = {
			.guest = &run->guest, .records = &run->records, .memory = &in->memory, .snapshots = &in->snapshots, .monitor = &in->monitor, .watches = &in->watches, .facts = &run->facts,
			.watchdog = { .timeout_ns = in->spec.watchdog_timeout_ns, .vmlinux = in->kernel.vmlinux },
			.deadline_ns = deadline, .limit_ns = in->timeout_ns,
		},
		.checkpoints = {
			.kernel_release = in->kernel.release, .kernel_sha256 = in->kernel.sha256, .signals = signals,
			.boot_limit_ns = MIN(deadline - kt_now_ns(), (BOOT_LIMIT_S + BOOT_LIMIT_PER_CPU_S * (int64_t)in->plan.nr_cpus) * NSEC_PER_SEC),
			.deadline_ns = deadline, .cache_limit = in->cache_limit,
		},
		.result.outcome = OUTCOME_LOST,
	};
	run->guest.stop_ns = events_next_stop(&in->snapshots, &in->monitor, &run->guest.stop_bare);
	memcpy(run->checkpoints.console_to, run->guest.console_to, sizeof(run->checkpoints.console_to));
	vm_init(&run->guest.vm);
	checkpoint_init(&run->booted, in->plan.nr_nodes);
	checkpoint_init(&run->ready, in->plan.nr_nodes);
}

static void deinit_run(struct run *run)
{
	FILE *kept = run->guest.console_to[1];

	checkpoint_deinit(&run->booted);
	checkpoint_deinit(&run->ready);
	guestlink_deinit(&run->events.link);
	vm_deinit(&run->guest.vm);
	if (kept && fclose(kept))
		die(KT_TROUBLE, "cannot write the console's copy: %s", strerror(errno));
}

/* The last records, and the last word on stderr. */
static void close_report(struct run *run, const struct boot_inputs *in)
{
	const struct result *r = &run->result;
	struct records *out = &run->records;
	bool failed = r->outcome != OUTCOME_DONE && !out->reader_gone;

	watches_warn(&in->watches);
	for (unsigned i = 0; i < in->watches.n; i++)
		records_emit(out, watches_total(&in->watches, i, run->guest.vm.shim));
	records_pass_on_splats(out, &run->guest.vm.splats);
	if (failed || run->guest.vm.splats.kept)
		records_emit_console(out, &run->guest.vm.console_tail);
	records_emit(out, host_record(&run->facts, run->guest.vm.shim, in));
	records_emit(out, report_end(r->outcome, r->outcome == OUTCOME_DONE ? "" : r->why.msg));
	const struct snapshots *snapshots = &in->snapshots;
	if (snapshots->next < snapshots->n)
		kt_warn("%zu of %zu snapshots were not taken, from '%s' on: the run was over before", snapshots->n - snapshots->next,
			snapshots->n, snapshots->stops[snapshots->next].name);
	if (failed && !out->reader_gone)
		kt_warn("%s: %s", outcome_name(r->outcome), r->why.msg);
}

int boot_run(const struct boot_options *o, struct boot_inputs *in, int signals, int64_t start_ns)
{
	struct run run;

	init_run(&run, o, in, signals, start_ns);
	records_emit(&run.records, run_record(in));
	run_guest(&run, o->cold, o->prepare, in->spec.name);
	const char *sig = signals_next(signals);
	if (sig && run.result.outcome == OUTCOME_LOST)
		kt_fail(&run.result.why, "interrupted by SIG%s", sig);
	if (guest_is_unsuitable(&run.guest))
		run.result.outcome = OUTCOME_UNSUPPORTED;
	close_report(&run, in);
	if (o->trace)
		trace_close(&in->trace);
	deinit_run(&run);
	return run.records.reader_gone ? KT_OK : (int)outcome_exit(run.result.outcome);
}
