// SPDX-License-Identifier: GPL-2.0-only
/* A guest's memory from outside: see guestmem.h. */
#include "guestmem.h"
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define GIB UINT64_C(0x40000000)
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
		if (find_mapping(qemu, ram[i], &m->base[i], err))
			return -1;
	}
	/* As QEMU's q35 splits it: 2 GiB below the hole when it does not fit below 2.75 GiB. */
	m->low = total >= UINT64_C(0xb0000000) ? 2 * GIB : total;
	return 0;
}

/* Where this kernel address is in QEMU; 0 when it is in no memory. */
static uint64_t translate(const struct guestmem *m, uint64_t address, size_t size)
{
	uint64_t phys = address >= kernel_text ? address - kernel_text : address - m->page_offset;

	if (phys >= 4 * GIB)
		phys = phys - 4 * GIB + m->low;
	else if (phys >= m->low)
		return 0;
	for (unsigned i = 0; i < m->nr_ram; phys -= m->size[i++])
		if (phys < m->size[i])
			return phys + size <= m->size[i] ? m->base[i] + phys : 0;
	return 0;
}

int guestmem_read(const struct guestmem *m, uint64_t address, void *buf, size_t size, struct kt_err *err)
{
	uint64_t at = translate(m, address, size);

	if (!at)
		return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
	if (process_vm_readv(m->pid, &(struct iovec){ buf, size }, 1, &(struct iovec){ (void *)at, size }, 1, 0) != (ssize_t)size)
		return kt_fail(err, "cannot read the guest's memory: %s", strerror(errno));
	return 0;
}

int guestmem_write(const struct guestmem *m, uint64_t address, const void *buf, size_t size, struct kt_err *err)
{
	uint64_t at = translate(m, address, size);

	if (!at)
		return kt_fail(err, "the guest has no memory at %#llx", (unsigned long long)address);
	if (process_vm_writev(m->pid, &(struct iovec){ (void *)buf, size }, 1, &(struct iovec){ (void *)at, size }, 1, 0) !=
	    (ssize_t)size)
		return kt_fail(err, "cannot write the guest's memory: %s", strerror(errno));
	return 0;
}
