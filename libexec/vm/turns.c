// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-turns.so - preloaded into QEMU on the virtual clock: who runs when is decided here, by the guest's own clock alone.
 *
 * Under -icount with thread=single one thread runs the vCPUs in turn, and QEMU's main thread moves the clock on when all of
 * them are idle. Left alone that has four faults, all of them measured on QEMU 7.2:
 *
 *  - Each timer of the machine wakes the main thread, some hundred times a second. It then looks whether all vCPUs are idle,
 *    at a moment that the host's scheduler picked: if it comes just as the last one halts, the clock jumps while that turn is
 *    not over, or has not been counted yet, and no two runs agree. Here ppoll() keeps the main thread until the vCPU
 *    thread waits for it: the two alternate.
 *  - A turn lasts until the next timer, up to 100 ms. Here a timer that never fires, on a clock that stands still, is always
 *    turn_ns away, and QEMU ends the turn for it. It costs no wake-up and no interrupt, and nothing when the guest is idle.
 *  - A timer that is due runs on the way into a turn, which is then empty, and the order of the vCPUs slips: two of them can
 *    keep a step in which one never runs. A timer, due or armed, ends the turn, and so does PAUSE, of which the kernel has one
 *    wherever it relaxes: who gets interrupts, or work to do, gets less. And a vCPU that wakes waits for all the others, as if it
 *    were not a processor of its own. Here timers run between two turns, and whose turn is next is decided by what each has had:
 *    see choose(). QEMU goes on to the next vCPU in its list, and so those on the way to the chosen one leave their turns at once.
 *  - A guest that rings to be saved (hw_ready()) is stopped by the main thread, some time later, and the clock jumps before if the
 *    other vCPUs are idle. Here the vCPU thread, when it has told of it, waits until the main thread has been told to stop.
 *
 * This leans on functions that QEMU exports for its modules and does not promise to keep (7.2 and 10.0 have them). Where one
 * is missing QEMU ends with status 125 and the reason on stderr: there is no virtual clock without them.
 *
 * And it lets the guest wait for the host: a byte ASK that the guest sends to KTSTR_OUT_FD is where the vCPU thread stands until
 * the host has answered on KTSTR_ANSWER_FD, an eventfd. No clock moves meanwhile, and no vCPU.
 *
 * environment: KTSTR_TURN_NS, the longest turn; KTSTR_OUT_FD, KTSTR_ANSWER_FD; KTSTR_SAVES: the guest is to be stopped where it
 * rings; "changes": and its memory is mapped copy-on-write although QEMU is told that it is shared, so that none of it is in the
 * state that QEMU saves.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_CANNOT_TELL = 125 };
enum { CLOCK_OF_HOST, CLOCK_OF_GUEST }; /* QEMU_CLOCK_REALTIME, QEMU_CLOCK_VIRTUAL */
enum { ALL_TIMERS = -1, SCALE_NS = 1 };
/* What CLOCK_MONOTONIC says in the vCPU thread. The timers of the main thread are due at some real time far beyond it. */
enum { FROZEN_NS = 1000000000, NSEC_PER_SEC = 1000000000 };
/* A guest that never idles must still hear of its own end, or of a stop; that the clock jumps just then is out of the question. */
enum { HOLD_LIMIT_S = 1 };
enum { ASK = 5 }; /* GUESTLINK_ASK */
/* Between two PAUSEs of a vCPU that waits for another there is next to nothing. */
enum { SPIN_NS = 1000 };
#define MIN(a, b) ((a) < (b) ? (a) : (b))
enum { MAX_MUTEXES = 16, TIMER_SIZE = 256, LIST_WORDS = 32, GROUP_SIZE = 8, MAX_VCPUS = 1024 };

static struct {
	int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_broadcast)(pthread_cond_t *);
	int (*mutex_unlock)(pthread_mutex_t *);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	int (*clock_gettime)(clockid_t, struct timespec *);
	ssize_t (*writev)(int, const struct iovec *, int);
} libc;

static struct {
	void *(*timerlist_new)(int clock, void (*notify)(void *, int), void *opaque);
	void (*timer_init)(void *timer, void *group, int clock, int scale, int attributes, void (*fire)(void *), void *opaque);
	void (*timer_mod)(void *timer, int64_t ns);
	int64_t (*deadline)(int clock, int attributes);
	int64_t (*now)(int clock);
	bool (*run_timers)(int clock);
	bool (*vm_runs)(void);
	bool (*is_idle)(void *vcpu);
	void (*exit)(void *vcpu);
	void (*lock)(const char *file, int line);
	void (*unlock)(void);
	void (*notify)(void *, int clock);
	void ***timers; /* of the main loop: a list for each clock */
	void **vcpu;    /* whose turn it is, in the thread that asks */
} qemu;

static pid_t main_thread;
static __thread pid_t this_thread;
static __thread bool vcpu_thread;
static pthread_mutex_t *main_waited_with[MAX_MUTEXES];
static pthread_mutex_t *big_lock;     /* QEMU's; NULL until a vCPU thread waits with it */
static pthread_cond_t *halted;        /* where that waits */
static _Atomic uint32_t waits = true; /* a futex: the vCPU thread has nothing to do */
static bool saves, copies, rang;
static _Atomic uint32_t stops = true; /* a futex: the main thread waits for the vCPUs to stop */
static int64_t turn_ns;
static int out_fd = -1, answer_fd = -1;
static _Atomic int64_t quiet_until_ns; /* no timer is due before; 0: not known. Asking QEMU is dear, and a boot has 10 million turns */
static bool between_turns;
static struct vcpu {
	void *qemus;
	int64_t had_ns; /* of guest time; only the differences count */
	bool idle;      /* when it was last looked at */
	bool woke;      /* since it last had a turn */
} vcpus[MAX_VCPUS];
static unsigned nr_vcpus;
static struct {
	struct vcpu *vcpu; /* NULL: nobody's */
	int64_t start_ns, end_ns;
	unsigned spins; /* PAUSEs with next to nothing before */
	bool cut;       /* it is interrupted: by a timer, or for one that woke */
} turn;
static bool look; /* there may be one that was idle and is not */
static struct {
	struct vcpu *vcpu;
	int64_t ns;
} chosen; /* for the next turn */
static int64_t share_ns = INT64_MAX; /* where QEMU ends turns before */
static const char *missing;
static bool found;

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* A function of QEMU's, by its name before 9.0 if that is another. Or none: a script that starts QEMU comes by here, too. */
static void *find(const char *name, const char *old_name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p && old_name)
		p = dlsym(RTLD_DEFAULT, old_name);
	if (!p)
		missing = name;
	found |= p != NULL;
	return p;
}

static _Noreturn void cannot(const char *what, const char *name)
{
	fprintf(stderr, "no virtual clock with this QEMU: %s%s\n", what, name);
	_exit(EXIT_CANNOT_TELL);
}

__attribute__((constructor)) static void begin(void)
{
	const char *turn = getenv("KTSTR_TURN_NS"), *out = getenv("KTSTR_OUT_FD"), *answer = getenv("KTSTR_ANSWER_FD");
	const char *what = getenv("KTSTR_SAVES");

	main_thread = getpid();
	turn_ns = turn ? atoll(turn) : 0;
	saves = what;
	copies = what && !strcmp(what, "changes");
	out_fd = out ? atoi(out) : -1;
	/* By hand, with the command line that a report quotes, nobody answers: the guest need not wait. */
	answer_fd = answer && fcntl(atoi(answer), F_GETFD) >= 0 ? atoi(answer) : -1;
	libc.ppoll = next("ppoll");
	libc.cond_wait = next("pthread_cond_wait");
	qemu.timerlist_new = find("timerlist_new", NULL);
	qemu.timer_init = find("timer_init_full", NULL);
	qemu.timer_mod = find("timer_mod_ns", NULL);
	qemu.deadline = find("qemu_clock_deadline_ns_all", NULL);
	qemu.now = find("qemu_clock_get_ns", NULL);
	qemu.run_timers = find("qemu_clock_run_timers", NULL);
	qemu.vm_runs = find("runstate_is_running", NULL);
	qemu.is_idle = find("cpu_thread_is_idle", NULL);
	qemu.exit = find("cpu_exit", NULL);
	qemu.lock = find("bql_lock_impl", "qemu_mutex_lock_iothread_impl");
	qemu.unlock = find("bql_unlock", "qemu_mutex_unlock_iothread");
	qemu.notify = find("qemu_timer_notify_cb", NULL);
	qemu.timers = find("main_loop_tlg", NULL);
	qemu.vcpu = find("current_cpu", NULL);
	if (missing && found)
		cannot("it does not export ", missing);
	if (!missing)
		fputs("ktstr-turns.so loaded\n", stderr); /* libexec/vm/vm.c waits for it */
}

static bool in_main_thread(void)
{
	if (!this_thread)
		this_thread = (pid_t)syscall(SYS_gettid);
	return this_thread == main_thread;
}

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

/* The main thread may go on: the vCPU thread has nothing to do. */
static void let_main_go(void)
{
	atomic_store(&waits, true);
	futex(&waits, FUTEX_WAKE_PRIVATE, 1, NULL);
}

/* Turns that end by themselves. */

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
	if (vcpu_thread && clock == CLOCK_OF_GUEST) {
		if (between_turns || qemu.now(clock) + qemu.deadline(clock, ALL_TIMERS) >= turn.end_ns)
			return;
		turn.cut = true;
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
	cannot("its timers are not where they should be", "");
}

static void become_vcpu_thread(void)
{
	static _Alignas(64) char timer[TIMER_SIZE];
	static void *group[GROUP_SIZE]; /* a list for each clock, too: of our own, which nobody runs */

	if (missing || turn_ns <= 0)
		cannot(missing ? "it exports nothing" : "KTSTR_TURN_NS is not set", "");
	vcpu_thread = true;
	qemu.vcpu = dlsym(RTLD_DEFAULT, "current_cpu");
	hook_list(qemu.timers[CLOCK_OF_GUEST]);
	group[CLOCK_OF_HOST] = qemu.timerlist_new(CLOCK_OF_HOST, nobody, NULL);
	qemu.timer_init(timer, group, CLOCK_OF_HOST, SCALE_NS, 0, never, NULL);
	qemu.timer_mod(timer, FROZEN_NS + turn_ns);
}

static struct vcpu *find_vcpu(void *qemus)
{
	for (unsigned i = 0; i < nr_vcpus; i++)
		if (vcpus[i].qemus == qemus)
			return &vcpus[i];
	if (nr_vcpus == MAX_VCPUS)
		cannot("too many vCPUs", "");
	vcpus[nr_vcpus].qemus = qemus;
	look = true;
	return &vcpus[nr_vcpus++];
}

/*
 * Returns what is left of it. A vCPU that does next to nothing, and again, spins until another has done something: it gives up the
 * rest. Once for each vCPU is not too often: so the kernel relaxes where it goes through what each of them has counted.
 */
static int64_t end_turn(int64_t now)
{
	int64_t ns = now - turn.start_ns, left = turn.end_ns - now;

	turn.vcpu->had_ns += ns;
	turn.vcpu->idle = left > 0 && qemu.is_idle(turn.vcpu->qemus);
	if (!turn.cut && left > 0 && ns > 0 && ns < MIN(SPIN_NS, share_ns / 2) && !turn.vcpu->idle && ++turn.spins > nr_vcpus) {
		turn.vcpu->had_ns += left;
		left = 0;
	}
	return left;
}

/* Who has been idle is owed a turn for that, not more. To ask QEMU is dear: only when it may be so. */
static void see_who_woke(void)
{
	int64_t least = INT64_MAX;

	look = false;
	for (struct vcpu *v = vcpus; v < vcpus + nr_vcpus; v++) {
		bool idle = qemu.is_idle(v->qemus);

		v->woke = !idle && (v->woke || v->idle);
		v->idle = idle;
		if (!idle && !v->woke && v->had_ns < least)
			least = v->had_ns;
	}
	for (struct vcpu *v = vcpus; v < vcpus + nr_vcpus; v++)
		if (v->woke && least != INT64_MAX && v->had_ns < least - turn_ns)
			v->had_ns = least - turn_ns;
}

/* Of those that are not idle (and woke) the one that has had least; of several the next in QEMU's list. NULL: there is none. */
static struct vcpu *needs_most(const struct vcpu *next, bool woke)
{
	struct vcpu *best = NULL;

	for (unsigned i = 0, at = (unsigned)(next - vcpus); i < nr_vcpus; i++) {
		struct vcpu *v = &vcpus[(at + i) % nr_vcpus];

		if (!v->idle && (v->woke || !woke) && (!best || v->had_ns < best->had_ns))
			best = v;
	}
	return best;
}

/*
 * A vCPU runs at once when it wakes, as a processor does, unless it has had more than the one whose turn it is. That one has the
 * rest of its turn, if there is some, and then the one that has had least.
 */
static struct vcpu *choose(struct vcpu *current, const struct vcpu *next)
{
	struct vcpu *woke = needs_most(next, true), *v = current && !current->idle ? current : NULL;

	if (woke && (!v || woke->had_ns < v->had_ns))
		return woke;
	return v ? v : needs_most(next, false);
}

/* Returns how long it may be. Where it is another's turn this vCPU leaves it at once: a length of 0 would wake the main thread. */
static int64_t begin_turn(void *qemus)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST), left = turn.vcpu ? end_turn(now) : 0;
	struct vcpu *v = find_vcpu(qemus);

	if (!chosen.vcpu) {
		if (look)
			see_who_woke();
		chosen.vcpu = choose(left > 0 ? turn.vcpu : NULL, v);
		bool goes_on = left > 0 && chosen.vcpu == turn.vcpu;
		chosen.ns = goes_on ? left : turn_ns;
		turn.spins = goes_on ? turn.spins : 0;
	}
	turn.vcpu = NULL;
	turn.start_ns = turn.end_ns = now;
	if (chosen.vcpu && v != chosen.vcpu) {
		if (!v->idle)
			qemu.exit(qemus);
		return turn_ns;
	}
	turn.vcpu = v;
	turn.end_ns += chosen.ns;
	turn.cut = v->woke = false;
	chosen.vcpu = NULL;
	return turn.end_ns - now;
}

/* The vCPU has had to do with a device: another may have been woken by that. */
static void cut_for_woken(void)
{
	for (struct vcpu *v = vcpus; turn.vcpu && !turn.cut && v < vcpus + nr_vcpus; v++)
		if (v->idle && !qemu.is_idle(v->qemus)) {
			look = turn.cut = true;
			qemu.notify(NULL, CLOCK_OF_GUEST);
		}
}

/* From 8.1 on QEMU ends a turn when the vCPU has had its share of what there is before the next timer. Others follow. */
static int64_t share(void)
{
	int64_t deadline = qemu.deadline(CLOCK_OF_GUEST, ALL_TIMERS);

	return (deadline < 0 || deadline > turn_ns ? turn_ns : deadline) / nr_vcpus;
}

/*
 * QEMU asks for the time when it works out how long the next turn may be: the deadline of the guest's timers, or ours. It
 * does not hold the big lock then. From 8.1 on it also asks with the lock held, for the share of each vCPU in what is there.
 */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (vcpu_thread && clock == CLOCK_MONOTONIC) {
		int64_t ns = FROZEN_NS;

		if (big_lock->__data.__owner != this_thread)
			ns += turn_ns - begin_turn(*qemu.vcpu);
		else if (nr_vcpus)
			share_ns = share();
		*t = (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
		return 0;
	}
	if (!libc.clock_gettime)
		libc.clock_gettime = next("clock_gettime");
	return libc.clock_gettime(clock, t);
}

/* The big lock has to be held anew for this: timers look whether it is. True: there were some. */
static bool run_due_timers(void)
{
	int64_t now = qemu.now(CLOCK_OF_GUEST), deadline;

	if (now < quiet_until_ns || !qemu.vm_runs())
		return false;
	look = true; /* QEMU may have run them itself */
	deadline = qemu.deadline(CLOCK_OF_GUEST, ALL_TIMERS);
	if (deadline) {
		quiet_until_ns = deadline < 0 ? INT64_MAX : now + deadline;
		return false;
	}
	turn.cut = true;
	qemu.lock(__FILE__, __LINE__);
	qemu.run_timers(CLOCK_OF_GUEST);
	qemu.unlock();
	return true;
}

static bool is_file(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
}

/* No other file than its memory is mapped shared by QEMU. */
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (copies && (flags & MAP_TYPE) == MAP_SHARED && is_file(fd))
		flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
	return (void *)syscall(SYS_mmap, at, size, prot, flags, fd, offset);
}

void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));

/* What the guest said by a port is told to whoever reads QMP from the vCPU thread, in the middle of a turn. */
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	static const char ringing[] = "GUEST_PANICKED";

	if (!libc.sendmsg)
		libc.sendmsg = next("sendmsg");
	ssize_t n = libc.sendmsg(fd, m, flags);
	if (vcpu_thread && saves && n > 0 && memmem(m->msg_iov->iov_base, m->msg_iov->iov_len, ringing, strlen(ringing)))
		rang = true;
	return n;
}

/* Until the main thread waits for the vCPUs to stop. */
static void stand_still(void)
{
	atomic_store(&stops, false);
	let_main_go();
	while (!atomic_load(&stops))
		futex(&stops, FUTEX_WAIT_PRIVATE, false, NULL);
	atomic_store(&waits, false);
}

/* The vCPU thread lets go of the big lock when a turn begins, and after the access to a device. */
int pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (!libc.mutex_unlock) /* there are callers before begin() */
		libc.mutex_unlock = next("pthread_mutex_unlock");
	int r = libc.mutex_unlock(m);
	if (!vcpu_thread || m != big_lock || between_turns)
		return r;
	if (rang) {
		rang = false;
		stand_still();
		return r;
	}
	between_turns = true;
	bool ran = run_due_timers();
	between_turns = false;
	if (!ran)
		cut_for_woken();
	return r;
}

/* The main thread and the vCPU thread, one after the other. */

/* The main thread waits for every thread that it makes; with the big lock for that of the vCPUs alone, which waits with it too. */
static bool is_big_lock(pthread_mutex_t *m)
{
	for (int i = 0; !big_lock && i < MAX_MUTEXES; i++)
		if (main_waited_with[i] == m)
			big_lock = m;
	return m == big_lock;
}

static void note_mutex(pthread_mutex_t *m)
{
	for (int i = 0; i < MAX_MUTEXES; i++) {
		if (!main_waited_with[i])
			main_waited_with[i] = m;
		if (main_waited_with[i] == m)
			return;
	}
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	if (in_main_thread()) {
		note_mutex(m);
		if (m == big_lock && !atomic_load(&stops)) {
			atomic_store(&stops, true);
			futex(&stops, FUTEX_WAKE_PRIVATE, 1, NULL);
		}
		return libc.cond_wait(c, m);
	}
	/* The thread that saves may wait for the vCPUs with it, too; theirs has come first. */
	if (!is_big_lock(m) || (halted && !vcpu_thread))
		return libc.cond_wait(c, m);
	if (!vcpu_thread)
		become_vcpu_thread();
	halted = c;
	/* All are idle, or stopped: nobody is owed anything, and the time that passes now is nobody's. */
	for (unsigned i = 0; i < nr_vcpus; i++)
		vcpus[i].had_ns = 0;
	turn.vcpu = chosen.vcpu = NULL;
	look = true;
	turn.end_ns = 0;
	let_main_go();
	int r = libc.cond_wait(c, m);
	atomic_store(&waits, false);
	return r;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	if (c == halted)
		atomic_store(&waits, false);
	if (!libc.cond_broadcast)
		libc.cond_broadcast = next("pthread_cond_broadcast");
	return libc.cond_broadcast(c);
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	const struct timespec limit = { .tv_sec = HOLD_LIMIT_S };
	int r = libc.ppoll(fds, n, timeout, mask), e = errno;

	/* With the lock held, as when devices are drained, the vCPU thread could not come to rest. */
	if (in_main_thread() && big_lock && big_lock->__data.__owner != main_thread)
		while (!atomic_load(&waits) && (!futex(&waits, FUTEX_WAIT_PRIVATE, false, &limit) || errno != ETIMEDOUT))
			;
	errno = e;
	return r;
}

/* Requests. */

/* QEMU has opened it anew. */
static bool is_out(int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !fstat(out_fd, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	uint64_t answer;

	if (!libc.writev)
		libc.writev = next("writev");
	bool asks = vcpu_thread && n == 1 && v->iov_len == 1 && *(const char *)v->iov_base == ASK && is_out(fd);
	if (asks && answer_fd < 0)
		return 1; /* it is not part of what the guest says */
	ssize_t r = libc.writev(fd, v, n);
	int e = errno;
	if (asks && r == 1)
		while (read(answer_fd, &answer, sizeof(answer)) < 0 && errno == EINTR)
			;
	errno = e;
	return r;
}
