// SPDX-License-Identifier: GPL-2.0-only
/* One run: start the guest, pass its records on, end it, and close the report whatever happened. See boot.h. */
#include "libexec/boot/boot.h"
#include "libexec/vm/guestlink.h"
#include "libexec/lib/printable.h"
#include "libexec/report/report.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { BOOT_LIMIT_S = 180, BOOT_LIMIT_PER_CPU_S = 18, CONSOLE_TAIL_LINES = 40, CONSOLE_LINE_MAX = 500 };

enum outcome { DONE, LOST, UNSUPPORTED, ERROR };
static const char *const outcome_names[] = { "done", "lost", "unsupported", "error", NULL };
static const int outcome_exit[] = { KT_OK, KT_TROUBLE, KT_CANNOT_TELL, KT_TROUBLE };

struct result {
	enum outcome outcome;
	struct kt_err why;
};

static bool reader_gone; /* stdout's reader has seen enough */

/* Write one record, at once: whoever reads along sees it when it happens. Takes the reference. */
static void emit(json_t *record)
{
	json_auto_t *j = record;
	struct kt_err err;

	if (reader_gone)
		return;
	if (kt_json_line(stdout, j, &err) < 0 || fflush(stdout)) {
		if (errno != EPIPE)
			die(KT_TROUBLE, "cannot write the report: %s", strerror(errno));
		reader_gone = true;
		clearerr(stdout); /* known; nothing for the check at exit */
	}
}

static void emit_run(const struct boot *b)
{
	json_t *programs = boot_programs(b);
	const struct flags *flags = &b->spec.scheduler.flags;
	_cleanup_free_ char *profile = flags->n ? flags_name(flags, b->profile) : NULL;

	emit(KT_PACK("{ss,si,ss,sO,so,sO,s{ss,ss},s{ss},ss,ss,si,sI,ss*,so*}", "kind", "run", "ktstr", 1, "name", b->spec.name,
		     "spec", b->spec.json, "batches", spec_batches_to_json(&b->spec), "plan", b->plan_json, "kernel", "release", b->kernel.release, "sha256",
		     b->kernel.sha256, "qemu", "version", b->plan.qemu_version, "accel",
		     b->vm_config.accel == VM_KVM ? "kvm" : "tcg", "clock", b->vm_config.virtual_clock ? "virtual" : "real",
		     "ns_per_insn", 1 << b->vm_config.icount_shift, "seed", (json_int_t)b->seed, "profile", profile,
		     "programs", programs));
}

static double ms(int64_t ns)
{
	return (double)(ns / NSEC_PER_USEC) / 1000;
}

/* When something was, from the start; -1: it was not. */
static double since_start(const struct boot *b, int64_t ns)
{
	return ns ? ms(ns - b->start_ns) : -1;
}

static void emit_host(const struct boot *b)
{
	double load[3] = { 0 };
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	if (getloadavg(load, 3) < 0)
		load[0] = -1;
	emit(KT_PACK("{ss,s{sf,sf,sf,sf,sf,sf,sf},ss,ss,ss,ss,ss,ss,ss,ss,sf,si}", "kind", "host", "wall_ms",
		     "checkpoint_find", ms(b->find_ns), "checkpoint_build", ms(b->build_ns), "ready_build", ms(b->ready_build_ns),
		     "enabled", since_start(b, b->enabled_ns), "started", since_start(b, b->started_ns), "first_worker",
		     since_start(b, b->go_ns), "total", since_start(b, kt_now_ns()), "checkpoint", b->checkpoint,
		     "checkpoint_key", b->checkpoint_key, "ready", b->ready, "ready_key", b->ready_key, "qemu", b->vm_config.qemu, "kernel", b->kernel.vmlinux, "kernel_why", b->kernel.why,
		     "accel_reason", b->accel_reason, "load1", load[0], "maxrss_kib", (int)ru.ru_maxrss));
}

/* A record of the guest's time; takes the reference. */
static void pass_on(struct boot *b, json_t *record)
{
	if (b->said)
		json_array_append(b->said, record);
	emit(record);
}

/* The last lines of the console as log records. */
static void emit_console_tail(const struct vm *vm)
{
	const char *end = vm->console_tail.buf + vm->console_tail.n, *p = end;

	for (int lines = 0; p > vm->console_tail.buf; p--)
		if (p[-1] == '\n' && p != end && ++lines == CONSOLE_TAIL_LINES)
			break;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (n && p[n - 1] == '\r')
			n--;
		_cleanup_free_ char *line = printable(p, MIN(n, CONSOLE_LINE_MAX));
		if (n)
			emit(KT_PACK("{ss,ss,ss}", "kind", "log", "source", "console", "text", line));
		p = nl ? nl + 1 : end;
	}
}

/* The guest's end record: its own claim of how the scenario went. */
static void take_end(struct result *r, json_t *record)
{
	const char *outcome = json_string_value(json_object_get(record, "outcome"));
	const char *reason = json_string_value(json_object_get(record, "reason"));

	for (int i = 0; outcome_names[i]; i++)
		if (outcome && streq(outcome, outcome_names[i])) {
			r->outcome = (enum outcome)i;
			_cleanup_free_ char *text = printable(reason ? reason : "", strnlen(reason ? reason : "", 800));
			kt_fail(&r->why, "%s", text);
			return;
		}
	r->outcome = LOST;
	kt_fail(&r->why, "the guest's end record says nothing known");
}

static bool same_topology(const struct boot *b, json_t *record, struct result *r)
{
	struct kt_errs errs = { 0 };
	struct topo seen;
	char diff[256];
	/* The plan's members, in the plan's shape. */
	json_auto_t *as_plan = KT_PACK("{ss,si,ss,sO*,sO*}", "kind", "plan", "ktstr", 1, "name", b->plan.name,
				       "cpus", json_object_get(record, "cpus"), "nodes", json_object_get(record, "nodes"));

	if (topo_from_json(as_plan, "the guest's topology", &seen, &errs) < 0) {
		kt_fail(&r->why, "%s", errs.msgs[0]);
		r->outcome = LOST;
		kt_errs_deinit(&errs);
		return false;
	}
	if (topo_diff(&b->plan, &seen, diff, sizeof(diff))) {
		kt_fail(&r->why, "the guest does not see the planned topology: %s", diff);
		r->outcome = UNSUPPORTED;
	}
	topo_deinit(&seen);
	return r->outcome != UNSUPPORTED;
}

/* The guest stands until this has been done. */
static bool take_request(struct boot *b, json_t *record, struct result *r)
{
	const char *event = json_string_value(json_object_get(record, "event"));
	json_auto_t *request = record;
	char *note = NULL;

	if (event && (streq(event, "memory") || streq(event, "symbols"))) {
		r->outcome = ERROR;
		return boot_memory(b, request, &r->why) || reader_gone;
	}
	b->enabled_ns = b->enabled_ns ? b->enabled_ns : kt_now_ns();
	pass_on(b, boot_watchdog(b, request, &note));
	if (note)
		pass_on(b, report_log("host", note, strlen(note)));
	free(note);
	return reader_gone;
}

/* One record from the guest. True: the run is over, *r says how. */
static bool take_record(struct boot *b, json_t *record, struct result *r)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));
	bool over = false;

	if (streq(kind, "end")) {
		take_end(r, record);
		json_decref(record);
		return true;
	}
	if (streq(kind, "request"))
		return take_request(b, record, r);
	if (streq(kind, "guest")) {
		over = !same_topology(b, record, r);
	} else if (streq(kind, "phase") && !b->go_ns) {
		b->go_ns = kt_now_ns();
	} else if (streq(kind, "op")) {
		boot_memory_result(b, record);
	}
	pass_on(b, record);
	return over || reader_gone;
}

/* Pass on what is there. True: the run is over. */
static bool take_records(struct boot *b, struct guestlink *link, struct result *r)
{
	bool bad = false;

	for (json_t *record; (record = guestlink_next(link, &bad, &r->why));)
		if (take_record(b, record, r))
			return true;
	return bad;
}

/* Until the run is over, and *r says how; or, true, until a guest that is being set up stands ready. */
static bool follow(struct boot *b, struct guestlink *link, int64_t deadline, struct result *r)
{
	char reason[700];

	for (;;) {
		enum vm_event ev = vm_wait(&b->vm, true, deadline);

		r->outcome = LOST;
		switch (ev) {
		case VM_EV_OUT:
			switch (guestlink_read(link, b->vm.out, &r->why)) {
			case -1:
				return false;
			case 0:
				if (!vm_clock_holds(&b->vm, SHIM_GIVES_TURNS, &r->why))
					return false;
				break;
			case 1: /* QEMU is going; its exit says why */
				close(b->vm.out);
				b->vm.out = -1;
			}
			if (take_records(b, link, r))
				return false;
			if (link->asks)
				vm_answer(&b->vm);
			break;
		case VM_EV_QMP: /* nothing was asked; of what comes unasked, two things matter */
			vm_qmp_listen(&b->vm);
			if (b->said && vm_qmp_saw(&b->vm, "GUEST_PANICKED"))
				return true;
			if (vm_qmp_saw(&b->vm, "WATCHDOG")) {
				kt_fail(&r->why, "the guest hangs: ktstr-work did not get to run for 30 s of guest time");
				return false;
			}
			break;
		case VM_EV_EXIT:
			kt_fail(&r->why, "%s", vm_exit_reason(&b->vm, reason, sizeof(reason)));
			return false;
		case VM_EV_SIGNAL:
			return false; /* boot_run() names it */
		case VM_EV_TIMEOUT:
			kt_fail(&r->why, "the wall-clock limit of %.0f s is up", (double)b->timeout_ns / NSEC_PER_SEC);
			return false;
		}
	}
}

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

	r->outcome = LOST;
	if (record && json_object_get(record, "outcome"))
		take_end(r, record);
}

static struct checkpoint_opts checkpoint_opts(const struct boot *b, int64_t deadline)
{
	return (struct checkpoint_opts){
		.kernel_release = b->kernel.release,
		.kernel_sha256 = b->kernel.sha256,
		.signals = b->signals,
		.console_to = { b->console_live ? stderr : NULL, b->console_kept },
		.boot_limit_ns = MIN(deadline - kt_now_ns(), (BOOT_LIMIT_S + BOOT_LIMIT_PER_CPU_S * (int64_t)b->plan.nr_cpus) * NSEC_PER_SEC),
		.deadline_ns = deadline,
		.cache_limit = b->cache_limit,
	};
}

static int get_booted(struct boot *b, struct checkpoint *booted, int64_t deadline, struct result *r)
{
	struct checkpoint_opts o = checkpoint_opts(b, deadline);

	int ok = checkpoint_get(&b->vm_config, &o, &b->vm, booted, &r->why);
	b->find_ns = booted->find_ns;
	b->build_ns = booted->build_ns;
	if (ok < 0) {
		boot_failed(r, booted);
		return -1;
	}
	b->checkpoint = booted->built ? "built" : "found";
	memcpy(b->checkpoint_key, booted->key, sizeof(booted->key));
	return 0;
}

static void keep_file(const struct boot *b, const char *name, const void *data, size_t n)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", b->keep, name);
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	if (!f || fwrite(data, 1, n, f) != n || fflush(f))
		die(KT_TROUBLE, "cannot write '%s': %s", path, strerror(errno));
}

/* With these two, and descriptors as --dry-run lists them, the run can be had by hand. */
static void keep_inputs(const struct boot *b, const struct strv *args, int payload)
{
	_cleanup_free_ char *line = strv_shell(args);
	off_t n = lseek(payload, 0, SEEK_END);
	void *data = mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, payload, 0);

	if (data == MAP_FAILED)
		die(KT_TROUBLE, "cannot read the payload: %s", strerror(errno));
	keep_file(b, "qemu.cmd", line, strlen(line));
	keep_file(b, "payload.cpio", data, (size_t)n);
	munmap(data, (size_t)n);
}

/* A guest that boots, or starts from booted; or, if it is there, from ready. */
static int start_guest(struct boot *b, enum vm_start start, const struct checkpoint *booted, const struct checkpoint *ready,
		       int64_t deadline, struct kt_err *err)
{
	struct strv args = { 0 };

	vm_deinit(&b->vm);
	vm_init(&b->vm);
	b->vm.turns = b->vm_config.virtual_clock ? b->vm_config.turns : -1;
	b->vm.signals = b->signals;
	b->vm.console_to[0] = b->console_live ? stderr : NULL;
	b->vm.console_to[1] = b->console_kept;
	if (!b->vm_config.virtual_clock && (b->nr_schedulers || b->memory))
		b->vm.out_size = VM_OUT_SMALL; /* GUESTLINK_PADDING */
	vm_args(&b->vm_config, start, &args);
	if (b->keep)
		keep_inputs(b, &args, b->payload);
	memcpy(b->ram, booted->ram, sizeof(b->ram));
	int r = vm_spawn(&b->vm, &args, b->payload, ready ? ready->state : booted->state, booted->ram, booted->nr_ram, err);
	strv_deinit(&args);
	if (!r && start == VM_COLD)
		r = vm_qmp_greeting(&b->vm, b->plan.qemu_version, deadline, err);
	else if (!r)
		r = vm_qmp_hello(&b->vm, b->plan.qemu_version, deadline, err) ||
			(ready && checkpoint_apply(ready, booted, &b->plan, b->vm.pid, err)) ||
			vm_load(&b->vm, deadline, err) || vm_qmp_cont(&b->vm, deadline, err) ? -1 : 0;
	b->started_ns = kt_now_ns();
	return r;
}

struct set_up {
	struct boot *b;
	struct guestlink *link;
	const struct checkpoint *booted;
	int64_t deadline;
	struct result *r;
};

/* checkpoint_setup's run(). */
static int set_up(void *ctx, struct checkpoint *c, struct kt_err *err)
{
	struct set_up *s = ctx;
	struct boot *b = s->b;

	if (start_guest(b, VM_SET_UP, s->booted, NULL, s->deadline, err))
		return -1;
	b->said = json_array();
	bool ready = follow(b, s->link, s->deadline, s->r);
	int r = !ready ? 1 : checkpoint_take(c, s->booted, &b->plan, &b->vm, s->deadline, err);
	/* What it wrote before it stopped is all there. */
	for (int64_t was = -1; !r && was != s->link->total;) {
		was = s->link->total;
		if (guestlink_read(s->link, b->vm.out, err) < 0)
			r = -1;
		else if (take_records(b, s->link, s->r))
			r = 1;
	}
	if (!r && s->link->n)
		r = kt_fail(err, "the guest stopped in the middle of a line");
	vm_kill(&b->vm);
	c->said = KT_PACK("{so sO* sO*}", "records", take(b->said), "symbols", b->symbols, "memory", b->memory);
	return r;
}

/* What a guest that was set up before has said, and had looked up, then. */
static void remember(struct boot *b, const json_t *said)
{
	json_t *record, *memory = json_object_get(said, "memory");
	size_t i;

	json_array_foreach(json_object_get(said, "records"), i, record) {
		emit(json_incref(record));
	}
	b->symbols = json_incref(json_object_get(said, "symbols"));
	if (memory)
		json_array_extend(b->memory, memory);
}

/* Set the guest up, or find it ready. -1: the run is over, and *r says how. */
static int get_ready(struct boot *b, struct guestlink *link, const struct checkpoint *booted, struct checkpoint *ready,
		     int64_t deadline, struct result *r)
{
	struct checkpoint_opts o = checkpoint_opts(b, deadline);
	struct set_up s = { b, link, booted, deadline, r };
	struct checkpoint_setup setup = { b->spec.name, b->payload_sha256, set_up, &s };

	if (checkpoint_set_up(&b->vm_config, &o, booted, &setup, ready, &r->why))
		return -1;
	b->ready = ready->built ? "built" : "found";
	b->ready_build_ns = ready->build_ns;
	memcpy(b->ready_key, ready->key, sizeof(ready->key));
	if (!ready->built)
		remember(b, ready->said);
	return 0;
}

static void run_guest(struct boot *b, struct guestlink *link, struct result *r)
{
	int64_t deadline = b->start_ns + b->timeout_ns;
	struct checkpoint booted, ready;
	bool twice = !b->cold && b->vm_config.virtual_clock;

	checkpoint_init(&booted, b->plan.nr_nodes);
	checkpoint_init(&ready, b->plan.nr_nodes);
	r->outcome = LOST;
	if (b->cold ? anonymous_ram(&b->plan, &booted, &r->why) : get_booted(b, &booted, deadline, r))
		;
	else if (b->prepare)
		r->outcome = DONE;
	else if ((!twice || !get_ready(b, link, &booted, &ready, deadline, r)) &&
		 !start_guest(b, b->cold ? VM_COLD : VM_RUN, &booted, twice ? &ready : NULL, deadline, &r->why))
		follow(b, link, deadline, r);
	vm_kill(&b->vm);
	checkpoint_deinit(&booted);
	checkpoint_deinit(&ready);
}

const char *boot_interrupted(const struct boot *b)
{
	struct signalfd_siginfo info;

	return read(b->signals, &info, sizeof(info)) == sizeof(info) ? sigabbrev_np((int)info.ssi_signo) : NULL;
}

/* vm_qmp_greeting() or ktstr-turns.so said how. */
static bool unsuitable_qemu(const struct boot *b)
{
	const struct vm *vm = &b->vm;

	if (!vm->pid && WIFEXITED(vm->status) && WEXITSTATUS(vm->status) == KT_CANNOT_TELL)
		return true;
	if (!*vm->qemu_version)
		return false;
	return (*b->plan.qemu_version && !streq(vm->qemu_version, b->plan.qemu_version)) || vm->no_clock;
}

int boot_run(struct boot *b)
{
	struct result r = { .outcome = LOST };
	struct guestlink link = { 0 };

	b->checkpoint = b->ready = "none";
	if (b->keep) {
		_cleanup_free_ char *path = xasprintf("%s/console.log", b->keep);
		b->console_kept = fopen(path, "we");
		if (!b->console_kept)
			die(KT_TROUBLE, "cannot write '%s': %s", path, strerror(errno));
	}
	emit_run(b);
	run_guest(b, &link, &r);
	const char *sig = boot_interrupted(b);
	if (sig && r.outcome == LOST)
		kt_fail(&r.why, "interrupted by SIG%s", sig);
	if (unsuitable_qemu(b))
		r.outcome = UNSUPPORTED;
	if (r.outcome != DONE && !reader_gone)
		emit_console_tail(&b->vm);
	emit_host(b);
	emit(KT_PACK("{ss,ss,ss}", "kind", "end", "outcome", outcome_names[r.outcome], "reason",
		     r.outcome == DONE ? "" : r.why.msg));
	if (r.outcome != DONE && !reader_gone)
		kt_warn("%s: %s", outcome_names[r.outcome], r.why.msg);
	guestlink_deinit(&link);
	vm_deinit(&b->vm);
	if (b->console_kept && fclose(b->console_kept))
		die(KT_TROUBLE, "cannot write the console's copy: %s", strerror(errno));
	return reader_gone ? KT_OK : outcome_exit[r.outcome];
}

int boot_dry_run(struct boot *b)
{
	struct strv args = { 0 };

	vm_args(&b->vm_config, b->cold ? VM_COLD : VM_RUN, &args);
	_cleanup_free_ char *line = strv_shell(&args);
	printf("%s\n", line);
	printf("# descriptors: %d QMP, %d records, %d console, %d payload, %d saved state, %d ktstr-turns.so, "
	       "%d.. memory, %d answers, %d the shim's page\n", VM_FD_QMP, VM_FD_OUT, VM_FD_CONSOLE, VM_FD_PAYLOAD, VM_FD_STATE, VM_FD_TURNS, VM_FD_RAM0,
	       VM_FD_ANSWER, VM_FD_SHIM);
	printf("# payload: plan.json spec.json args");
	for (size_t i = 0; i < b->programs.n; i++)
		printf(" %s", b->programs.files[i].guest);
	putchar('\n');
	strv_deinit(&args);
	return KT_OK;
}
