// SPDX-License-Identifier: GPL-2.0-only
/* Records from the guest: see guestlink.h. */
#include "libexec/vm/guestlink.h"
#include "libexec/lib/printable.h"

static const char *const guest_kinds[] = { "guest", "phase", "op", "worker", "payload", "sample", "snapshot", "scheduler", "log", "request",
					   "end" };

int guestlink_read(struct guestlink *g, int fd, struct kt_err *err)
{
	ssize_t n;

	g->asks = false;
	if (g->cap - g->n < 65536) {
		g->cap = g->cap * 2 + 65536;
		g->buf = xrealloc(g->buf, g->cap, 1);
	}
	n = read(fd, g->buf + g->n, g->cap - g->n);
	if (!n)
		return 1;
	if (n < 0)
		return errno != EAGAIN && errno != EINTR ? kt_fail(err, "cannot read from the guest: %s", strerror(errno)) : 0;
	g->n += (size_t)n;
	g->total += n;
	g->asks = g->buf[g->n - 1] == GUESTLINK_ASK;
	g->n -= g->asks;
	if (g->total > GUESTLINK_MAX_TOTAL)
		return kt_fail(err, "the guest wrote more than %lld MiB", (long long)(GUESTLINK_MAX_TOTAL >> 20));
	if (g->n > GUESTLINK_MAX_LINE && !memchr(g->buf, '\n', GUESTLINK_MAX_LINE))
		return kt_fail(err, "the guest wrote a line of more than %d MiB", GUESTLINK_MAX_LINE >> 20);
	return 0;
}

json_t *guestlink_next(struct guestlink *g, bool *bad, struct kt_err *err)
{
	char *nl = g->n > g->scanned ? memchr(g->buf + g->scanned, '\n', g->n - g->scanned) : NULL;

	*bad = false;
	if (!nl) {
		g->scanned = g->n;
		return NULL;
	}
	size_t len = (size_t)(nl - g->buf) + 1;
	if (strspn(g->buf, " ") >= len - 1) { /* what it wrote to wait for us */
		memmove(g->buf, g->buf + len, g->n -= len);
		g->scanned = 0;
		return guestlink_next(g, bad, err);
	}
	struct kt_err parse_err;
	json_t *record = kt_json_loads(g->buf, len, "record", &parse_err);
	memmove(g->buf, g->buf + len, g->n -= len);
	g->scanned = 0;
	const char *kind = json_string_value(json_object_get(record, "kind"));
	for (size_t i = 0; kind && i < ARRAY_SIZE(guest_kinds); i++)
		if (streq(kind, guest_kinds[i]))
			return record;
	const char *what = !record ? parse_err.msg : kind ? kind : "(none)";
	_cleanup_free_ char *text = printable(what, strnlen(what, 200));
	if (record)
		kt_fail(err, "the guest sent a record of kind '%s', which is not its to send", text);
	else
		kt_fail(err, "the guest wrote garbage: %s", text);
	json_decref(record);
	*bad = true;
	return NULL;
}

void guestlink_deinit(struct guestlink *g)
{
	free(g->buf);
	*g = (struct guestlink){ 0 };
}
