// SPDX-License-Identifier: GPL-2.0-only
/* The report, as it is written: see records.h. */
#include "libexec/boot/records.h"
#include "libexec/lib/printable.h"
#include <sys/resource.h>

enum { CONSOLE_TAIL_LINES = 40, CONSOLE_LINE_MAX = 500 };

void records_emit(struct records *r, json_t *record)
{
	json_auto_t *j = record;
	struct kt_err err;

	if (r->reader_gone)
		return;
	if (kt_json_line(stdout, j, &err) < 0 || fflush(stdout)) {
		if (errno != EPIPE)
			die(KT_TROUBLE, "cannot write the report: %s", strerror(errno));
		r->reader_gone = true;
		clearerr(stdout); /* known; nothing for the check at exit */
	}
}

void records_pass_on(struct records *r, json_t *record)
{
	if (r->said)
		json_array_append(r->said, record);
	records_emit(r, record);
}

static void emit_console_line(void *ctx, const char *text, size_t n)
{
	if (n && text[n - 1] == '\r')
		n--;
	_cleanup_free_ char *line = printable(text, MIN(n, (size_t)CONSOLE_LINE_MAX));
	if (n)
		records_emit(ctx, KT_PACK("{ss,ss,ss}", "kind", "log", "source", "console", "text", line));
}

void records_emit_console(struct records *r, const struct tail *console)
{
	tail_lines(console, CONSOLE_TAIL_LINES, emit_console_line, r);
}

void records_pass_on_splats(struct records *r, const struct splats *splats)
{
	for (unsigned i = 0; i < splats->kept; i++) {
		_cleanup_free_ char *text = printable(splats->text[i], strlen(splats->text[i]));

		records_pass_on(r, KT_PACK("{ss,ss}", "kind", "splat", "text", text));
	}
	/* No pattern that is meant for one complaint allows what was not kept. */
	_cleanup_free_ char *more = splats->more ? xasprintf("(%u more complaints)", splats->more) : NULL;
	if (more)
		records_pass_on(r, KT_PACK("{ss,ss}", "kind", "splat", "text", more));
}

/* What of the host's is in the guest, with digests; NULL: nothing. */
static json_t *files_in_guest(const struct closure *programs, const struct boot_schedulers *schedulers)
{
	json_t *files = closure_to_json(programs);

	boot_list_objects(schedulers, files);
	if (json_array_size(files))
		return files;
	json_decref(files);
	return NULL;
}

json_t *run_record(const struct boot_inputs *in)
{
	const struct flags *flags = &in->spec.scheduler.flags;
	const struct vm_config *c = &in->vm_config;
	_cleanup_free_ char *profile = flags->n ? flags_name(flags, in->profile) : NULL;

	return KT_PACK("{ss,si,ss,sO,so,sO,s{ss,ss},s{ss},ss,ss,ss,si,sI,ss*,so*}", "kind", "run", "ktstr", 1,
		       "name", in->spec.name, "spec", in->spec.json, "batches", spec_batches_to_json(&in->spec),
		       "plan", in->plan_json, "kernel", "release", in->kernel.release, "sha256", in->kernel.sha256,
		       "qemu", "version", in->plan.qemu_version, "accel", c->accel == VM_KVM ? "kvm" : "tcg",
		       "clock", c->virtual_clock ? "virtual" : "real", "compute", spec_compute_names[in->compute], "ns_per_insn", 1 << c->icount_shift,
		       "seed", (json_int_t)in->seed, "profile", profile,
		       "programs", files_in_guest(&in->programs, &in->schedulers));
}

static double ms(int64_t ns)
{
	return (double)(ns / NSEC_PER_USEC) / 1000;
}

/* When something was, from the start; -1: it was not. */
static double since_start(const struct host_facts *f, int64_t ns)
{
	return ns ? ms(ns - f->start_ns) : -1;
}

static json_t *turns_to_json(const struct shim_page *p)
{
	return !p ? NULL : KT_PACK("{sI,sI,sI}", "given", (json_int_t)p->turns, "longest_overrun_ns", (json_int_t)p->overrun_ns,
				   "main_thread_releases", (json_int_t)p->releases);
}

json_t *host_record(const struct host_facts *f, const struct shim_page *turns, const struct boot_inputs *in)
{
	double load[3] = { 0 };
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	if (getloadavg(load, 3) < 0)
		load[0] = -1;
	return KT_PACK("{ss,s{sf,sf,sf,sf,sf,sf,sf},so*,ss,ss,ss,ss,ss,ss,ss,ss,sf,si}", "kind", "host", "wall_ms",
		       "checkpoint_find", ms(f->booted.find_ns), "checkpoint_build", ms(f->booted.build_ns),
		       "ready_build", ms(f->ready.build_ns), "enabled", since_start(f, f->enabled_ns),
		       "started", since_start(f, f->started_ns), "first_worker", since_start(f, f->first_worker_ns),
		       "total", since_start(f, kt_now_ns()), "turns", turns_to_json(turns),
		       "checkpoint", f->booted.how, "checkpoint_key", f->booted.key, "ready", f->ready.how, "ready_key", f->ready.key,
		       "qemu", in->vm_config.qemu, "kernel", in->kernel.vmlinux, "kernel_why", in->kernel.why,
		       "accel_reason", in->accel_reason, "load1", load[0], "maxrss_kib", (int)ru.ru_maxrss);
}
