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
 *    keep a step in which one never runs. Here timers run between two turns, order.c decides whose turn is next, and shim-turns.c
 *    has that vCPU execute.
 *  - A guest that rings to be saved is stopped some time later. shim-ask.c stops it at that instruction.
 *
 * And a task that only computes need not be executed: shim-compute.c.
 *
 * This leans on functions that QEMU exports for its modules (shim-qemu.h). Where something is missing or not as it was, QEMU ends
 * with status 125 and the reason on stderr: there is no virtual clock without it.
 *
 * environment: KTSTR_TURN_NS, the longest turn; KTSTR_SHIM_FD, the page of shim.h; KTSTR_OUT_FD, KTSTR_ANSWER_FD, KTSTR_SAVES:
 * shim-ask.c; KTSTR_FINGERPRINT: shim-fingerprint.c; KTSTR_STOP_FD: shim-stop.c; KTSTR_TRACE: shim-trace.c.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/order.h"
#include "libexec/vm/shim-qemu.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
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

static int64_t turn_ns;
static _Atomic int64_t quiet_until_ns; /* no timer is due before; 0: not known. Asking QEMU is dear, and a boot has 10 million turns */
static bool is_qemu, has_ports;

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
	shim_trace_init();
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
	if (!shim_vcpu_thread || clock != CLOCK_OF_GUEST) {
		qemu.notify(opaque, clock);
	} else if (!shim_between_turns && shim_order.turn.vcpu &&
		   qemu.now(clock) + qemu.deadline(clock, ALL_TIMERS) < shim_order.turn.end_ns) {
		shim_order.turn.cut = true;
		qemu.exit(*qemu.vcpu);
	}
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
	shim_turns_init(turn_ns);
	hook_list(qemu.timers[CLOCK_OF_GUEST]);
	group[CLOCK_OF_HOST] = qemu.timerlist_new(CLOCK_OF_HOST, nobody, NULL);
	qemu.timer_init(timer, group, CLOCK_OF_HOST, SCALE_NS, 0, never, NULL);
	qemu.timer_mod(timer, FROZEN_NS + SHIM_ALONE_NS);
	atomic_store(&shim_page->state, SHIM_HAS_THREAD);
}

/*
 * QEMU asks for the time when it works out how long the next turn may be: the deadline of the guest's timers, or ours. It
 * does not hold the big lock then. When it does it is asked for nothing that matters.
 */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*libc_clock_gettime)(clockid_t, struct timespec *);

	if (shim_vcpu_thread && clock == CLOCK_MONOTONIC) {
		int64_t ns = FROZEN_NS;

		if (shim_big_lock->__data.__owner != shim_gettid())
			ns += SHIM_ALONE_NS - shim_turn_ns();
		*t = (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
		return 0;
	}
	if (!libc_clock_gettime)
		libc_clock_gettime = shim_libc("clock_gettime");
	return libc_clock_gettime(clock, t);
}

/*
 * While it starts QEMU has libc hand free memory back to the kernel, again and again, and takes it anew: 8 % of the CPU time of a short
 * run. What it does not hand back is a few MiB.
 */
int malloc_trim(size_t pad)
{
	(void)pad;
	return 0;
}

bool shim_run_due_timers(void)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST), deadline;

	if (now < quiet_until_ns || !qemu.vm_runs())
		return false;
	deadline = qemu.deadline(CLOCK_OF_GUEST, ALL_TIMERS);
	if (deadline) {
		quiet_until_ns = deadline < 0 ? INT64_MAX : now + deadline;
		return false;
	}
	shim_order.turn.cut = true;
	shim_between_turns = true;
	qemu.lock(__FILE__, __LINE__);
	qemu.run_timers(CLOCK_OF_GUEST);
	qemu.unlock();
	shim_between_turns = false;
	return true;
}

/* The vCPU thread lets go of the big lock after the access to a device, and in QEMU's own loop. */
int pthread_mutex_unlock(pthread_mutex_t *m)
{
	static int (*libc_mutex_unlock)(pthread_mutex_t *);

	if (!libc_mutex_unlock) /* there are callers before begin() */
		libc_mutex_unlock = shim_libc("pthread_mutex_unlock");
	int r = libc_mutex_unlock(m);
	if (!shim_vcpu_thread || m != shim_big_lock || shim_between_turns)
		return r;
	if (shim_rang()) {
		shim_stand_still();
		return r;
	}
	if (!has_ports) {
		has_ports = shim_between_turns = true;
		shim_make_ports();
		shim_between_turns = false;
	}
	shim_run_due_timers();
	if (order_woken(&shim_order))
		qemu.exit(*qemu.vcpu);
	return r;
}
