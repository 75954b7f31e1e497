// SPDX-License-Identifier: GPL-2.0-only
/*
 * watchdog REQUEST SECONDS ADDRESS=VALUE... - what ktstr-boot does to a guest's memory when a guest asks for its watchdog to
 * be set (boot/watchdog.c), with this process for the guest: its memory is one MiB of zeros and the u64 values that are
 * given, at addresses of a kernel's in hexadecimal. Prints the record, what was to be said besides, and the values afterwards.
 *
 * There is no kernel here that has the variables of old ones; this has none either, but any addresses for them.
 */
#include "libexec/boot/watchdog.h"
#include <sys/mman.h>

enum { MIB = 1 };

static void poke_memory(const struct guestmem *m, const char *arg)
{
	char *end;
	uint64_t address = strtoull(arg, &end, 16), value = strtoull(end + (*end == '='), NULL, 10);
	struct kt_err err;

	if (*end != '=' || guestmem_write(m, address, &value, sizeof(value), &err))
		die(KT_USAGE, "%s: %s", arg, *end == '=' ? err.msg : "is not ADDRESS=VALUE");
}

static void peek_memory(const struct guestmem *m, const char *arg)
{
	uint64_t address = strtoull(arg, NULL, 16), value;
	struct kt_err err;

	if (guestmem_read(m, address, &value, sizeof(value), &err))
		die(KT_TROUBLE, "%s", err.msg);
	printf("%llx=%llu\n", (unsigned long long)address, (unsigned long long)value);
}

int main(int argc, char **argv)
{
	struct topo plan = { .nr_nodes = 1, .nodes = &(struct topo_node){ .memory_mib = MIB } };
	struct guestmem m;
	struct kt_err err;
	int64_t seconds;
	int ram;

	kt_init("watchdog");
	if (argc < 3 || kt_parse_i64(argv[2], "SECONDS", 1, 3600, &seconds, &err))
		die(KT_USAGE, "usage: watchdog REQUEST SECONDS ADDRESS=VALUE...");
	struct watchdog w = { .timeout_ns = seconds * NSEC_PER_SEC, .vmlinux = "none" };
	ram = memfd_create("ram", MFD_CLOEXEC);
	if (ram < 0 || ftruncate(ram, MIB << 20) ||
	    mmap(NULL, MIB << 20, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0) == MAP_FAILED)
		die(KT_TROUBLE, "cannot make memory: %s", strerror(errno));
	json_auto_t *request = kt_json_loads(argv[1], strlen(argv[1]), "REQUEST", &err);
	if (!request || guestmem_open(&m, getpid(), &plan, &ram, &err))
		die(KT_USAGE, "%s", err.msg);
	for (char **arg = argv + 3; *arg; arg++)
		poke_memory(&m, *arg);
	struct kt_err why = { .msg = "" }, failed;
	watchdog_set(&w, &m, request, &why);
	json_auto_t *record = watchdog_record(&w, request);
	if (kt_json_line(stdout, record, &failed))
		die(KT_TROUBLE, "%s", failed.msg);
	if (!w.by)
		printf("watchdog_timeout_s has no effect: %s\n", why.msg);
	for (char **arg = argv + 3; *arg; arg++)
		peek_memory(&m, *arg);
	return KT_OK;
}
