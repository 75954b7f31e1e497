// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: look VMLINUX SEED
 *
 * A snapshot of a guest that lies: 128 MiB of memory with the page tables of this kernel, in which all else is made up. Most words are
 * pointers to somewhere in it, so lists are circles, trees are graphs, and lengths are absurd. Seed 0: every word is the same
 * pointer. Says how long the record is, and what it has; exits 1 when it would be too long for a report.
 */
#include "libexec/look/snapshot.h"
#include <sys/mman.h>

enum { MIB = 128, CPUS = 4, RECORD_MAX = 16 << 20, PRESENT = 1, LARGE = 1 << 7 };
static const uint64_t image = UINT64_C(0xffffffff80000000), all = UINT64_C(0xffff888000000000);

static uint64_t random_word(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static uint64_t made_up(uint64_t *state)
{
	uint64_t r = random_word(state), at = all + (r >> 8) % ((uint64_t)MIB << 20);

	switch (r & 15) {
	case 0: return r >> 56;                /* a small number */
	case 1: return (r >> 8) & 0xffff;
	case 2: return r;                      /* anything */
	case 3: return 0;
	case 4: return (at & ~UINT64_C(7)) | 2; /* a node of an xarray */
	case 5: return at | 1;                 /* the end of a chain, a locked bucket */
	case 6: return at;
	default: return at & ~UINT64_C(7);
	}
}

static void put_entry(char *ram, uint64_t phys, uint64_t value)
{
	memcpy(ram + phys, &value, sizeof(value));
}

/* One large page for each of the two maps of memory. */
static void make_tables(char *ram, uint64_t top)
{
	memset(ram + top, 0, 4096 * 4);
	put_entry(ram, top + (image >> 39 & 511) * 8, (top + 4096) | PRESENT);
	put_entry(ram, top + 4096 + (image >> 30 & 511) * 8, (top + 2 * 4096) | PRESENT);
	for (uint64_t i = 0; i < MIB / 2; i++)
		put_entry(ram, top + 2 * 4096 + i * 8, i << 21 | PRESENT | LARGE);
	put_entry(ram, top + (all >> 39 & 511) * 8, (top + 3 * 4096) | PRESENT);
	put_entry(ram, top + 3 * 4096 + (all >> 30 & 511) * 8, PRESENT | LARGE);
}

int main(int argc, char **argv)
{
	struct topo plan = { .nr_nodes = 1, .nodes = &(struct topo_node){ .memory_mib = MIB } };
	int fd = memfd_create("ram", MFD_CLOEXEC);
	struct kernel_types types;
	struct guestmem mem;
	struct target t;
	struct kt_err err;

	kt_init("look");
	if (argc != 3)
		die(KT_USAGE, "usage: look VMLINUX SEED");
	char *ram = fd < 0 || ftruncate(fd, MIB << 20) ? MAP_FAILED : mmap(NULL, MIB << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED || kernel_types_read(argv[1], &types, &err) || guestmem_open(&mem, getpid(), &plan, &fd, &err))
		die(KT_TROUBLE, "%s", ram == MAP_FAILED ? strerror(errno) : err.msg);
	uint64_t seed = strtoull(argv[2], NULL, 10), state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (uint64_t at = 0; at < (uint64_t)MIB << 20; at += 8)
		put_entry(ram, at, seed ? made_up(&state) : all + 0x100000);
	uint64_t top = kallsyms_address(&types.symbols, "init_top_pgt") - image;
	uint64_t offsets = kallsyms_address(&types.symbols, "__per_cpu_offset") - image;
	uint64_t runqueues = kallsyms_address(&types.symbols, "runqueues");
	if (top >= (uint64_t)MIB << 20 || offsets >= (uint64_t)MIB << 20)
		die(KT_TROUBLE, "this kernel is too large for the test");
	for (uint64_t cpu = 0; cpu < CPUS; cpu++)
		put_entry(ram, offsets + cpu * 8, all + cpu * 0x100000 - runqueues);
	make_tables(ram, top);
	if (target_init(&t, &mem, &types, CPUS, &err))
		die(KT_TROUBLE, "%s", err.msg);
	json_t *j = snapshot_make(&t, "CPU#0\nRIP=");
	char *text = json_dumps(j, JSON_COMPACT);
	printf("%zu bytes, %zu CPUs, %zu tasks, %zu dsqs, %zu maps, %zu missing\n", text ? strlen(text) : 0,
	       json_array_size(json_object_get(j, "cpus")), json_array_size(json_object_get(j, "tasks")),
	       json_array_size(json_object_get(j, "dsqs")), json_object_size(json_object_get(j, "maps")),
	       json_array_size(json_object_get(j, "missing")));
	return text && strlen(text) < RECORD_MAX ? KT_OK : KT_NO;
}
