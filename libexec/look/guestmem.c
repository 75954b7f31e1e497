// SPDX-License-Identifier: GPL-2.0-only
/* A guest's memory from outside: see guestmem.h. */
#include "libexec/look/guestmem.h"
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define GIB UINT64_C(0x40000000)
enum { PAGE_SHIFT = 12 };
/* Of x86-64 kernels without KASLR. */
static const uint64_t kernel_text = UINT64_C(0xffffffff80000000);
static const uint64_t direct_map = UINT64_C(0xffff888000000000);

/* The first address of the mapping of this file. */
static int find_mapping(pid_t pid, int ram, uint64_t *ret, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/maps", (int)pid), *line = NULL;
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t cap = 0;
	struct stat st;

	if (!f || fstat(ram, &st))
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	while (getline(&line, &cap, f) > 0) {
		unsigned long start, offset, inode;
		unsigned major, minor;

		if (sscanf(line, "%lx-%*x %*s %lx %x:%x %lu", &start, &offset, &major, &minor, &inode) == 5 && !offset &&
		    inode == st.st_ino && makedev(major, minor) == st.st_dev) {
			*ret = start;
			return 0;
		}
	}
	return kt_fail(err, "QEMU has not mapped the guest's memory");
}

int guestmem_open(struct guestmem *m, pid_t qemu, const struct topo *plan, const int *ram, struct kt_err *err)
{
	uint64_t total = 0;

	*m = (struct guestmem){ .pid = qemu, .nr_ram = plan->nr_nodes, .page_offset = direct_map };
	for (unsigned i = 0; i < m->nr_ram; i++) {
		m->size[i] = plan->nodes[i].memory_mib << 20;
		total += m->size[i];
		/* A node without memory has a file, which QEMU does not map. */
		if (m->size[i] && find_mapping(qemu, ram[i], &m->base[i], err))
			return -1;
	}
	/* As QEMU's q35 splits it: 2 GiB below the hole when it does not fit below 2.75 GiB. */
	m->low = total >= UINT64_C(0xb0000000) ? 2 * GIB : total;
	return 0;
}

void guestmem_use_tables(struct guestmem *m, uint64_t init_top_pgt)
{
	m->tables = init_top_pgt - kernel_text;
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

/* Through four levels of page tables. False: nothing is mapped there. */
static bool walk(const struct guestmem *m, uint64_t address, uint64_t *ret)
{
	enum { PRESENT = 1, LARGE = 1 << 7, TOP_SHIFT = 39, LEVEL_BITS = 9 };
	const uint64_t frame = UINT64_C(0x000ffffffffff000);
	uint64_t table = m->tables, entry;

	if ((int64_t)address >> 47 != -1) /* not of the kernel's half */
		return false;
	for (int shift = TOP_SHIFT;; shift -= LEVEL_BITS) {
		uint64_t at = in_qemu(m, table + (address >> shift & 511) * sizeof(entry), sizeof(entry));

		if (!at || process_vm_readv(m->pid, &(struct iovec){ &entry, sizeof(entry) }, 1,
					    &(struct iovec){ (void *)at, sizeof(entry) }, 1, 0) != sizeof(entry) || !(entry & PRESENT))
			return false;
		table = entry & frame;
		if (shift == PAGE_SHIFT || (shift < TOP_SHIFT && entry & LARGE)) {
			uint64_t inside = (UINT64_C(1) << shift) - 1;

			*ret = (table & ~inside) | (address & inside);
			return true;
		}
	}
}

/* Where this kernel address is in QEMU; 0 when it is in no memory. */
static uint64_t translate(const struct guestmem *m, uint64_t address, size_t size)
{
	uint64_t phys = address >= kernel_text ? address - kernel_text : address - m->page_offset;

	return m->tables && !walk(m, address, &phys) ? 0 : in_qemu(m, phys, size);
}

/* The longest piece from there that lies together in QEMU. */
static size_t piece(const struct guestmem *m, uint64_t address, size_t size)
{
	size_t page = (size_t)1 << PAGE_SHIFT;

	return m->tables ? MIN(size, page - address % page) : size;
}

int guestmem_read(const struct guestmem *m, uint64_t address, void *buf, size_t size, struct kt_err *err)
{
	for (size_t n; size; size -= n, address += n, buf = (char *)buf + n) {
		n = piece(m, address, size);
		uint64_t at = translate(m, address, n);

		if (!at)
			return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
		if (process_vm_readv(m->pid, &(struct iovec){ buf, n }, 1, &(struct iovec){ (void *)at, n }, 1, 0) != (ssize_t)n)
			return kt_fail(err, "cannot read the guest's memory: %s", strerror(errno));
	}
	return 0;
}

int guestmem_write(const struct guestmem *m, uint64_t address, const void *buf, size_t size, struct kt_err *err)
{
	for (size_t n; size; size -= n, address += n, buf = (const char *)buf + n) {
		n = piece(m, address, size);
		uint64_t at = translate(m, address, n);

		if (!at)
			return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
		if (process_vm_writev(m->pid, &(struct iovec){ (void *)buf, n }, 1, &(struct iovec){ (void *)at, n }, 1, 0) != (ssize_t)n)
			return kt_fail(err, "cannot write the guest's memory: %s", strerror(errno));
	}
	return 0;
}
