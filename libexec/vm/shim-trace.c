// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace: --trace of ktstr-boot. QEMU opens this library a second time, as its plugin, and gets the one that is loaded already. The
 * vCPU thread then calls tapped() before the first instruction of each function in taps.h. No clock moves meanwhile, nothing in the
 * guest changes, and blocks of code end where they would have ended. So the run is the same as without a trace.
 *
 * The time of an event: QEMU takes a block's instructions off the turn's budget when the block begins. The instructions taken in this
 * turn, less those of this block, are the time since the turn began. QEMU does not export where a vCPU's budget and its registers
 * are, so both are searched for: preparing a turn changes three numbers of a vCPU and nothing else, and QEMU can print the registers.
 * At the end of each turn the clock must agree with the budget. If it does not, the trace ends there, and says so.
 *
 * environment: KTSTR_TRACE, four numbers: the descriptor of the memory in taps.h, that of the file, that of the first file of guest
 * memory, and how many of these there are.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/trace/taps.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 8192, RAX_TO_R15 = 16, LOW_MAX = 0xffff, VCPU_SIZE_MAX = 1 << 20 };
enum { REG_DX = 2, REG_SI = 6, REG_DI = 7 }; /* as QEMU numbers them */
enum { SM_PREEMPT = 1, ENQUEUE_WAKEUP = 1 }; /* the kernel's, from 6.12 to 7.3 */

/* Of the plugins' interface, the same in 7.2 and 10.0, but for the version. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
static struct {
	void (*on_translation)(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
	size_t (*nr_insns)(const struct qemu_plugin_tb *);
	struct qemu_plugin_insn *(*insn)(const struct qemu_plugin_tb *, size_t);
	uint64_t (*address)(const struct qemu_plugin_insn *);
	void (*on_execution)(struct qemu_plugin_insn *, void (*)(unsigned vcpu, void *), int flags, void *);
} plugin;
/* QEMU 7.2 takes 0 to 1, and 10.0 takes 2 to 4. */
enum { VERSION_TO_8 = 1, VERSION_FROM_9 = 2 };
__attribute__((visibility("default"))) int qemu_plugin_version = VERSION_TO_8;

static int (*read_debug)(void *vcpu, uint64_t address, void *to, size_t size, bool writes);
static struct taps *taps;
static int to = -1;
static struct { struct stat file; const unsigned char *base; } nodes[TAPS_NODES_MAX];

/* Of QEMU's vCPU. */
static size_t at_budget, at_low, at_extra, at_regs;
static bool knows_budget, knows_extra, knows_regs;

static struct {
	const unsigned char *vcpu; /* NULL: no vCPU executes */
	unsigned cpu;
	int64_t start_ns, insns;
} turn;

static struct cpu {
	bool preempts;           /* the __schedule() that it is in */
} cpus[ORDER_MAX_VCPUS];

/* Tasks and cgroups of this block, by their addresses in the guest. */
static struct slot {
	uint64_t at;             /* 0: free */
	uint32_t index;
	uint32_t tid, policy;
	uint64_t css_set;
	char comm[TRACE_COMM_SIZE];
	unsigned char allowed[TRACE_MASK_SIZE];
} tasks[SLOTS], cgroups[SLOTS];
static uint32_t nr_tasks, nr_cgroups;
static bool began; /* there is something in the block */

static void end_trace(const char *fmt, ...)
{
	va_list ap;

	if (*taps->why)
		return;
	va_start(ap, fmt);
	vsnprintf(taps->why, sizeof(taps->why), fmt, ap);
	va_end(ap);
	atomic_store(&taps->ended_ns, turn.start_ns);
}

void shim_trace_init(void)
{
	const char *s = getenv("KTSTR_TRACE");
	int shared, ram0;
	unsigned n;
	struct stat st;

	if (!s || sscanf(s, "%d %d %d %u", &shared, &to, &ram0, &n) != 4 || n > TAPS_NODES_MAX)
		return;
	for (unsigned i = 0; i < n; i++)
		if (fstat(ram0 + (int)i, &nodes[i].file))
			return;
	void *p = fstat(shared, &st) || st.st_size != sizeof(*taps) ? MAP_FAILED :
		mmap(NULL, sizeof(*taps), PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
	if (p != MAP_FAILED)
		taps = p;
	if (shim_exported("qemu_plugin_scoreboard_new"))
		qemu_plugin_version = VERSION_FROM_9;
}

void shim_trace_mapped(const void *at, int fd)
{
	struct stat st;

	if (!taps || fstat(fd, &st))
		return;
	for (unsigned i = 0; i < taps->nr_nodes; i++)
		if (st.st_dev == nodes[i].file.st_dev && st.st_ino == nodes[i].file.st_ino)
			nodes[i].base = at;
}

void shim_trace_zero(int64_t now)
{
	if (taps)
		atomic_store(&taps->zero_ns, now);
}

/* The guest's memory, as libexec/look/guestmem.c has it, without page tables. NULL: the address is in none. */
static const void *in_guest(uint64_t address, size_t size)
{
	static const uint64_t image = UINT64_C(0xffffffff80000000), all_4 = UINT64_C(0xffff888000000000), all_5 = UINT64_C(0xff11000000000000);
	static const uint64_t hole_end = UINT64_C(1) << 32;
	uint64_t phys = address - (address >= image ? image : address >= all_4 ? all_4 : all_5);

	if (phys >= hole_end)
		phys = phys - hole_end + taps->low;
	else if (phys >= taps->low)
		return NULL;
	for (unsigned i = 0; i < taps->nr_nodes; phys -= taps->node_size[i++])
		if (phys < taps->node_size[i])
			return phys + size <= taps->node_size[i] && nodes[i].base ? nodes[i].base + phys : NULL;
	return NULL;
}

/* The kernel's stacks are not in the direct map: QEMU walks the page tables for them, which is slower. Returns one of two buffers. */
static const void *in_tables(uint64_t address, size_t size)
{
	static unsigned char buffers[2][TRACE_MASK_SIZE];
	static unsigned next;
	unsigned char *buf = buffers[next++ % 2];

	return !turn.vcpu || size > sizeof(buffers[0]) || read_debug((void *)turn.vcpu, address, buf, size, false) ? NULL : buf;
}

static uint64_t number_at(uint64_t address, size_t size)
{
	const void *p = in_guest(address, size);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, size);
	return v;
}

static uint64_t pointer_at(uint64_t address)
{
	return number_at(address, 8);
}

/* A member of an object of the kernel's: a number, or a pointer. */
#define MEMBER(object, name) number_at((object) + taps->members.name.offset, taps->members.name.size)

static void put(unsigned char c)
{
	if (taps->block.head.size == sizeof(taps->block)) {
		end_trace("a block is too small for what is in it");
		return;
	}
	taps->block.data[taps->block.head.size++ - sizeof(taps->block.head)] = c;
}

static void put_number(uint64_t v)
{
	for (; v >= 128; v >>= 7)
		put((unsigned char)(v | 128));
	put((unsigned char)v);
}

static void put_text(const void *text, size_t n)
{
	put_number(n);
	for (size_t i = 0; i < n; i++)
		put(((const unsigned char *)text)[i]);
}

static void empty_block(void)
{
	taps->block.head = (struct block_head){ .magic = TRACE_BLOCK_MAGIC, .size = sizeof(taps->block.head) };
	memset(tasks, 0, sizeof(tasks));
	memset(cgroups, 0, sizeof(cgroups));
	nr_tasks = nr_cgroups = 0;
	began = false;
}

/* A block that cannot be written whole is cut off the file again. */
static void close_block(void)
{
	const char *p = (const char *)&taps->block;
	size_t left = taps->block.head.size;

	while (left && !*taps->why) {
		ssize_t n = write(to, p, left);
		if (n < 0) {
			end_trace("the file cannot be written: %m");
			atomic_store(&taps->ended_ns, taps->block.head.first_ns);
		}
		p += n;
		left -= (size_t)n;
	}
	if (left) {
		if (ftruncate(to, (off_t)(TRACE_HEADER_SIZE + taps->bytes)))
			taps->block.head.events = 0; /* the reader finds it cut short */
		return;
	}
	atomic_fetch_add(&taps->events, taps->block.head.events);
	atomic_fetch_add(&taps->bytes, taps->block.head.size);
	empty_block();
}

static struct slot *find_slot(struct slot *table, uint64_t at)
{
	size_t i = (size_t)(at / 64 * UINT64_C(0x9e3779b97f4a7c15) >> 51);

	while (table[i % SLOTS].at && table[i % SLOTS].at != at)
		i++;
	return &table[i % SLOTS];
}

/* Its number in this block plus 1; 0: it is not known. The parents come first. */
static uint32_t cgroup_number(uint64_t node, unsigned depth)
{
	char name[TRACE_NAME_SIZE];

	if (!node || depth == TRACE_CGROUP_DEPTH)
		return 0;
	struct slot *s = find_slot(cgroups, node);
	if (s->at)
		return s->index + 1;
	uint32_t parent = cgroup_number(MEMBER(node, node_parent), depth + 1);
	uint64_t text = MEMBER(node, node_name);
	size_t n = 0;
	for (const char *c; n < sizeof(name) && (c = in_guest(text + n, 1)) && *c; n++)
		name[n] = *c;
	put(RECORD_CGROUP);
	put_number(parent);
	put_number(MEMBER(node, node_id));
	put_text(name, n);
	s = find_slot(cgroups, node);
	*s = (struct slot){ .at = node, .index = nr_cgroups++ };
	return s->index + 1;
}

static size_t mask_size(void)
{
	size_t n = (taps->nr_cpus + 7) / 8;

	return n < TRACE_MASK_SIZE ? n : TRACE_MASK_SIZE;
}

/* A set of CPUs, which may be on a stack; the empty set if it cannot be read. */
static const unsigned char *mask_at(uint64_t address)
{
	static const unsigned char none[TRACE_MASK_SIZE];
	const unsigned char *p = in_guest(address, mask_size());

	if (!p)
		p = in_tables(address, mask_size());
	return p ? p : none;
}

/* The task's number in this block. A task that is new here, or has changed, is defined before the event that names it. */
static uint32_t task_number(uint64_t task)
{
	static const char nothing[TRACE_COMM_SIZE];
	struct slot *s = find_slot(tasks, task);
	const char *comm = in_guest(task + taps->members.comm.offset, TRACE_COMM_SIZE);
	uint32_t tid = (uint32_t)MEMBER(task, tid), policy = (uint32_t)MEMBER(task, policy);
	uint64_t css_set = MEMBER(task, css_set);
	const unsigned char *allowed = mask_at(MEMBER(task, allowed));

	if (!comm)
		comm = nothing;
	if (s->at && s->tid == tid && s->policy == policy && s->css_set == css_set && !memcmp(s->comm, comm, TRACE_COMM_SIZE) &&
	    !memcmp(s->allowed, allowed, mask_size()))
		return s->index;
	uint64_t cgroup = MEMBER(css_set, cgroup), node = cgroup ? MEMBER(cgroup, node) : 0;
	uint32_t number = cgroup_number(node, 0);
	*s = (struct slot){ .at = task, .index = nr_tasks++, .tid = tid, .policy = policy, .css_set = css_set };
	memcpy(s->comm, comm, TRACE_COMM_SIZE);
	memcpy(s->allowed, allowed, mask_size());
	put(RECORD_TASK);
	put_number(tid);
	put_number((uint32_t)MEMBER(task, tgid));
	put_number(policy);
	put_number((uint32_t)MEMBER(task, prio));
	put_number(number);
	put_text(s->comm, strnlen(s->comm, TRACE_COMM_SIZE));
	put_text(s->allowed, mask_size());
	return s->index;
}

static uint64_t running_on(unsigned cpu)
{
	uint64_t rq = taps->runqueues + pointer_at(taps->per_cpu_offsets + cpu * 8);

	return MEMBER(rq, curr);
}

static void begin_block(int64_t now)
{
	began = true;
	taps->block.head.first_ns = taps->block.head.last_ns = now;
	for (unsigned i = 0; i < taps->nr_cpus; i++) {
		uint32_t task = task_number(running_on(i));
		bool active = mask_at(taps->active)[i / 8] >> i % 8 & 1;
		put(RECORD_RUNNING | (active ? RECORD_ACTIVE : 0));
		put_number(i);
		put_number(task);
	}
}

/* There is room for an event and what it may define. */
static void make_room(int64_t now)
{
	if (taps->block.head.size + TRACE_RECORD_MAX > sizeof(taps->block) || nr_tasks > SLOTS / 2 || nr_cgroups > SLOTS / 2)
		close_block();
	if (!began)
		begin_block(now);
}

static void put_event(int kind, int64_t now)
{
	put((unsigned char)kind);
	put_number(turn.cpu);
	put_number((uint64_t)(now - taps->block.head.last_ns));
	taps->block.head.last_ns = now;
	taps->block.head.events++;
}

static int64_t insns_left(void)
{
	uint16_t low;
	int64_t extra = 0;

	memcpy(&low, turn.vcpu + at_low, sizeof(low));
	if (knows_extra)
		memcpy(&extra, turn.vcpu + at_extra, sizeof(extra));
	return low + extra;
}

static int64_t now_in_turn(unsigned insns)
{
	return turn.start_ns + ((turn.insns - insns_left() - insns) << taps->ns_shift);
}

static bool is_queued(uint64_t task)
{
	return MEMBER(task, on_rq) && !MEMBER(task, delayed);
}

static void record_switch(uint64_t prev, uint64_t next, int64_t now)
{
	make_room(now);
	uint32_t from = task_number(prev), to_task = task_number(next);
	int kind = RECORD_SWITCH | (cpus[turn.cpu].preempts ? RECORD_PREEMPTED : 0) | (is_queued(prev) ? RECORD_QUEUED : 0);

	put_event(kind, now);
	put_number(from);
	put_number(to_task);
	put_number((uint32_t)MEMBER(prev, state));
}

static void record_waking(uint64_t task, uint32_t states, int64_t now)
{
	if (!((uint32_t)MEMBER(task, state) & states))
		return;
	make_room(now);
	uint32_t number = task_number(task);
	put_event(RECORD_WAKING, now);
	put_number(number);
}

static void record_enqueue(uint64_t task, bool wakes, int64_t now)
{
	bool delayed = MEMBER(task, delayed);

	make_room(now);
	uint32_t number = task_number(task);
	put_event(RECORD_ENQUEUE | (wakes || delayed ? RECORD_WAKES : 0) | (delayed ? RECORD_DELAYED : 0), now);
	put_number(number);
	put_number((uint32_t)MEMBER(task, cpu));
}

/* An event of a task, with a number if there is one (else -1). */
static void record_task(int kind, uint64_t task, int64_t more, int64_t now)
{
	make_room(now);
	uint32_t number = task_number(task);
	put_event(kind, now);
	put_number(number);
	if (more >= 0)
		put_number((uint64_t)more);
}

static void record_affinity(uint64_t task, uint64_t context, int64_t now)
{
	const void *new_mask = in_tables(context + taps->members.new_mask.offset, sizeof(uint64_t));
	uint64_t mask = 0;

	if (new_mask)
		memcpy(&mask, new_mask, sizeof(mask));
	record_task(RECORD_AFFINITY, task, -1, now);
	put_text(mask_at(mask), mask_size());
}

static void record_throttle(int kind, uint64_t group, uint64_t rq, int64_t now)
{
	uint64_t cgroup = MEMBER(group, group), node = cgroup ? MEMBER(cgroup, node) : 0;

	if (!node) /* an autogroup has none, and no quota */
		return;
	make_room(now);
	uint32_t number = cgroup_number(node, 0);
	put_event(kind, now);
	put_number(number - 1);
	put_number(MEMBER(rq, rq_cpu));
}

static void record_online(unsigned cpu, bool active, int64_t now)
{
	make_room(now);
	put_event(RECORD_ONLINE | (active ? RECORD_ACTIVE : 0), now);
	put_number(cpu);
}

/* data: the tap, and how many instructions this block of code has. */
static void tapped(unsigned vcpu, void *data)
{
	enum tap_kind kind = (uintptr_t)data >> 16;
	uint64_t regs[RAX_TO_R15];

	(void)vcpu;
	if (*taps->why || !turn.vcpu || !knows_regs) {
		end_trace("the guest executes outside of its turns");
		return;
	}
	int64_t now = now_in_turn((uintptr_t)data & 0xffff);
	memcpy(regs, turn.vcpu + at_regs, sizeof(regs));
	switch (kind) {
	case TAP_SCHEDULE:
		cpus[turn.cpu].preempts = (int32_t)regs[REG_DI] == SM_PREEMPT;
		break;
	case TAP_SWITCH:
		record_switch(regs[REG_DI], regs[REG_SI], now);
		break;
	case TAP_WAKING:
		record_waking(regs[REG_DI], (uint32_t)regs[REG_SI], now);
		break;
	case TAP_ENQUEUE:
		record_enqueue(regs[REG_SI], regs[REG_DX] & ENQUEUE_WAKEUP, now);
		break;
	case TAP_MIGRATE:
		record_task(RECORD_MIGRATE, regs[REG_DI], (uint32_t)regs[REG_SI], now);
		break;
	case TAP_FORK:
		record_task(RECORD_FORK, regs[REG_DI], -1, now);
		break;
	case TAP_EXIT:
		record_task(RECORD_EXIT, running_on(turn.cpu), (uint32_t)regs[REG_DI], now);
		break;
	case TAP_TICK:
		make_room(now);
		put_event(RECORD_TICK, now);
		break;
	case TAP_AFFINITY:
		record_affinity(regs[REG_DI], regs[REG_SI], now);
		break;
	case TAP_THROTTLE:
	case TAP_UNTHROTTLE:
		record_throttle(kind == TAP_THROTTLE ? RECORD_THROTTLE : RECORD_UNTHROTTLE, regs[REG_DI], regs[REG_SI], now);
		break;
	case TAP_ACTIVATE:
	case TAP_DEACTIVATE:
		record_online((unsigned)regs[REG_DI], kind == TAP_ACTIVATE, now);
		break;
	case TAP_KINDS:
		break;
	}
}

/*
 * QEMU 7.2 leaves an instruction that crosses the end of its page to the next block, and still counts it among those of this one, which
 * then seems to have begun one instruction later. Whether it crosses is not known: it might.
 */
static bool may_be_left_out(uint64_t last)
{
	enum { PAGE = 4096, INSN_MAX = 15 };

	return qemu_plugin_version == VERSION_TO_8 && last % PAGE > PAGE - INSN_MAX;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = plugin.nr_insns(tb);

	(void)id;
	if (!n)
		return;
	struct qemu_plugin_insn *first = plugin.insn(tb, 0);
	uint64_t at = plugin.address(first);
	for (int i = 0; i < TAP_KINDS; i++) {
		if (taps->taps[i].at != at)
			continue;
		plugin.on_execution(first, tapped, 0, (void *)((uintptr_t)i << 16 | n));
		if (n > 1 && may_be_left_out(plugin.address(plugin.insn(tb, n - 1))))
			taps->taps[i].late = true;
	}
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	if (!taps)
		return -1;
#define FIND(member, name) if (!(plugin.member = (__typeof__(plugin.member))shim_exported(name))) return -1
	FIND(on_translation, "qemu_plugin_register_vcpu_tb_trans_cb");
	FIND(nr_insns, "qemu_plugin_tb_n_insns");
	FIND(insn, "qemu_plugin_tb_get_insn");
	FIND(address, "qemu_plugin_insn_vaddr");
	FIND(on_execution, "qemu_plugin_register_vcpu_insn_exec_cb");
#undef FIND
	if (!(read_debug = (__typeof__(read_debug))shim_exported("cpu_memory_rw_debug")))
		return -1;
	empty_block();
	plugin.on_translation(id, translated);
	return 0;
}

/* How QEMU prints them; in the order of their numbers. */
static bool read_registers(void *vcpu, uint64_t *regs)
{
	static const char *const names[RAX_TO_R15] = { "RAX=", "RCX=", "RDX=", "RBX=", "RSP=", "RBP=", "RSI=", "RDI=",
						       "R8 =", "R9 =", "R10=", "R11=", "R12=", "R13=", "R14=", "R15=" };
	char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (!f)
		return false;
	qemu.dump_vcpu(vcpu, f, 0);
	fclose(f);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < RAX_TO_R15; i++) {
		const char *p = strstr(text, names[i]);
		if (!p)
			return false;
		regs[i] = strtoull(p + strlen(names[i]), NULL, 16);
	}
	return true;
}

static size_t size_of_vcpu(void *vcpu)
{
	size_t n = malloc_usable_size(vcpu);

	return n < VCPU_SIZE_MAX ? n : VCPU_SIZE_MAX;
}

static void find_registers(void *vcpu)
{
	uint64_t regs[RAX_TO_R15];
	size_t found = 0, n = size_of_vcpu(vcpu);

	if (!read_registers(vcpu, regs))
		return;
	for (size_t i = 0; i + sizeof(regs) <= n; i += 8)
		if (!memcmp((const char *)vcpu + i, regs, sizeof(regs))) {
			at_regs = i;
			found++;
		}
	knows_regs = found == 1;
}

/* What has changed from `before` by preparing a turn: the budget, and its two parts. */
static void find_budget(const unsigned char *before, const unsigned char *now, size_t n)
{
	for (size_t i = 0; i + 8 <= n && !knows_budget; i += 8) {
		int64_t was, is;

		memcpy(&was, before + i, 8);
		memcpy(&is, now + i, 8);
		if (was || is <= 0 || is > INT32_MAX)
			continue;
		uint16_t want = (uint16_t)(is < LOW_MAX ? is : LOW_MAX), had, low;
		for (size_t k = 0; k + 2 <= n; k += 2) {
			memcpy(&had, before + k, 2);
			memcpy(&low, now + k, 2);
			if (k / 8 != i / 8 && !had && low == want) {
				at_budget = i;
				at_low = k;
				knows_budget = true;
			}
		}
	}
}

static void find_extra(const unsigned char *before, const unsigned char *now, size_t n)
{
	int64_t extra = turn.insns - LOW_MAX, was, is;

	for (size_t i = 0; i + 8 <= n && extra > 0; i += 8) {
		memcpy(&was, before + i, 8);
		memcpy(&is, now + i, 8);
		if (!was && is == extra && i != at_budget) {
			at_extra = i;
			knows_extra = true;
		}
	}
}

void shim_trace_prepare(void *vcpu, int64_t budget)
{
	static unsigned char before[VCPU_SIZE_MAX];

	if (!taps || !plugin.insn || *taps->why) {
		qemu.prepare(vcpu, budget);
		return;
	}
	size_t n = knows_budget && knows_extra ? 0 : size_of_vcpu(vcpu);
	memcpy(before, vcpu, n);
	turn.start_ns = qemu.now(CLOCK_OF_GUEST);
	qemu.prepare(vcpu, budget);
	turn.vcpu = vcpu;
	turn.cpu = (unsigned)order_number(&shim_order, vcpu);
	if (!knows_budget)
		find_budget(before, vcpu, n);
	if (!knows_regs)
		find_registers(vcpu);
	if (!knows_budget || !knows_regs) {
		end_trace("this QEMU does not keep %s where it is looked for", knows_regs ? "turns" : "registers");
		return;
	}
	memcpy(&turn.insns, turn.vcpu + at_budget, sizeof(turn.insns));
	if (!knows_extra)
		find_extra(before, vcpu, n);
	if (insns_left() != turn.insns)
		end_trace("this QEMU does not keep turns where it is looked for");
}

void shim_trace_over(void)
{
	if (turn.vcpu)
		turn.insns -= insns_left();
}

void shim_trace_accounted(void)
{
	if (!turn.vcpu)
		return;
	int64_t took = qemu.now(CLOCK_OF_GUEST) - turn.start_ns;
	if (took != turn.insns << taps->ns_shift && !*taps->why)
		end_trace("a turn took %lld ns and not %lld", (long long)took, (long long)(turn.insns << taps->ns_shift));
	turn.vcpu = NULL;
}
