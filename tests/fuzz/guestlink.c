// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hostile guest writes. Only records of the kinds that are the guest's to send come out, and they are the same in whatever
 * pieces the bytes were read. The first byte of the input says in what pieces; each GUESTLINK_ASK ends one anyway, as the vCPU stands
 * there until the host has read.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/vm/guestlink.h"

#include <fcntl.h>

static bool is_hosts(const char *kind)
{
	return streq(kind, "run") || streq(kind, "host") || streq(kind, "sample") || streq(kind, "snapshot");
}

/* All that comes out until the guest breaks a rule: [records, how often it asked, ""], or [records, 0, MESSAGE]. */
static json_t *read_all(const uint8_t *data, size_t size, size_t piece)
{
	_cleanup_(guestlink_deinit) struct guestlink g = { 0 };
	_cleanup_json_ json_t *records = json_array();
	struct kt_err err = { .msg = "" };
	int fds[2], asks = 0;
	bool bad = false, end = false;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		BUG("pipe: %s", strerror(errno));
	_cleanup_close_ int out = fds[0], in = fds[1];
	while (!bad && !end) {
		size_t n = MIN(size, piece);
		const uint8_t *ask = n ? memchr(data, GUESTLINK_ASK, n) : NULL;

		if (ask)
			n = (size_t)(ask - data) + 1;
		if (n ? write(in, data, n) != (ssize_t)n : close(take_fd(in)))
			BUG("pipe: %s", strerror(errno));
		data += n;
		size -= n;
		int rc = guestlink_read(&g, out, &err);
		if (rc == (n > 0) || (rc < 0) != !!*err.msg)
			BUG("%zu bytes, and %d, '%s'", n, rc, err.msg);
		bad = rc < 0;
		end = rc > 0;
		asks += g.asks;
		if (g.asks != !!ask)
			BUG("asks, and has not written so");
		for (json_t *r; !bad && ((r = guestlink_next(&g, &bad, &err)) || bad);) {
			const char *kind = json_string_value(json_object_get(r, "kind"));

			if (bad == !!r || bad != !!*err.msg || (r && (!kind || is_hosts(kind))))
				BUG("%s, and '%s'", kind ? kind : "no record", err.msg);
			if (r)
				json_array_append_new(records, r);
		}
	}
	/* How far the asks came depends on the pieces; a message may quote bytes that are no UTF-8, at its end. */
	return KT_PACK("[O, i, o]", records, bad ? 0 : asks, json_stringn(err.msg, strnlen(err.msg, 20)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	_cleanup_json_ json_t *whole = read_all(data + 1, size - 1, 1 << 15), *pieces = read_all(data + 1, size - 1, 4 * data[0] + 1U);

	if (!json_equal(whole, pieces))
		BUG("other records in pieces");
	return 0;
}
