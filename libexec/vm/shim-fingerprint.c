// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fingerprint of the guest every so many ns of guest time: --fingerprint of ktstr-boot, to find where two runs begin to differ.
 *
 * Taken between two turns, or in a break of one. Nothing in the guest changes by it. A line each:
 *
 *     NS MEMORY VCPUS     guest time since the machine was started, two XXH3 hashes of 16 hexadecimal digits
 *
 * MEMORY covers number and contents of each page that differs, or once differed, from the checkpoint of the booted machine: the
 * memory is mapped copy-on-write, and /proc/self/pagemap tells which pages are QEMU's own. VCPUS covers the registers of each vCPU,
 * as QEMU prints them. The state of devices and of QEMU's timers is in neither; what comes of it is.
 *
 * environment: KTSTR_FINGERPRINT, four numbers: the descriptor for the lines, the ns, the descriptor of the first file of
 * guest memory, and how many of these there are.
 */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "libexec/vm/shim.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PAGE = 4096, ENTRIES = 65536, MAX_NODES = 64, DUMP_SIZE = 32768, DUMP_FPU = 2, FAILED = 1 };

/* Of an entry of /proc/PID/pagemap: see libexec/state/changes.c. */
static const uint64_t page_is_there = UINT64_C(3) << 62, page_is_the_files = UINT64_C(1) << 61;

static int64_t at_ns = INT64_MAX; /* when the next is due; INT64_MAX: never */
static int64_t every_ns;
static int to = -1, pagemap = -1;
static unsigned nr_nodes;
static struct {
	struct stat file;
	const char *base;
	size_t size;
} nodes[MAX_NODES];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "no fingerprint: %s: %m\n", what);
	_exit(FAILED);
}

void shim_fingerprint_init(void)
{
	const char *s = getenv("KTSTR_FINGERPRINT");
	long long ns;
	int ram0;

	if (!s || sscanf(s, "%d %lld %d %u", &to, &ns, &ram0, &nr_nodes) != 4 || nr_nodes > MAX_NODES)
		return;
	for (unsigned i = 0; i < nr_nodes; i++)
		if (fstat(ram0 + (int)i, &nodes[i].file))
			return; /* it is not QEMU that was started, but what closes its descriptors */
	every_ns = ns;
	at_ns = 0;
}

void shim_fingerprint_mapped(const void *at, size_t size, int fd)
{
	struct stat st;

	if (at_ns == INT64_MAX || fstat(fd, &st))
		return;
	for (unsigned i = 0; i < nr_nodes; i++)
		if (st.st_dev == nodes[i].file.st_dev && st.st_ino == nodes[i].file.st_ino) {
			nodes[i].base = at;
			nodes[i].size = size;
		}
}

static void add_pages(XXH3_state_t *h, uint64_t number, const uint64_t *entries, size_t n, const char *base)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t page = number + i;

		if (!(entries[i] & page_is_there) || (entries[i] & page_is_the_files))
			continue;
		XXH3_64bits_update(h, &page, sizeof(page));
		XXH3_64bits_update(h, base + page * PAGE, PAGE);
	}
}

static void add_node(XXH3_state_t *h, const char *base, size_t size)
{
	static uint64_t entries[ENTRIES];

	for (uint64_t at = 0, n; at < size / PAGE; at += n) {
		n = size / PAGE - at < ENTRIES ? size / PAGE - at : ENTRIES;
		size_t bytes = n * sizeof(*entries);
		if (pread(pagemap, entries, bytes, (off_t)(((uintptr_t)base / PAGE + at) * sizeof(*entries))) != (ssize_t)bytes)
			fail("/proc/self/pagemap");
		add_pages(h, at, entries, n, base);
	}
}

static uint64_t hash_memory(void)
{
	static XXH3_state_t h;

	XXH3_64bits_reset(&h);
	for (unsigned i = 0; i < nr_nodes; i++) {
		if (!nodes[i].base)
			fail("QEMU has not mapped the guest's memory");
		add_node(&h, nodes[i].base, nodes[i].size);
	}
	return XXH3_64bits_digest(&h);
}

static uint64_t hash_vcpus(const struct order *o)
{
	static XXH3_state_t h;
	static char text[DUMP_SIZE];

	XXH3_64bits_reset(&h);
	for (unsigned i = 0; i < o->nr_vcpus; i++) {
		FILE *f = fmemopen(text, sizeof(text), "w");
		if (!f)
			fail("fmemopen");
		qemu.dump_vcpu(o->vcpus[i].id, f, DUMP_FPU);
		long n = ftell(f);
		if (n <= 0 || fclose(f))
			fail("cpu_dump_state");
		XXH3_64bits_update(&h, text, (size_t)n);
	}
	return XXH3_64bits_digest(&h);
}

int64_t shim_fingerprint_in(int64_t now)
{
	return at_ns == INT64_MAX ? INT64_MAX : at_ns - now;
}

void shim_fingerprint_if_due(int64_t now)
{
	if (now < at_ns)
		return;
	if (pagemap < 0 && (pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) < 0)
		fail("/proc/self/pagemap");
	if (dprintf(to, "%lld %016llx %016llx\n", (long long)now, (unsigned long long)hash_memory(),
		    (unsigned long long)hash_vcpus(&shim_order)) < 0)
		fail("cannot write");
	at_ns = (now / every_ns + 1) * every_ns;
}
