// SPDX-License-Identifier: GPL-2.0-only
/* Records from the guest: see guestlink.h. */
#include "libexec/vm/guestlink.h"
#include "libexec/lib/printable.h"

static const char *const guest_kinds[] = { "guest", "phase", "op", "worker", "payload", "scheduler", "log", "request", "end" };

int guestlink_read(struct guestlink *g, int fd, struct kt_err *err)
{
	struct lines *l = &g->lines;

	l->fd = fd;
	l->max = GUESTLINK_MAX_LINE;
	g->asks = false;
	ssize_t n = lines_read(l, err);
	if (n < 0)
		return kt_context(err, "the guest's records");
	if (!n)
		return l->eof;
	g->total += n;
	g->asks = l->buf[l->end - 1] == GUESTLINK_ASK;
	l->end -= g->asks;
	if (g->total > GUESTLINK_MAX_TOTAL)
		return kt_fail(err, "the guest wrote more than %lld MiB", (long long)(GUESTLINK_MAX_TOTAL >> 20));
	return 0;
}

/* What the guest wrote to wait for us. */
static bool is_padding(const char *line, size_t len)
{
	while (len && line[len - 1] == ' ')
		len--;
	return !len;
}

json_t *guestlink_next(struct guestlink *g, bool *bad, struct kt_err *err)
{
	struct kt_err parse_err;
	const char *line;
	size_t len;
	bool there;

	while ((there = lines_take(&g->lines, &line, &len) && !g->lines.cut) && is_padding(line, len))
		;
	*bad = g->lines.too_long || there;
	if (g->lines.too_long)
		kt_fail(err, "the guest wrote a line of more than %d MiB", GUESTLINK_MAX_LINE >> 20);
	if (g->lines.too_long || !there)
		return NULL;
	json_t *record = kt_json_loads(line, len, "record", &parse_err);
	const char *kind = json_string_value(json_object_get(record, "kind"));
	for (size_t i = 0; kind && i < ARRAY_SIZE(guest_kinds); i++)
		if (streq(kind, guest_kinds[i])) {
			*bad = false;
			return record;
		}
	const char *what = !record ? parse_err.msg : kind ? kind : "(none)";
	_cleanup_free_ char *text = printable(what, strnlen(what, 200));
	if (record)
		kt_fail(err, "the guest sent a record of kind '%s', which is not its to send", text);
	else
		kt_fail(err, "the guest wrote garbage: %s", text);
	json_decref(record);
	return NULL;
}

void guestlink_deinit(struct guestlink *g)
{
	lines_deinit(&g->lines);
	*g = (struct guestlink){ 0 };
}
