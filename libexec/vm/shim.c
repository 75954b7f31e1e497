// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-turns.so - preloaded into QEMU on the virtual clock: who runs when is decided here, by the guest's own clock alone.
 *
 * Under -icount with thread=single one thread runs the vCPUs in turn, and QEMU's main thread moves the clock on when all of
 * them are idle. Left alone that has four faults, all of them measured on QEMU 7.2:
 *
 *  - The main thread wakes for each timer, and looks at the vCPUs while they run. shim-hold.c keeps it until they are idle.
 *  - A turn lasts until the next timer, up to 100 ms. Here a timer that never fires, on a clock that stands still, is always
 *    one turn away, and QEMU ends the turn for it. It costs no wake-up and no interrupt, and nothing when the guest is idle.
 *  - A timer that is due runs on the way into a turn, which is then empty, and the order of the vCPUs slips: two of them can
 *    keep a step in which one never runs. Here timers run between two turns, and order.c decides whose turn is next. QEMU goes
 *    on to the next vCPU in its list, and so those on the way to the chosen one leave their turns at once.
 *  - A guest that rings to be saved is stopped some time later. shim-ask.c stops it at that instruction.
 *
 * And a task that only computes need not be executed: shim-compute.c.
 *
 * This leans on functions that QEMU exports for its modules (shim-qemu.h). Where something is missing or not as it was, QEMU ends
 * with status 125 and the reason on stderr: there is no virtual clock without it.
 *
 * environment: KTSTR_TURN_NS, the longest turn; KTSTR_SHIM_FD, the page of shim.h; KTSTR_OUT_FD, KTSTR_ANSWER_FD, KTSTR_SAVES:
 * shim-ask.c; KTSTR_FINGERPRINT: shim-fingerprint.c; KTSTR_STOP_FD: shim-stop.c.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
#define EXIT(name, code, word) KT_##name = code,
#include "libexec/lib/exits.list"
#undef EXIT
};
/* What CLOCK_MONOTONIC says in the vCPU thread. The timers of the main thread are due at some real time far beyond it. */
enum { FROZEN_NS = 1000000000, NSEC_PER_SEC = 1000000000 };
enum { TIMER_SIZE = 256, LIST_WORDS = 32, GROUP_SIZE = 8 };

static struct shim_page nobodys_page; /* by hand there is no host to see it */
struct shim_page *shim_page = &nobodys_page;
pid_t shim_main_thread;
__thread bool shim_vcpu_thread;
pthread_mutex_t *shim_big_lock;

static struct order order;
static int64_t turn_ns;
static _Atomic int64_t quiet_until_ns; /* no timer is due before; 0: not known. Asking QEMU is dear, and a boot has 10 million turns */
static bool is_qemu, between_turns, has_ports;

void *shim_libc(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int shim_env_fd(const char *name)
{
	const char *s = getenv(name);
	int fd = s ? (int)strtol(s, NULL, 10) : -1;

	return fd >= 0 && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
}

pid_t shim_gettid(void)
{
	static __thread pid_t tid;

	if (!tid)
		tid = (pid_t)syscall(SYS_gettid);
	return tid;
}

_Noreturn void shim_cannot(const char *what, const char *name)
{
	fprintf(stderr, "no virtual clock with this QEMU: %s%s\n", what, name);
	_exit(KT_CANNOT_TELL);
}

__attribute__((constructor)) static void begin(void)
{
	const char *turn = getenv("KTSTR_TURN_NS");
	int fd = shim_env_fd("KTSTR_SHIM_FD");
	void *p = fd >= 0 ? mmap(NULL, sizeof(*shim_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	shim_main_thread = getpid();
	turn_ns = turn ? strtoll(turn, NULL, 10) : 0;
	if (p != MAP_FAILED)
		shim_page = p;
	shim_ask_init();
	shim_fingerprint_init();
	shim_stop_init();
	is_qemu = shim_find_qemu();
}

static void nobody(void *opaque, int clock)
{
	(void)opaque, (void)clock;
}

static void never(void *opaque)
{
	(void)opaque;
}

/* A timer was armed that is the next of its list. QEMU would end the turn. */
static void armed(void *opaque, int clock)
{
	quiet_until_ns = 0;
	if (shim_vcpu_thread && clock == CLOCK_OF_GUEST) {
		if (between_turns || qemu.now(clock) + qemu.deadline(clock, ALL_TIMERS) >= order.turn.end_ns)
			return;
		order.turn.cut = true;
	}
	qemu.notify(opaque, clock);
}

/* Where the list holds the function that is called when its first timer changes, it shall hold ours. */
static void hook_list(void **list)
{
	for (int i = 0; i < LIST_WORDS; i++)
		if (list[i] == (void *)qemu.notify) {
			list[i] = (void *)armed;
			return;
		}
	shim_cannot("its timers are not where they should be", "");
}

void shim_become_vcpu_thread(void)
{
	static _Alignas(64) char timer[TIMER_SIZE];
	static void *group[GROUP_SIZE]; /* a list for each clock, too: of our own, which nobody runs */

	if (!is_qemu || turn_ns <= 0)
		shim_cannot(!is_qemu ? "it exports nothing" : "KTSTR_TURN_NS is not set", "");
	shim_vcpu_thread = true;
	qemu.vcpu = dlsym(RTLD_DEFAULT, "current_cpu"); /* of this thread */
	order_init(&order, turn_ns, qemu.is_idle);
	hook_list(qemu.timers[CLOCK_OF_GUEST]);
	group[CLOCK_OF_HOST] = qemu.timerlist_new(CLOCK_OF_HOST, nobody, NULL);
	qemu.timer_init(timer, group, CLOCK_OF_HOST, SCALE_NS, 0, never, NULL);
	qemu.timer_mod(timer, FROZEN_NS + turn_ns);
	atomic_store(&shim_page->state, SHIM_HAS_THREAD);
}

void shim_all_idle(void)
{
	order_rest(&order);
	shim_compute_share(qemu.now(CLOCK_OF_GUEST), 0);
}

/* Returns how long the turn may be. A vCPU that must leave does so at once: a length of 0 would wake the main thread. */
static int64_t begin_turn(void *vcpu)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST);

	if (now >= shim_fingerprint_at_ns && !order.chosen.vcpu)
		shim_fingerprint(&order, now);
	shim_stop_if_due(now);
	int64_t ns = order_offer(&order, vcpu, now);
	if (ns < 0)
		shim_cannot("too many vCPUs", "");
	shim_compute_share(now, order.nr_busy);
	if (ns)
		shim_compute_turn(vcpu, now);
	else
		qemu.exit(vcpu);
	if (atomic_load_explicit(&shim_page->state, memory_order_relaxed) != SHIM_GIVES_TURNS)
		atomic_store(&shim_page->state, SHIM_GIVES_TURNS);
	atomic_store_explicit(&shim_page->turns, order.turns, memory_order_relaxed);
	atomic_store_explicit(&shim_page->overrun_ns, order.overrun_ns, memory_order_relaxed);
	return ns ? ns : turn_ns;
}

/* From 8.1 on QEMU ends a turn when the vCPU has had its share of what there is before the next timer. Others follow. */
static int64_t share(void)
{
	int64_t deadline = qemu.deadline(CLOCK_OF_GUEST, ALL_TIMERS);

	return (deadline < 0 || deadline > turn_ns ? turn_ns : deadline) / order.nr_vcpus;
}

/*
 * QEMU asks for the time when it works out how long the next turn may be: the deadline of the guest's timers, or ours. It
 * does not hold the big lock then. From 8.1 on it also asks with the lock held, for the share of each vCPU in what is there.
 */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*libc_clock_gettime)(clockid_t, struct timespec *);

	if (shim_vcpu_thread && clock == CLOCK_MONOTONIC) {
		int64_t ns = FROZEN_NS;

		if (shim_big_lock->__data.__owner != shim_gettid())
			ns += turn_ns - begin_turn(*qemu.vcpu);
		else if (order.nr_vcpus)
			order.share_ns = share();
		*t = (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
		return 0;
	}
	if (!libc_clock_gettime)
		libc_clock_gettime = shim_libc("clock_gettime");
	return libc_clock_gettime(clock, t);
}

/* The big lock has to be held anew for this: timers look whether it is. True: there were some. */
static bool run_due_timers(void)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST), deadline;

	if (now < quiet_until_ns || !qemu.vm_runs())
		return false;
	order.look = true; /* QEMU may have run them itself */
	deadline = qemu.deadline(CLOCK_OF_GUEST, ALL_TIMERS);
	if (deadline) {
		quiet_until_ns = deadline < 0 ? INT64_MAX : now + deadline;
		return false;
	}
	order.turn.cut = true;
	qemu.lock(__FILE__, __LINE__);
	qemu.run_timers(CLOCK_OF_GUEST);
	qemu.unlock();
	return true;
}

/* The vCPU thread lets go of the big lock when a turn begins, and after the access to a device. */
int pthread_mutex_unlock(pthread_mutex_t *m)
{
	static int (*libc_mutex_unlock)(pthread_mutex_t *);

	if (!libc_mutex_unlock) /* there are callers before begin() */
		libc_mutex_unlock = shim_libc("pthread_mutex_unlock");
	int r = libc_mutex_unlock(m);
	if (!shim_vcpu_thread || m != shim_big_lock || between_turns)
		return r;
	if (shim_rang()) {
		shim_stand_still();
		return r;
	}
	between_turns = true;
	if (!has_ports) {
		has_ports = true;
		shim_make_ports();
	}
	bool ran = run_due_timers();
	between_turns = false;
	if (!ran && order_woken(&order))
		qemu.notify(NULL, CLOCK_OF_GUEST);
	return r;
}
