// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timeout of sched_ext's watchdog, written into the guest's memory when a scheduler has been enabled. No scheduler need
 * know of it, and it may pass the 30 s that the kernel allows schedulers themselves.
 *
 * Where it is: in scx_watchdog_timeout, or, in kernels that do without, in watchdog_timeout of the scx_sched at scx_root,
 * whose place in it the kernel's BTF tells. With neither, the kernel's own stays, and the report says so.
 *
 * The watchdog looks at the tasks every half of its timeout, and each tick looks whether it did so within a whole one. The
 * first look was put on the clock with the old timeout, and cannot be moved; until then ticks must not complain, so the time
 * of the last look, scx_watchdog_timestamp, is put as far ahead as that is away. A scheduler that stalls before is thrown
 * out at that first look, and not earlier. Only a binary's can: a BPF object is loaded with the timeout to begin with.
 */
#include "libexec/boot/boot.h"
#include "libexec/look/btf.h"
#include "libexec/look/guestmem.h"
#include <bpf/btf.h>

struct place { uint64_t timeout, interval, timestamp; const char *by; };

static uint64_t symbol(const json_t *request, const char *name)
{
	const char *s = json_string_value(json_object_get(json_object_get(request, "symbols"), name));

	return s ? strtoull(s, NULL, 16) : 0;
}

/* Offset of scx_sched.watchdog_timeout; -1 and err. */
static int64_t field_offset(const char *vmlinux, struct kt_err *err)
{
	struct btf *btf = btf__parse(vmlinux, NULL);
	struct btf_place p = { 0 };

	if (!btf)
		return kt_fail(err, "the kernel's BTF cannot be read: %s", strerror(errno));
	int bad = btf_find_place(btf, BTF_KIND_STRUCT, "scx_sched", "watchdog_timeout", &p, err);
	btf__free(btf);
	return bad ? -1 : (int64_t)p.offset;
}

static int find(const struct boot *b, const struct guestmem *m, const json_t *request, struct place *ret, struct kt_err *err)
{
	uint64_t root = symbol(request, "scx_root"), sched;

	*ret = (struct place){ symbol(request, "scx_watchdog_timeout"), symbol(request, "scx_watchdog_interval"),
			       symbol(request, "scx_watchdog_timestamp"), "scx_watchdog_timeout" };
	if (ret->timeout)
		return 0;
	if (!root)
		return kt_fail(err, "the kernel has neither scx_watchdog_timeout nor scx_root");
	int64_t offset = field_offset(b->kernel.vmlinux, err);
	if (offset < 0 || guestmem_read(m, root, &sched, sizeof(sched), err))
		return -1;
	ret->timeout = sched + (uint64_t)offset;
	ret->by = "scx_sched.watchdog_timeout";
	return 0;
}

static int set(const struct boot *b, const json_t *request, const char **by, uint64_t *was, struct kt_err *err)
{
	uint64_t jiffy_ns = (uint64_t)json_integer_value(json_object_get(request, "jiffy_ns"));
	uint64_t timeout, half, last, old;
	struct guestmem m;
	struct place p;

	if (!jiffy_ns || guestmem_open(&m, b->vm.pid, &b->plan, b->ram, err) || find(b, &m, request, &p, err) ||
	    guestmem_read(&m, p.timeout, &old, sizeof(old), err))
		return jiffy_ns ? -1 : kt_fail(err, "the guest does not know its jiffies");
	timeout = MAX((uint64_t)b->spec.watchdog_timeout_ns / jiffy_ns, 1);
	half = MAX(timeout / 2, 1);
	*was = old * jiffy_ns;
	*by = p.by;
	if (guestmem_write(&m, p.timeout, &timeout, sizeof(timeout), err) ||
	    (p.interval && guestmem_write(&m, p.interval, &half, sizeof(half), err)))
		return -1;
	if (timeout >= old || !p.timestamp)
		return 0;
	if (guestmem_read(&m, p.timestamp, &last, sizeof(last), err))
		return -1;
	last += old / 2;
	return guestmem_write(&m, p.timestamp, &last, sizeof(last), err);
}

json_t *boot_watchdog(const struct boot *b, const json_t *request, char **note)
{
	const char *by = NULL;
	uint64_t was = 0;
	struct kt_err err;

	if (set(b, request, &by, &was, &err)) {
		*note = xasprintf("watchdog_timeout_s has no effect: %s", err.msg);
		by = NULL;
	}
	return KT_PACK("{ss sO? sO? ss sI sI ss?}", "kind", "scheduler", "name", json_object_get(request, "name"),
		       "how", json_object_get(request, "how"), "event", "watchdog",
		       "timeout_ns", (json_int_t)b->spec.watchdog_timeout_ns, "was_ns", (json_int_t)was, "by", by);
}
