// SPDX-License-Identifier: GPL-2.0-only
/* Requests to the host: see request.h. */
#include "guest/request.h"
#include "guest/hw.h"

void request_wait(bool virtual_clock)
{
	static const char padding[GUESTLINK_PADDING] = { [0 ... GUESTLINK_PADDING - 2] = ' ', '\n' }, ask = GUESTLINK_ASK;

	if (virtual_clock)
		hw_say(&ask, sizeof(ask));
	else
		hw_say(padding, sizeof(padding));
}

void request_host(json_t *request, bool virtual_clock)
{
	json_auto_t *j = request;

	json_object_set_new(j, "kind", json_string("request"));
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT), *line = xasprintf("%s\n", text);
	hw_say(line, strlen(line));
	request_wait(virtual_clock);
}
