// SPDX-License-Identifier: GPL-2.0-only
/* A guest's memory from outside: see guestmem.h. */
#include "libexec/look/guestmem.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define GIB UINT64_C(0x40000000)
enum { PAGE_SHIFT = 12, TOP_SHIFT_4 = 39, TOP_SHIFT_5 = 48, LEVEL_BITS = 9 };
/*
 * Of x86-64 kernels without KASLR: their image, and their map of all memory, with four and with five levels of page tables.
 * What is between the two maps is no address where there are four.
 */
static const uint64_t kernel_text = UINT64_C(0xffffffff80000000);
static const uint64_t direct_map_4 = UINT64_C(0xffff888000000000);
static const uint64_t direct_map_5 = UINT64_C(0xff11000000000000);

/* A line of /proc/PID/maps. */
struct mapping {
	unsigned long start, offset, inode;
	unsigned major, minor;
};

/* The first one that is like this: at its start (0: anywhere), and of its file (inode 0: of any), from the first byte on. */
static int find_mapping(const char *maps, const struct mapping *like, struct mapping *ret, struct kt_err *err)
{
	_cleanup_fclose_ FILE *f = fopen(maps, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!f)
		return kt_fail(err, "cannot read '%s': %s", maps, strerror(errno));
	while (getline(&line, &cap, f) > 0)
		if (sscanf(line, "%lx-%*x %*s %lx %x:%x %lu", &ret->start, &ret->offset, &ret->major, &ret->minor, &ret->inode) == 5 &&
		    !ret->offset && (!like->start || ret->start == like->start) &&
		    (!like->inode || (ret->inode == like->inode && ret->major == like->major && ret->minor == like->minor)))
			return 0;
	return kt_fail(err, "no mapping of the guest's memory is in '%s'", maps);
}

/*
 * What /proc/PID/maps calls this file, wherever it is mapped. stat() may call it something else: btrfs has a device number for each
 * subvolume, and overlayfs before Linux 6.8 shows the file below it. So the file is mapped here, too. It is opened as QEMU opens
 * it, for writing: on overlayfs another file may lie below one that is open for reading alone.
 */
static int name_in_maps(int ram, struct mapping *ret, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", ram);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	const size_t size = (size_t)1 << PAGE_SHIFT;
	void *here = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	if (here == MAP_FAILED)
		return kt_fail(err, "cannot map the guest's memory: %s", strerror(errno));
	int r = find_mapping("/proc/self/maps", &(struct mapping){ .start = (unsigned long)here }, ret, err);
	munmap(here, size);
	return r;
}

/* As QEMU's q35 splits it: 2 GiB below the hole when it does not fit below 2.75 GiB. */
uint64_t guestmem_low(const struct topo *plan)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < plan->nr_nodes; i++)
		total += plan->nodes[i].memory_mib << 20;
	return total >= UINT64_C(0xb0000000) ? 2 * GIB : total;
}

int guestmem_open(struct guestmem *m, pid_t qemu, const struct topo *plan, const int *ram, struct kt_err *err)
{
	_cleanup_free_ char *maps = xasprintf("/proc/%d/maps", (int)qemu);
	struct mapping file, found;

	*m = (struct guestmem){ .pid = qemu, .nr_ram = plan->nr_nodes };
	for (unsigned i = 0; i < m->nr_ram; i++) {
		m->size[i] = plan->nodes[i].memory_mib << 20;
		/* A node without memory has a file, which QEMU does not map. */
		if (!m->size[i])
			continue;
		if (name_in_maps(ram[i], &file, err) ||
		    find_mapping(maps, &(struct mapping){ .inode = file.inode, .major = file.major, .minor = file.minor }, &found, err))
			return -1;
		m->base[i] = found.start;
	}
	m->low = guestmem_low(plan);
	return 0;
}

/* Where physical memory is in QEMU; 0: there is none. */
static uint64_t in_qemu(const struct guestmem *m, uint64_t phys, size_t size)
{
	if (phys >= 4 * GIB)
		phys = phys - 4 * GIB + m->low;
	else if (phys >= m->low)
		return 0;
	for (unsigned i = 0; i < m->nr_ram; phys -= m->size[i++])
		if (phys < m->size[i])
			return phys + size <= m->size[i] ? m->base[i] + phys : 0;
	return 0;
}

enum { CACHE_SLOTS = 1 << 15, CACHE_PAGES = 1 << 14, PAGE_SIZE = 1 << PAGE_SHIFT };

struct guestmem_cache {
	struct { uint64_t at; unsigned char *page; } slots[CACHE_SLOTS]; /* at: in QEMU; page NULL: free */
	size_t used;
};

void guestmem_keep(struct guestmem *m)
{
	if (!m->cache)
		m->cache = xcalloc(1, sizeof(*m->cache));
}

static void empty_cache(struct guestmem_cache *c)
{
	for (size_t i = 0; c->used && i < CACHE_SLOTS; i++)
		free(c->slots[i].page);
	memset(c, 0, sizeof(*c));
}

void guestmem_forget(struct guestmem *m)
{
	if (m->cache)
		empty_cache(m->cache);
	free(take(m->cache));
}

static bool read_qemu(const struct guestmem *m, uint64_t at, void *buf, size_t size)
{
	return process_vm_readv(m->pid, &(struct iovec){ buf, size }, 1, &(struct iovec){ (void *)at, size }, 1, 0) == (ssize_t)size;
}

/* The page at this address of QEMU's; NULL: it cannot be read. */
static const unsigned char *cached_page(const struct guestmem *m, uint64_t at)
{
	struct guestmem_cache *c = m->cache;
	size_t i = at / PAGE_SIZE * UINT64_C(0x9e3779b97f4a7c15) >> 49;

	for (i %= CACHE_SLOTS; c->slots[i].page; i = (i + 1) % CACHE_SLOTS)
		if (c->slots[i].at == at)
			return c->slots[i].page;
	_cleanup_free_ unsigned char *page = xcalloc(1, PAGE_SIZE);
	if (!read_qemu(m, at, page, PAGE_SIZE))
		return NULL;
	if (c->used == CACHE_PAGES) {
		empty_cache(c);
		i = at / PAGE_SIZE * UINT64_C(0x9e3779b97f4a7c15) >> 49;
	}
	c->used++;
	c->slots[i].at = at;
	return c->slots[i].page = take(page);
}

/* From an address of QEMU's. */
static bool read_at(const struct guestmem *m, uint64_t at, void *buf, size_t size)
{
	if (!m->cache)
		return read_qemu(m, at, buf, size);
	for (size_t n; size; size -= n, at += n, buf = (char *)buf + n) {
		const unsigned char *page = cached_page(m, at - at % PAGE_SIZE);

		n = MIN(size, PAGE_SIZE - at % PAGE_SIZE);
		if (!page)
			return false;
		memcpy(buf, page + at % PAGE_SIZE, n);
	}
	return true;
}

/* Through the page tables. False: nothing is mapped there. */
static bool walk_tables(const struct guestmem *m, uint64_t address, uint64_t *ret)
{
	enum { PRESENT = 1, LARGE = 1 << 7, LARGEST_SHIFT = 30 };
	const uint64_t frame = UINT64_C(0x000ffffffffff000);
	uint64_t table = m->tables, entry;

	if ((int64_t)address >> (m->top_shift + LEVEL_BITS - 1) != -1) /* not of the kernel's half */
		return false;
	for (int shift = m->top_shift;; shift -= LEVEL_BITS) {
		uint64_t at = in_qemu(m, table + (address >> shift & 511) * sizeof(entry), sizeof(entry));

		if (!at || !read_at(m, at, &entry, sizeof(entry)) || !(entry & PRESENT))
			return false;
		table = entry & frame;
		if (shift == PAGE_SHIFT || (shift <= LARGEST_SHIFT && entry & LARGE)) {
			uint64_t inside = (UINT64_C(1) << shift) - 1;

			*ret = (table & ~inside) | (address & inside);
			return true;
		}
	}
}

int guestmem_use_tables(struct guestmem *m, uint64_t init_top_pgt, struct kt_err *err)
{
	static const int top_shifts[] = { TOP_SHIFT_4, TOP_SHIFT_5 };
	uint64_t phys;

	/* They are in the kernel's image, so where they are is known, and with the wrong number of levels they do not lead there. */
	m->tables = init_top_pgt - kernel_text;
	for (size_t i = 0; i < ARRAY_SIZE(top_shifts); i++) {
		m->top_shift = top_shifts[i];
		if (walk_tables(m, init_top_pgt, &phys) && phys == m->tables)
			return 0;
	}
	m->tables = 0;
	return kt_fail(err, "the guest's page tables have neither four nor five levels");
}

/* Where this kernel address is in QEMU; 0 when it is in no memory. */
static uint64_t translate(const struct guestmem *m, uint64_t address, size_t size)
{
	uint64_t phys = address - (address >= kernel_text ? kernel_text : address >= direct_map_4 ? direct_map_4 : direct_map_5);

	return m->tables && !walk_tables(m, address, &phys) ? 0 : in_qemu(m, phys, size);
}

/* The longest piece from there that lies together in QEMU. */
static size_t piece_size(const struct guestmem *m, uint64_t address, size_t size)
{
	size_t page = PAGE_SIZE;

	return m->tables ? MIN(size, page - address % page) : size;
}

uint64_t guestmem_in_qemu(const struct guestmem *m, uint64_t address, size_t size)
{
	return piece_size(m, address, size) == size ? translate(m, address, size) : 0;
}

int guestmem_read(const struct guestmem *m, uint64_t address, void *buf, size_t size, struct kt_err *err)
{
	for (size_t n; size; size -= n, address += n, buf = (char *)buf + n) {
		n = piece_size(m, address, size);
		uint64_t at = translate(m, address, n);

		if (!at)
			return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
		if (!read_at(m, at, buf, n))
			return kt_fail(err, "cannot read the guest's memory: %s", strerror(errno));
	}
	return 0;
}

int guestmem_write(const struct guestmem *m, uint64_t address, const void *buf, size_t size, struct kt_err *err)
{
	for (size_t n; size; size -= n, address += n, buf = (const char *)buf + n) {
		n = piece_size(m, address, size);
		uint64_t at = translate(m, address, n);

		if (!at)
			return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
		if (process_vm_writev(m->pid, &(struct iovec){ (void *)buf, n }, 1, &(struct iovec){ (void *)at, n }, 1, 0) != (ssize_t)n)
			return kt_fail(err, "cannot write the guest's memory: %s", strerror(errno));
	}
	return 0;
}
