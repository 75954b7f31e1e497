/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guestmem.h - a running guest's memory, by its kernel's addresses, from outside: through the QEMU process, which is not
 * asked and takes no notice. The kernel is one that was booted with nokaslr on a q35 machine.
 *
 * Nothing here stops the guest: reading is a look at what is in motion, and writing is safe only while it waits for the
 * host, as it does in a request (guestlink.h).
 */
#ifndef KT_GUESTMEM_H
#define KT_GUESTMEM_H

#include "libexec/topo/plan.h"
#include <sys/types.h>

struct guestmem {
	pid_t pid;
	unsigned nr_ram;
	uint64_t low;                             /* bytes below the hole under 4 GiB */
	uint64_t size[TOPO_MAX_NODES], base[TOPO_MAX_NODES]; /* of the memory of each node, in QEMU's address space */
	uint64_t tables;                          /* physical address of the kernel's page tables; 0: not used */
	int top_shift;                            /* of an address, to the index in the first of them: how many levels there are */
	struct guestmem_cache *cache;             /* NULL: each read asks QEMU's process anew */
};

/* Bytes of its memory below the hole under 4 GiB. */
uint64_t guestmem_low(const struct topo *plan);
/* ram: the files that are the guest's memory, one a node, by which its mappings are recognised. */
int guestmem_open(struct guestmem *m, pid_t qemu, const struct topo *plan, const int *ram, struct kt_err *err);
/*
 * From here on addresses are looked up in the kernel's page tables, which are init_top_pgt: there may be anything at any
 * address, or nothing. Without, only those of its image and of its map of all memory can be, and must be right. There may
 * be four levels of them, or five (LA57). -1 and err: they are something else.
 */
int guestmem_use_tables(struct guestmem *m, uint64_t init_top_pgt, struct kt_err *err);
/*
 * From here on each page is read once and kept: for a guest that stands, of which much is read. Up to 64 MiB are kept, then all of
 * it is read anew. guestmem_forget() ends it, and what was read is gone; nothing happens when there is none.
 */
void guestmem_keep(struct guestmem *m);
void guestmem_forget(struct guestmem *m);
int guestmem_read(const struct guestmem *m, uint64_t address, void *buf, size_t size, struct kt_err *err);
/* Where size bytes at this address are in QEMU's process; 0: the guest has no such memory, or not in one piece. */
uint64_t guestmem_in_qemu(const struct guestmem *m, uint64_t address, size_t size);
int guestmem_write(const struct guestmem *m, uint64_t address, const void *buf, size_t size, struct kt_err *err);

#endif
