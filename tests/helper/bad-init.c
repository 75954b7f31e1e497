// SPDX-License-Identifier: GPL-2.0-only
/*
 * bad-init - a guest's init that misbehaves, as the name of the spec in its payload says. It comes up properly first, so
 * that all its ways share one checkpoint.
 */
#include "guest/hw.h"

#define SAY(s) hw_say(s, sizeof(s) - 1)

static void say_forever(const char *s, size_t n)
{
	for (;;)
		hw_say(s, n);
}

static void misbehave(const char *way)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	if (streq(way, "hang"))
		for (;;)
			;
	if (streq(way, "starve")) {
		hw_watchdog(30);
		for (;;) /* idle time costs nothing: 30 s of spinning would */
			pause();
	}
	if (streq(way, "garbage"))
		SAY("\x01\xff{]\n");
	if (streq(way, "long_line"))
		say_forever(block, sizeof(block));
	if (streq(way, "foreign"))
		SAY("{\"kind\":\"host\",\"wall_ms\":{}}\n");
	if (streq(way, "sample"))
		SAY("{\"kind\":\"sample\",\"at_ns\":1}\n");
	if (streq(way, "snapshot"))
		SAY("{\"kind\":\"snapshot\",\"at_ns\":1}\n");
	if (streq(way, "requests")) /* each waits until the host has answered the one before */
		for (;;)
			SAY("{\"kind\":\"request\",\"jiffy_ns\":4000000,\"symbols\":{\"scx_root\":\"ffffffff82000000\"}}\n\x05");
	if (streq(way, "records")) {
		static const char record[] = "{\"kind\":\"log\",\"text\":\"\"}\n";
		size_t n = 0;

		for (; n + sizeof(record) < sizeof(block); n += sizeof(record) - 1)
			memcpy(block + n, record, sizeof(record) - 1);
		say_forever(block, n);
	}
	if (streq(way, "deep")) {
		memset(block, '[', sizeof(block));
		block[sizeof(block) - 1] = '\n';
		hw_say(block, sizeof(block));
	}
	if (streq(way, "liar"))
		SAY("{\"kind\":\"guest\",\"cpus\":[{\"cpu\":0,\"node\":0,\"llc\":0,\"core\":0,\"thread\":0},"
		    "{\"cpu\":1,\"node\":0,\"llc\":0,\"core\":0,\"thread\":1}],"
		    "\"nodes\":[{\"node\":0,\"cpus\":\"0-1\",\"memory_mib\":200,\"distances\":[10]}]}\n");
	if (streq(way, "odd_end"))
		SAY("{\"kind\":\"end\",\"outcome\":\"passed\"}\n");
	if (streq(way, "gives_up"))
		SAY("{\"kind\":\"end\",\"outcome\":\"unsupported\",\"reason\":\"no can do\"}\n");
	/* "die" and the rest: PID 1 returns, and the kernel panics. */
}

int main(void)
{
	struct kt_err err;
	size_t size;

	if (hw_init(&err) < 0 || hw_fw_cfg_prepare(&err) < 0)
		return 1;
	hw_ready();
	const char *payload;
	char *name = NULL;
	if (hw_fw_cfg_open("opt/ktstr/payload", &size) && hw_fw_cfg_next(&payload) > 0)
		name = memmem(payload, size, "\"name\":\"way_", 12);
	if (!name)
		return 1;
	name += 12;
	name[strcspn(name, "\"")] = '\0';
	misbehave(name);
	return 0;
}
