// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timeout of sched_ext's watchdog (watchdog.h), written into the guest's memory when a scheduler has been enabled. No scheduler need
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
#include "libexec/boot/watchdog.h"
#include "libexec/look/btf.h"
#include "libexec/lib/json.h"
#include <bpf/btf.h>

struct place { uint64_t timeout, interval, timestamp; const char *by; };

static uint64_t symbol(const json_t *request, const char *name)
{
	const char *s = json_string_value(json_object_get(json_object_get(request, "symbols"), name));

	return s ? strtoull(s, NULL, 16) : 0;
}

/* Offset of scx_sched.watchdog_timeout; -1 and err. */
static int64_t member_offset(struct watchdog *w, struct kt_err *err)
{
	struct btf_place p = { 0 };

	if (w->member)
		return (int64_t)w->member - 1;
	struct btf *btf = btf__parse(w->vmlinux, NULL);

	if (!btf)
		return kt_fail(err, "the kernel's BTF cannot be read: %s", strerror(errno));
	int bad = btf_find_place(btf, BTF_KIND_STRUCT, "scx_sched", "watchdog_timeout", &p, err);
	btf__free(btf);
	if (bad)
		return -1;
	w->member = p.offset + 1;
	return (int64_t)p.offset;
}

static int find_timeout(struct watchdog *w, const struct guestmem *m, const json_t *request, struct place *ret, struct kt_err *err)
{
	uint64_t root = symbol(request, "scx_root"), sched;

	*ret = (struct place){ symbol(request, "scx_watchdog_timeout"), symbol(request, "scx_watchdog_interval"),
			       symbol(request, "scx_watchdog_timestamp"), "scx_watchdog_timeout" };
	if (ret->timeout)
		return 0;
	if (!root)
		return kt_fail(err, "the kernel has neither scx_watchdog_timeout nor scx_root");
	int64_t offset = member_offset(w, err);
	if (offset < 0 || guestmem_read(m, root, &sched, sizeof(sched), err))
		return -1;
	ret->timeout = sched + (uint64_t)offset;
	ret->by = "scx_sched.watchdog_timeout";
	return 0;
}

int watchdog_set(struct watchdog *w, const struct guestmem *m, const json_t *request, struct kt_err *err)
{
	uint64_t jiffy_ns = (uint64_t)json_integer_value(json_object_get(request, "jiffy_ns"));
	uint64_t timeout, half, last, old;
	struct place p;

	w->was_ns = 0;
	w->by = NULL;
	if (!jiffy_ns)
		return kt_fail(err, "the guest does not know its jiffies");
	if (find_timeout(w, m, request, &p, err) || guestmem_read(m, p.timeout, &old, sizeof(old), err))
		return -1;
	timeout = MAX((uint64_t)w->timeout_ns / jiffy_ns, 1);
	half = MAX(timeout / 2, 1);
	w->was_ns = (int64_t)(old * jiffy_ns);
	if (guestmem_write(m, p.timeout, &timeout, sizeof(timeout), err) ||
	    (p.interval && guestmem_write(m, p.interval, &half, sizeof(half), err)))
		return -1;
	if (timeout < old && p.timestamp) {
		if (guestmem_read(m, p.timestamp, &last, sizeof(last), err))
			return -1;
		last += old / 2;
		if (guestmem_write(m, p.timestamp, &last, sizeof(last), err))
			return -1;
	}
	w->by = p.by;
	return 0;
}

json_t *watchdog_record(const struct watchdog *w, const json_t *request)
{
	return KT_PACK("{ss sO? sO? ss sI sI ss?}", "kind", "scheduler", "name", json_object_get(request, "name"),
		       "how", json_object_get(request, "how"), "event", "watchdog",
		       "timeout_ns", (json_int_t)w->timeout_ns, "was_ns", (json_int_t)w->was_ns, "by", w->by);
}
