/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu.h - how to make a topology with the QEMU at hand.
 *
 * A socket is a node, a die is an LLC. QEMU only knows regular grids of sockets, dies, cores and threads: an irregular
 * topology is the smallest grid that holds it, with only the wanted CPUs plugged in.
 */
#ifndef KT_TOPOLOGY_QEMU_H
#define KT_TOPOLOGY_QEMU_H

#include "libexec/topo/plan.h"

struct qemu_version {
	unsigned major, minor;
	char text[64]; /* "7.2.22" */
};

/* Ask a QEMU for its version by running it once. binary is looked up in PATH. */
int qemu_probe(const char *binary, struct qemu_version *ret, struct kt_err *err);

/* Can this QEMU make this topology, and would a guest number it like the plan? -1 and the reason if not. */
int topo_qemu_can(const struct topo *t, const struct qemu_version *v, struct kt_err *err);
/* Fill in the QEMU version and arguments (see plan.h). The topology is one that this QEMU can make. */
void topo_qemu_args(struct topo *t, const struct qemu_version *v);
/* The APIC ids that QEMU gives to the CPUs. */
void topo_set_apic_ids(struct topo *t);

#endif
