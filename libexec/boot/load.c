// SPDX-License-Identifier: GPL-2.0-only
/* The inputs of a run: spec, plan, kernel, guest image. See inputs.h. */
#include "libexec/boot/accel.h"
#include "libexec/boot/inputs.h"
#include "libexec/boot/own-path.h"
#include "libexec/boot/profile.h"
#include "libexec/state/checkpoint.h"
#include <fcntl.h>
#include <libgen.h>

/* 64 MiB a CPU is what the kernel's own per-CPU memory and a few workers take. */
enum { MIN_MEMORY_MIB = 256, MIN_MEMORY_PER_CPU_MIB = 64, MAX_PAYLOAD_PART = 4 };

static void load_plan(const char *path, struct boot_inputs *in, struct kt_errs *errs)
{
	struct kt_err err;

	if (!path && isatty(STDIN_FILENO))
		die_usage("no plan: pipe ktstr-topo into this, or use --plan");
	in->plan_json = kt_json_load(path ? path : "-", &err);
	if (!in->plan_json)
		die(KT_USAGE, "plan: %s", err.msg);
	if (topo_from_json(in->plan_json, path ? path : "plan", &in->plan, errs) < 0) {
		kt_errs_print(errs);
		exit(KT_USAGE);
	}
	if (!in->plan.qemu_args)
		die(KT_USAGE, "the plan has no QEMU arguments (made with --no-qemu): it cannot be booted");
}

/* The spec's memory, spread as the plan spreads it. */
static void scale_memory(struct topo *plan, uint64_t wanted_mib)
{
	unsigned last = 0;
	uint64_t total = 0, floor = MAX(MIN_MEMORY_MIB, MIN_MEMORY_PER_CPU_MIB * plan->nr_cpus), want, left;

	for (unsigned i = 0; i < plan->nr_nodes; i++) {
		total += plan->nodes[i].memory_mib;
		last = plan->nodes[i].memory_mib ? i : last;
	}
	want = MAX(floor, wanted_mib ? wanted_mib : total);
	left = want;
	for (unsigned i = 0; i < plan->nr_nodes; i++) {
		if (!plan->nodes[i].memory_mib)
			continue;
		uint64_t share = i == last ? left : MAX(1, want * plan->nodes[i].memory_mib / total);

		plan->nodes[i].memory_mib = share;
		left -= MIN(left, share);
	}
}

/* What the spec runs in the guest is found here, so that what is missing is known before anything starts. */
static void load_programs(struct boot_inputs *in)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;

	in->programs = closure_init(in->dirs.spec);
	for (size_t i = 0; i < in->spec.nr_programs; i++) {
		const struct program *p = in->spec.programs[i];

		if (closure_add_program(&in->programs, p->program, program_getenv(p, "LD_LIBRARY_PATH"), NULL, &err))
			kt_errs_add(&errs, "%s", err.msg);
		for (size_t k = 0; k < json_array_size(p->files); k++)
			if (closure_add_file(&in->programs, json_string_value(json_array_get(p->files, k)), &err))
				kt_errs_add(&errs, "%s", err.msg);
	}
	if (!errs.n)
		in->schedulers = boot_find_schedulers(&in->spec, &in->dirs, &in->programs);
	in->payload = errs.n ? -1 : boot_make_payload(in, &err);
	if (!errs.n && in->payload < 0)
		kt_errs_add(&errs, "%s", err.msg);
	off_t size = errs.n ? 0 : lseek(in->payload, 0, SEEK_END);
	uint64_t memory = 0;
	for (unsigned i = 0; i < in->plan.nr_nodes; i++)
		memory += in->plan.nodes[i].memory_mib;
	/* It is there twice for a while: as it came, and unpacked. */
	if ((uint64_t)size >> 20 > memory / MAX_PAYLOAD_PART)
		kt_errs_add(&errs, "the programs take %lld MiB, more than a quarter of the guest's %llu: raise memory_mb",
			    (long long)size >> 20, (unsigned long long)memory);
	if (errs.n) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
}

json_t *boot_load_spec(const struct spec_options *o, struct spec_dirs *ret)
{
	struct kt_err err;
	json_t *doc = kt_json_load(o->path, &err);

	if (!doc)
		die(err.code, "%s", err.msg);
	_cleanup_free_ char *copy = xstrdup(o->path);
	ret->spec = xstrdup(o->base ? o->base : dirname(copy));
	ret->scheduler = xstrdup(ret->spec);
	if (o->scheduler)
		boot_override_scheduler(o->scheduler, doc, ret);
	return doc;
}

/* The machine, but for its clock. */
static struct vm_config describe_machine(const struct boot_inputs *in)
{
	const char *qemu = getenv("KTSTR_QEMU");
	_cleanup_free_ char *turns = boot_own_path("../libexec/ktstr-turns.so", "ktstr-turns.so");
	struct vm_config c = {
		.qemu = qemu && *qemu ? qemu : "qemu-system-x86_64",
		.plan = &in->plan,
		.vmlinux = in->kernel.vmlinux,
		.initrd = boot_own_path("../guest/ktstr.img", "ktstr.img"),
		.kernel_args = in->spec.scheduler.kernel_args,
		.turns = open(turns, O_RDONLY | O_CLOEXEC),
		.seed = in->seed,
	};

	if (c.turns < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", turns, strerror(errno));
	return c;
}

static void open_fingerprint(const struct boot_options *o, struct vm_config *c)
{
	if (!c->virtual_clock)
		die_usage("--fingerprint needs the virtual clock");
	c->fingerprint = open(o->fingerprint, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->fingerprint < 0)
		die(KT_TROUBLE, "cannot write '%s': %s", o->fingerprint, strerror(errno));
	c->fingerprint_ns = o->fingerprint_ns;
}

void boot_load(const struct boot_options *o, int signals, struct boot_inputs *in)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;

	if (checkpoint_limit(&in->cache_limit, &err) < 0)
		die(KT_USAGE, "%s", err.msg);
	json_auto_t *doc = boot_load_spec(&o->spec, &in->dirs);
	load_plan(o->plan, in, &errs);
	if (spec_from_json(doc, o->spec.path, &in->plan, &in->spec, &errs) < 0) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
	in->profile = boot_choose_profile(&in->spec, &o->profile);
	if (o->work_type && spec_override_work(&in->spec, o->work_type, &err))
		die(KT_USAGE, "--work-type: %s", err.msg);
	in->seed = o->seed < 0 ? in->spec.seed : o->seed;
	scale_memory(&in->plan, in->spec.memory_mib);
	json_decref(in->plan_json);
	in->plan_json = topo_to_json(&in->plan);

	if (kernel_resolve(o->kernel, &in->kernel, &err))
		die(err.code, "%s", err.msg);
	kt_warn("kernel %s", in->kernel.why);
	boot_check_sched_ext(&in->spec, &in->kernel);
	in->memory = memory_ops_settle(&in->spec, o->spec.path, &in->kernel);
	in->vm_config = describe_machine(in);
	in->accel_reason = boot_choose_accel(&o->accel, signals, &in->vm_config);
	if (in->vm_config.virtual_clock)
		boot_check_virtual_clock(in->plan.qemu_version, o->accel.clock == CLOCK_IS_VIRTUAL, in->kernel.release, in->plan.nr_cpus);
	if (o->fingerprint)
		open_fingerprint(o, &in->vm_config);
	if (!in->vm_config.virtual_clock && o->compute == COMPUTE_MODEL)
		die_usage("--compute model needs the virtual clock");
	in->compute = !in->vm_config.virtual_clock ? COMPUTE_EXECUTE : o->compute < 0 ? in->spec.compute : (enum spec_compute)o->compute;
	in->snapshots = snapshots_load(&o->snapshots, &in->spec, &in->vm_config);
	if (o->trace)
		trace_open(&in->trace, o->trace, &in->snapshots, in->kernel.release, &in->vm_config);
	load_programs(in);
	bool virtual = in->vm_config.virtual_clock;
	in->watches = watches_load(o, &in->spec, &in->snapshots, virtual);
	in->monitor = monitor_init(virtual && !o->snapshots.no_monitor, virtual && ((in->snapshots.exits && in->schedulers.n) || in->watches.n));
	/* A dead-man limit, not a verdict: generous, because a slow host must not fail a test. */
	in->timeout_ns = o->timeout_ns ? o->timeout_ns :
		(300 + 20 * (int64_t)in->plan.nr_cpus) * NSEC_PER_SEC + 60 * in->spec.total_ns;
}
