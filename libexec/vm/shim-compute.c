// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modelled computing, the host's side: see compute.h.
 *
 * No offset into a struct of QEMU's is needed. CPU_INTERRUPT_HALT, raised from the handler of a port, makes QEMU itself halt the vCPU
 * before its next instruction: under icount an access to a port ends its block of code. It is idle then for everybody, and whatever
 * would end a HLT has it go on behind the OUT. A timer alone does not; CPU_INTERRUPT_SIPI does, which a processor that does not wait for a
 * SIPI ignores. (POLL does not end a HLT, and HARD without a vector would inject one.) That the two numbers mean this is seen at
 * run time: a vCPU that reads a port while it stands still, or stands still after its SIPI, ends QEMU with status 125.
 *
 * Speed: executing vCPUs take turns, so that n of them have 1/n of the clock each. A computing one would have all of it beside them,
 * and look n times as fast. So it is charged: while n vCPUs use up their turns, its time counts 1/n. What executes only for a part
 * of a turn, as a tick does, slows nobody down.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "guest/compute.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <stdlib.h>
#include <string.h>

enum { INTERRUPT_HALT = 0x20, INTERRUPT_SIPI = 0x800, LITTLE_ENDIAN_DEVICE = 2 };
enum { REGION_SIZE = 4096, REGION_PRIORITY = 1000 };

/* QEMU's, the same in 7.2 and 10.0. */
struct memory_region_ops {
	uint64_t (*read)(void *opaque, uint64_t at, unsigned size);
	void (*write)(void *opaque, uint64_t at, uint64_t data, unsigned size);
	void *read_with_attrs, *write_with_attrs;
	int endianness;
	struct { unsigned min, max; bool unaligned; void *accepts; } valid;
	struct { unsigned min, max; bool unaligned; } impl;
};

static struct vcpu {
	void *qemus;
	bool computes;
	unsigned slot;
	bool in_time;   /* it has not come to its end yet; an interrupt may still come first */
	int64_t start_ns, end_ns, start_share, end_share;
	void *timer; /* NULL: it never has computed */
} vcpus[ORDER_MAX_VCPUS]; /* by number */
static unsigned nr_computing;
static uint32_t computed[COMPUTE_SLOTS], charged[COMPUTE_SLOTS];
static struct {
	int64_t ns;     /* what one computing vCPU would have been charged since the start */
	int64_t at_ns;  /* until when */
	unsigned among; /* since then: among so many that execute */
} share;

static struct vcpu *find_vcpu(void *qemus)
{
	int n = order_number(&shim_order, qemus);

	if (n < 0)
		shim_cannot("a vCPU has come that was not there", "");
	return &vcpus[n];
}

static int64_t share_until(int64_t now)
{
	return share.ns + (now - share.at_ns) / (share.among ? share.among : 1);
}

/* Its time has come. If an interrupt came first, it stands still no more, but has to wait for its turn. */
static void over(void *opaque)
{
	struct vcpu *v = opaque;

	if (!v->computes)
		return;
	v->in_time = false;
	v->end_share = share_until(v->end_ns);
	if (!qemu.is_idle(v->qemus))
		return;
	qemu.interrupt(v->qemus, INTERRUPT_SIPI);
	if (qemu.is_idle(v->qemus))
		shim_cannot("a SIPI does not end a HLT", "");
}

static void begin(void *qemus, unsigned slot, int64_t now, int64_t ns)
{
	enum { TIMER_SIZE = 256, TIMER_ALIGNMENT = 64 };
	struct vcpu *v = find_vcpu(qemus);

	v->qemus = qemus;
	v->computes = true;
	nr_computing++;
	v->slot = slot;
	v->start_ns = now;
	v->end_ns = now + ns;
	v->in_time = true;
	v->start_share = share_until(now);
	if (!v->timer) {
		v->timer = aligned_alloc(TIMER_ALIGNMENT, TIMER_SIZE);
		if (!v->timer)
			shim_cannot("no memory", "");
		memset(v->timer, 0, TIMER_SIZE);
		qemu.timer_init(v->timer, NULL, CLOCK_OF_GUEST, SCALE_NS, 0, over, v);
	}
	qemu.timer_mod(v->timer, v->end_ns);
	qemu.interrupt(v->qemus, INTERRUPT_HALT);
}

static void write_port(void *opaque, uint64_t at, uint64_t data, unsigned size)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST);
	int32_t ns = (int32_t)((uint32_t)data - (uint32_t)now);

	(void)opaque, (void)size;
	if (at < 4 * COMPUTE_SLOTS && ns > 0)
		begin(*qemu.vcpu, (unsigned)(at / 4), now, ns < COMPUTE_LONGEST_NS ? ns : COMPUTE_LONGEST_NS);
}

static uint64_t read_port(void *opaque, uint64_t at, unsigned size)
{
	(void)opaque, (void)size;
	if (find_vcpu(*qemu.vcpu)->computes)
		shim_cannot("a vCPU cannot be halted", "");
	if (at < 4 * COMPUTE_SLOTS)
		return computed[at / 4];
	at += COMPUTE_PORT;
	if (at < COMPUTE_IS_HERE)
		return charged[(at - COMPUTE_CHARGED) / 4];
	return at < COMPUTE_CLOCK ? COMPUTE_MAGIC : (uint32_t)qemu.now(CLOCK_OF_GUEST);
}

void shim_make_ports(void)
{
	static _Alignas(64) char region[REGION_SIZE];
	static const struct memory_region_ops ops = {
		.read = read_port, .write = write_port, .endianness = LITTLE_ENDIAN_DEVICE,
		.valid = { .min = 4, .max = 4 }, .impl = { .min = 4, .max = 4 },
	};

	qemu.lock(__FILE__, __LINE__);
	qemu.region_init(region, NULL, &ops, NULL, "ktstr-compute", COMPUTE_END - COMPUTE_PORT);
	qemu.region_add(qemu.ports(), COMPUTE_PORT, region, REGION_PRIORITY);
	qemu.unlock();
}

void shim_compute_share(int64_t now, unsigned executing)
{
	share.ns = share_until(now);
	share.at_ns = now;
	share.among = executing;
}

void shim_compute_turn(void *qemus, int64_t now)
{
	struct vcpu *v = nr_computing ? find_vcpu(qemus) : NULL;

	if (!v || !v->computes || qemu.is_idle(qemus))
		return;
	v->computes = false;
	nr_computing--;
	qemu.timer_del(v->timer);
	/* What comes after the end that was asked for is no computing; what comes before the turn is, though an interrupt be due. */
	computed[v->slot] += (uint32_t)((v->in_time ? now : v->end_ns) - v->start_ns);
	charged[v->slot] += (uint32_t)((v->in_time ? share_until(now) : v->end_share) - v->start_share);
}
