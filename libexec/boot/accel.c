// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which accelerator, which clock, and why. A /dev/kvm that opens is not a KVM that boots (a nested one may die on an
 * MSR, in the decompressor, or hang without a word), so KVM is believed only after a canary guest has come up under it.
 * The answer is kept in the cache, per machine, host kernel and QEMU. See accel.h.
 */
#include "libexec/boot/accel.h"
#include "libexec/boot/signals.h"
#include "libexec/lib/cache.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum { CANARY_LIMIT_S = 20, CANARY_MEMORY_MIB = 256 };

static char *machine_identity(const char *qemu_version)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/machine-id", "re");
	char id[64] = "no machine-id";
	struct utsname uts;

	if (f && fgets(id, sizeof(id), f))
		id[strcspn(id, "\n")] = '\0';
	uname(&uts);
	return xasprintf("%s %s %s %s", id, uts.nodename, uts.release, qemu_version);
}

/* Boot one CPU under KVM until the guest rings. */
static int canary(const struct vm_config *like, int signals, struct kt_err *err)
{
	struct topo_node node = { .memory_mib = CANARY_MEMORY_MIB, .distances = { 10 } };
	struct topo plan = { .nr_cpus = 1, .nr_nodes = 1, .nodes = &node };
	struct vm_config c = *like;
	struct strv args = { 0 };
	struct vm vm;

	c.plan = &plan;
	c.accel = VM_KVM;
	c.virtual_clock = false;
	vm_init(&vm);
	vm.signals = signals;
	vm_args(&c, VM_BOOT, &args);
	_cleanup_close_ int ram = memfd_create("ram", MFD_CLOEXEC), payload = memfd_create("payload", MFD_CLOEXEC);
	int64_t deadline = kt_now_ns() + (int64_t)CANARY_LIMIT_S * NSEC_PER_SEC;
	int r = ram < 0 || payload < 0 || ftruncate(ram, (off_t)CANARY_MEMORY_MIB << 20) < 0 ?
		kt_fail(err, "cannot make the canary's memory: %s", strerror(errno)) :
		vm_spawn(&vm, &args, payload, -1, &ram, 1, err);
	if (!r)
		r = vm_qmp_hello(&vm, "", deadline, err);
	if (!r)
		r = vm_qmp_cont(&vm, deadline, err);
	if (!r)
		r = vm_qmp_event(&vm, "GUEST_PANICKED", deadline, err);
	vm_deinit(&vm);
	strv_deinit(&args);
	return r;
}

/* Whether a guest boots under KVM here; the reason in words either way. */
static bool kvm_usable(const struct vm_config *c, int signals, char **reason)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *identity = machine_identity(c->plan->qemu_version);
	struct kt_err err;

	if (kvm < 0) {
		*reason = xasprintf("/dev/kvm: %s", strerror(errno));
		return false;
	}
	_cleanup_free_ char *path = cache_dir("", &err), *file = xasprintf("%s/kvm.json", path ? path : "");
	if (!path)
		die(KT_TROUBLE, "%s", err.msg);
	json_error_t e;
	json_auto_t *known = json_load_file(file, 0, &e);
	const char *who = json_string_value(json_object_get(known, "machine"));
	const char *why = json_string_value(json_object_get(known, "reason"));
	if (who && why && streq(who, identity)) {
		*reason = xstrdup(why);
		return json_is_true(json_object_get(known, "usable"));
	}

	bool usable = !canary(c, signals, &err);
	const char *sig = usable ? NULL : signals_next(signals);
	if (sig) /* that says nothing about KVM */
		die(KT_TROUBLE, "interrupted by SIG%s", sig);
	*reason = usable ? xstrdup("a canary guest came up under KVM") :
		xasprintf("/dev/kvm opens, but a canary guest does not come up under it: %s", err.msg);
	kt_warn("%s", *reason);
	json_auto_t *answer = KT_PACK("{ss,sb,ss}", "machine", identity, "usable", usable, "reason", *reason);
	_cleanup_free_ char *text = json_dumps(answer, JSON_INDENT(1));
	if (!text || cache_write(file, text, strlen(text), &err) < 0)
		kt_warn("cannot keep this answer in the cache: %s", err.msg);
	return usable;
}

/* make check runs the tests of the virtual clock with these majors; tests/qemu.bats. */
static const int tested_qemus[] = { 7, 10 };

static void check_qemu(const char *version, bool by_name)
{
	int major = (int)strtol(version, NULL, 10);

	if (major == 11) /* measured on 11.1.3, with ktstr-turns.so: one run in six */
		die(KT_CANNOT_TELL, "QEMU %s does not repeat on the virtual clock: use QEMU 7.2 or 10.0, or --clock real", version);
	for (size_t i = 0; i < ARRAY_SIZE(tested_qemus); i++)
		if (major == tested_qemus[i])
			return;
	if (!by_name)
		die(KT_CANNOT_TELL, "the virtual clock is not tested with QEMU %s, only with 7.2 and 10.0: use one of these, --clock virtual "
		    "to use this one all the same, or --clock real", version);
	kt_warn("the virtual clock is not tested with QEMU %s: runs may differ", version);
}

bool boot_kernel_starts_cpus(const char *release)
{
	int major = 0, minor = 0;

	return sscanf(release, "%d.%d", &major, &minor) != 2 || major * 1000 + minor >= 6012;
}

/* What the virtual clock is known not to do; measured, see ktstr-boot(1). */
void boot_check_virtual_clock(const char *qemu_version, bool by_name, const char *kernel_release, unsigned nr_cpus)
{
	check_qemu(qemu_version, by_name);
	if (nr_cpus > 1 && !boot_kernel_starts_cpus(kernel_release))
		die(KT_CANNOT_TELL, "kernel %s hangs while it brings up its CPUs on the virtual clock (6.1 does, 6.12 does not): "
		    "use --clock real", kernel_release);
}

char *boot_choose_accel(const struct accel_options *o, int signals, struct vm_config *c)
{
	char *reason = NULL;

	if (o->clock == CLOCK_IS_VIRTUAL && o->accel == ACCEL_KVM)
		die_usage("--clock virtual counts instructions, which KVM cannot do: use --accel tcg");
	c->accel = VM_TCG;
	if (o->clock == CLOCK_IS_VIRTUAL)
		reason = xstrdup("the virtual clock needs TCG");
	else if (o->accel == ACCEL_TCG)
		reason = xstrdup("asked for");
	else if (o->no_canary && o->accel == ACCEL_AUTO)
		reason = xstrdup("a dry run does not try KVM");
	else if (kvm_usable(c, signals, &reason))
		c->accel = VM_KVM;
	else if (o->accel == ACCEL_KVM)
		die(KT_CANNOT_TELL, "KVM is not usable: %s", reason);
	c->virtual_clock = o->clock == CLOCK_IS_VIRTUAL || (o->clock == CLOCK_AUTO && c->accel == VM_TCG);
	c->icount_shift = o->icount_shift;
	if (c->icount_shift && !c->virtual_clock)
		die_usage("--ns-per-insn needs the virtual clock");
	return reason;
}
