// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: guestmem LEVELS
 *
 * guestmem.h with this process for QEMU: 8 MiB of a guest's memory, in which there are page tables of so many levels. Says
 * what is read, once by the kernel's map of all memory alone and then through the tables. Exits 1 when these are refused.
 */
#include "libexec/look/guestmem.h"
#include <sys/mman.h>

enum { MIB = 8, PRESENT = 1, LARGE = 1 << 7, INIT_TOP_PGT = 0x2000, AT_IMAGE = 0x1000, AT_DATA = 0x400000 };
static const uint64_t image = UINT64_C(0xffffffff80000000);

static char *ram;
static uint64_t next_table = INIT_TOP_PGT + 0x1000;

/* The page of 2^page_shift bytes at address is at phys. */
static void map_page(int levels, uint64_t address, uint64_t phys, int page_shift)
{
	uint64_t table = INIT_TOP_PGT;

	for (int shift = 12 + 9 * (levels - 1); shift > page_shift; shift -= 9) {
		uint64_t *entry = (uint64_t *)(ram + table) + (address >> shift & 511);
		if (!*entry) {
			*entry = next_table | PRESENT;
			next_table += 0x1000;
		}
		table = *entry & ~UINT64_C(0xfff);
	}
	((uint64_t *)(ram + table))[address >> page_shift & 511] = phys | PRESENT | (page_shift > 12 ? LARGE : 0);
}

static void say_bytes(const struct guestmem *m, const char *what, uint64_t address)
{
	struct kt_err err;
	uint64_t value;

	if (!guestmem_read(m, address, &value, sizeof(value), &err)) {
		printf("%s: %llu\n", what, (unsigned long long)value);
		return;
	}
	char *at = strstr(err.msg, "0x");
	printf("%s: %.*sthe address\n", what, at ? (int)(at - err.msg) : (int)strlen(err.msg), err.msg);
}

int main(int argc, char **argv)
{
	struct topo plan = { .nr_nodes = 1, .nodes = &(struct topo_node){ .memory_mib = MIB } };
	int fd = memfd_create("ram", MFD_CLOEXEC), levels = argc > 1 ? argv[1][0] - '0' : 0;
	bool five = levels == 5;
	uint64_t all = five ? UINT64_C(0xff11000000000000) : UINT64_C(0xffff888000000000);
	uint64_t small = five ? UINT64_C(0xffa0000000003000) : UINT64_C(0xffffc90000003000);
	uint64_t other = five ? UINT64_C(0xff00000000000000) : UINT64_C(0xffa0000000003000);
	struct guestmem m;
	struct kt_err err;

	kt_init("guestmem");
	ram = fd < 0 || ftruncate(fd, MIB << 20) ? MAP_FAILED : mmap(NULL, MIB << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (levels < 3 || levels > 5 || ram == MAP_FAILED || guestmem_open(&m, getpid(), &plan, &fd, &err))
		die(KT_USAGE, "usage: guestmem 3|4|5");
	memcpy(ram + AT_IMAGE, &(uint64_t){ 1234 }, 8);
	memcpy(ram + AT_DATA, &(uint64_t){ 5678 }, 8);
	map_page(levels, image, 0, 21);
	map_page(levels, small, AT_DATA, 12);
	map_page(levels, all, 0, 30);
	say_bytes(&m, "the kernel's image, without tables", image + AT_IMAGE);
	say_bytes(&m, "the map of all memory, without tables", all + AT_DATA);
	if (guestmem_use_tables(&m, image + INIT_TOP_PGT, &err))
		die(KT_NO, "%s", err.msg);
	say_bytes(&m, "the kernel's image", image + AT_IMAGE);
	say_bytes(&m, "a page of 4 KiB", small);
	say_bytes(&m, "a page of 1 GiB", all + AT_DATA);
	say_bytes(&m, "where nothing is mapped", small + 0x1000);
	say_bytes(&m, "of the other number of levels", other);
	return KT_OK;
}
