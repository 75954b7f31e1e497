// SPDX-License-Identifier: GPL-2.0-only
/*
 * bad-init - a guest's init that misbehaves, as the name of the spec in its payload says. It comes up properly first, so
 * that all its ways share one checkpoint. One way is none: "moves" has the kernel move the pages that the payload is read into.
 */
#include "guest/hw.h"
#include <linux/mempolicy.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SAY(s) hw_say(s, sizeof(s) - 1)

static void say_forever(const char *s, size_t n)
{
	for (;;)
		hw_say(s, n);
}

enum { PAGE = 4096, PIECE_PAGES = 65 }; /* as in guest/hw.c: with the page of the DMA's orders */

/* To the other one of two nodes. False: not all of them are there. */
static bool move_pages_away(const char *piece)
{
	int now[PIECE_PAGES], to[PIECE_PAGES], status[PIECE_PAGES];
	const void *pages[PIECE_PAGES];

	for (unsigned i = 0; i < PIECE_PAGES; i++)
		pages[i] = piece + i * PAGE;
	if (syscall(SYS_move_pages, 0, PIECE_PAGES, pages, NULL, now, 0))
		return false;
	for (unsigned i = 0; i < PIECE_PAGES; i++)
		to[i] = !now[i];
	return !syscall(SYS_move_pages, 0, PIECE_PAGES, pages, to, status, MPOL_MF_MOVE) && !memcmp(to, status, sizeof(to));
}

/* FNV-1a of the payload; with `moves`, each piece is read into other pages than the one before, and they are counted. -1: no payload. */
static uint64_t hash_payload(int *moves)
{
	uint64_t hash = 0xcbf29ce484222325;
	const char *piece;
	size_t size;
	ssize_t n;

	if (!hw_fw_cfg_open("opt/ktstr/payload", &size))
		return -1;
	while ((n = hw_fw_cfg_next(&piece)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ (unsigned char)piece[i]) * 0x100000001b3;
		if (moves && !move_pages_away(piece))
			return -1;
		if (moves)
			++*moves;
	}
	return n ? (uint64_t)-1 : hash;
}

static void read_into_moving_pages(void)
{
	int moves = 0;
	uint64_t want = hash_payload(NULL), got = hash_payload(&moves);
	_cleanup_free_ char *record = xasprintf("{\"kind\":\"end\",\"outcome\":\"unsupported\",\"reason\":\"%s, after %d moves\"}\n",
		got == want && want != (uint64_t)-1 ? "the same" : "other bytes", moves);

	hw_say(record, strlen(record));
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
	if (streq(way, "moves"))
		read_into_moving_pages();
	/* "die" and the rest: PID 1 returns, and the kernel panics. */
}

int main(void)
{
	struct kt_err err;
	size_t size;

	/* Where its pages are it learns from /proc/self/pagemap; without, there is no DMA. */
	mkdir("/proc", 0555);
	if (mount("proc", "/proc", "proc", 0, NULL) || hw_init(&err) < 0 || hw_fw_cfg_prepare(&err) < 0)
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
