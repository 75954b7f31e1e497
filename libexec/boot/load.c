// SPDX-License-Identifier: GPL-2.0-only
/* The inputs of a run: spec, plan, kernel, guest image; and the payload made of them. See boot.h. */
#include "libexec/boot/boot.h"
#include "libexec/lib/cpio.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/mman.h>

/* 64 MiB a CPU is what the kernel's own per-CPU memory and a few workers take. */
enum { MIN_MEMORY_MIB = 256, MIN_MEMORY_PER_CPU_MIB = 64, MAX_PAYLOAD_PART = 4 };

static void load_plan(struct boot *b, struct kt_errs *errs)
{
	const char *path = b->plan_path ? b->plan_path : "-";
	struct kt_err err;

	if (!b->plan_path && isatty(STDIN_FILENO))
		die_usage("no plan: pipe ktstr-topo into this, or use --plan");
	b->plan_json = kt_json_load(path, &err);
	if (!b->plan_json)
		die(KT_USAGE, "plan: %s", err.msg);
	if (topo_from_json(b->plan_json, b->plan_path ? b->plan_path : "plan", &b->plan, errs) < 0) {
		kt_errs_print(errs);
		exit(KT_USAGE);
	}
	if (!b->plan.qemu_args)
		die(KT_USAGE, "the plan has no QEMU arguments (made with --no-qemu): it cannot be booted");
}

/* The spec's memory, spread as the plan spreads it. */
static void scale_memory(struct boot *b)
{
	unsigned last = 0;
	uint64_t total = 0, floor = MAX(MIN_MEMORY_MIB, MIN_MEMORY_PER_CPU_MIB * b->plan.nr_cpus), want, left;

	for (unsigned i = 0; i < b->plan.nr_nodes; i++) {
		total += b->plan.nodes[i].memory_mib;
		last = b->plan.nodes[i].memory_mib ? i : last;
	}
	want = MAX(floor, b->spec.memory_mib ? b->spec.memory_mib : total);
	left = want;
	for (unsigned i = 0; i < b->plan.nr_nodes; i++) {
		if (!b->plan.nodes[i].memory_mib)
			continue;
		uint64_t share = i == last ? left : MAX(1, want * b->plan.nodes[i].memory_mib / total);

		b->plan.nodes[i].memory_mib = share;
		left -= MIN(left, share);
	}
	json_decref(b->plan_json);
	b->plan_json = topo_to_json(&b->plan);
}

char *boot_own_path(const char *in_tree, const char *installed)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		die(KT_TROUBLE, "cannot read /proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	const char *dir = dirname(self);
	char *path = xasprintf("%s/%s", dir, in_tree);
	if (!access(path, R_OK))
		return path;
	_cleanup_free_ char *other = xasprintf("%s/../libexec/ktstr/%s", dir, installed);
	if (access(other, R_OK))
		die(KT_TROUBLE, "cannot find %s: run make", path);
	free(path);
	return take(other);
}

static int add_json(FILE *f, const char *name, const json_t *j, struct kt_err *err)
{
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (!text)
		BUG("json_dumps failed");
	return cpio_add(f, name, 0100644, text, strlen(text), err);
}

static void drop_checks(json_t *spec)
{
	json_t *payloads = json_copy(json_object_get(spec, "payloads")), *payload;
	const char *name;

	if (!payloads)
		return;
	json_object_foreach(payloads, name, payload) {
		payload = json_copy(payload);
		json_object_del(payload, "checks");
		json_object_set_new(payloads, name, payload);
	}
	json_object_set_new(spec, "payloads", payloads);
}

/* The seed is in them, before the guest is told it: such a spec is set up for each anew. */
static bool draws_affinities(const struct spec *s)
{
	for (size_t i = 0; i < s->nr_batches; i++)
		if (s->batches[i].work->affinity.kind == AFFINITY_RANDOM_SUBSET)
			return true;
	return false;
}

int boot_payload(struct boot *b, struct kt_err *err)
{
	_cleanup_close_ int fd = memfd_create("payload", MFD_CLOEXEC);
	_cleanup_free_ char *args = xasprintf("--guest\n%s--plan\nplan.json\n--seed\n%lld\nspec.json\n",
					      b->vm_config.virtual_clock ? "--virtual-clock\n" : "",
					      (long long)(draws_affinities(&b->spec) ? b->seed : 0));
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	json_auto_t *spec = json_copy(b->spec.json);

	/* Each byte that the guest reads shifts the schedule, and a threshold must not change what it judges. */
	json_object_del(spec, "seed"); /* the guest asks for it: vm_args() */
	json_object_del(spec, "assert");
	json_object_del(spec, "description");
	json_object_del(spec, "expect");
	json_object_del(spec, "required_flags");
	json_object_del(spec, "excluded_flags");
	drop_checks(spec);
	if (!f)
		return kt_fail(err, "cannot make the payload: %s", strerror(errno));
	int r = boot_payload_schedulers(b, spec, f, err) < 0 || add_json(f, "run/ktstr/plan.json", b->plan_json, err) < 0 ||
		add_json(f, "run/ktstr/spec.json", spec, err) < 0 ||
		cpio_add(f, "run/ktstr/args", 0100644, args, strlen(args), err) < 0 ||
		closure_pack(&b->programs, f, err) < 0 || cpio_end(f, err) < 0;
	if (fclose(f) && !r)
		r = kt_fail(err, "cannot make the payload: %s", strerror(errno));
	return r ? -1 : take_fd(fd);
}

/* What the spec runs in the guest is found here, so that what is missing is known before anything starts. */
static void load_programs(struct boot *b)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;

	b->programs = closure_init(b->spec_dir);
	for (size_t i = 0; i < b->spec.nr_programs; i++) {
		const struct program *p = b->spec.programs[i];

		if (closure_add_program(&b->programs, p->program, program_getenv(p, "LD_LIBRARY_PATH"), NULL, &err))
			kt_errs_add(&errs, "%s", err.msg);
		for (size_t k = 0; k < json_array_size(p->files); k++)
			if (closure_add_file(&b->programs, json_string_value(json_array_get(p->files, k)), &err))
				kt_errs_add(&errs, "%s", err.msg);
	}
	if (!errs.n)
		boot_load_schedulers(b);
	b->payload = errs.n ? -1 : boot_payload(b, &err);
	if (!errs.n && b->payload < 0)
		kt_errs_add(&errs, "%s", err.msg);
	off_t size = errs.n ? 0 : lseek(b->payload, 0, SEEK_END);
	uint64_t memory = 0;
	for (unsigned i = 0; i < b->plan.nr_nodes; i++)
		memory += b->plan.nodes[i].memory_mib;
	/* It is there twice for a while: as it came, and unpacked. */
	if ((uint64_t)size >> 20 > memory / MAX_PAYLOAD_PART)
		kt_errs_add(&errs, "the programs take %lld MiB, more than a quarter of the guest's %llu: raise memory_mb",
			    (long long)size >> 20, (unsigned long long)memory);
	if (errs.n) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
}

json_t *boot_load_spec(struct boot *b)
{
	struct kt_err err;
	json_t *doc = kt_json_load(b->spec_path, &err);

	if (!doc)
		die(strncmp(err.msg, "cannot open", 11) ? KT_USAGE : KT_TROUBLE, "%s", err.msg);
	boot_override_scheduler(b, doc);
	return doc;
}

void boot_load(struct boot *b)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;

	if (checkpoint_limit(&b->cache_limit, &err) < 0)
		die(KT_USAGE, "%s", err.msg);
	json_auto_t *doc = boot_load_spec(b);
	load_plan(b, &errs);
	if (spec_from_json(doc, b->spec_path, &b->plan, &b->spec, &errs) < 0) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
	boot_choose_profile(b);
	if (b->work_type && spec_override_work(&b->spec, b->work_type, &err))
		die(KT_USAGE, "--work-type: %s", err.msg);
	if (b->seed < 0)
		b->seed = b->spec.seed;
	scale_memory(b);

	enum kt_exit code = kernel_resolve(b->kernel_arg, &b->kernel, &err);
	if (code != KT_OK)
		die(code, "%s", err.msg);
	kt_warn("kernel %s", b->kernel.why);
	boot_check_sched_ext(b);
	boot_settle_memory(b);
	b->image = boot_own_path("../guest/ktstr.img", "ktstr.img");
	_cleanup_free_ char *turns = boot_own_path("../libexec/ktstr-turns.so", "ktstr-turns.so");
	b->vm_config.turns = open(turns, O_RDONLY | O_CLOEXEC);
	if (b->vm_config.turns < 0)
		die(KT_TROUBLE, "cannot open '%s': %s", turns, strerror(errno));
	const char *qemu = getenv("KTSTR_QEMU");
	b->vm_config.qemu = qemu && *qemu ? qemu : "qemu-system-x86_64";
	b->vm_config.plan = &b->plan;
	b->vm_config.vmlinux = b->kernel.vmlinux;
	b->vm_config.initrd = b->image;
	b->vm_config.seed = b->seed;
	b->vm_config.kernel_args = b->spec.scheduler.kernel_args;
	boot_choose_accel(b);
	load_programs(b);
	/* A dead-man limit, not a verdict: generous, because a slow host must not fail a test. */
	if (!b->timeout_ns)
		b->timeout_ns = (300 + 20 * (int64_t)b->plan.nr_cpus) * NSEC_PER_SEC + 60 * b->spec.total_ns;
}
