// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main thread's hold. QEMU's main thread and its vCPU thread run one after the other: whatever has woken the main thread, it
 * goes on only when the vCPU thread waits. Else the main thread would look whether all vCPUs are idle at a moment that the host's
 * scheduler picked, and move the clock on while a turn is not over, or has not been counted yet.
 *
 * A guest that never idles would hold the main thread for ever. The main thread is let go beside it for three things, which are
 * the end of the run or the host's wish: a QMP command has come, QEMU is to end (a signal, the guest's own power-off), or the
 * machine does not run. Each such release is counted in the page that the host reads.
 */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/shim-qemu.h"
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_MUTEXES = 16, LOOK_NS = 10000000 };

static pthread_mutex_t *main_waited_with[MAX_MUTEXES];
static pthread_cond_t *halted;        /* where the vCPU thread waits */
static _Atomic uint32_t waits = true; /* a futex: the vCPU thread has nothing to do */
static _Atomic uint32_t stops = true; /* a futex: the main thread waits for the vCPUs to stop */
static _Atomic int commands;          /* that have come by QMP and are not answered yet */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

static bool in_main_thread(void)
{
	return shim_gettid() == shim_main_thread;
}

void shim_let_main_go(void)
{
	atomic_store(&waits, true);
	futex(&waits, FUTEX_WAKE_PRIVATE, 1, NULL);
}

void shim_stand_still(void)
{
	atomic_store(&stops, false);
	shim_let_main_go();
	while (!atomic_load(&stops))
		futex(&stops, FUTEX_WAIT_PRIVATE, false, NULL);
	atomic_store(&waits, false);
}

/* The main thread waits for every thread that it makes; with the big lock for that of the vCPUs alone, which waits with it too. */
static bool is_big_lock(pthread_mutex_t *m)
{
	for (int i = 0; !shim_big_lock && i < MAX_MUTEXES; i++)
		if (main_waited_with[i] == m)
			shim_big_lock = m;
	return m == shim_big_lock;
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
	static int (*libc_cond_wait)(pthread_cond_t *, pthread_mutex_t *);

	if (!libc_cond_wait)
		libc_cond_wait = shim_libc("pthread_cond_wait");
	if (in_main_thread()) {
		note_mutex(m);
		if (m == shim_big_lock && !atomic_load(&stops)) {
			atomic_store(&stops, true);
			futex(&stops, FUTEX_WAKE_PRIVATE, 1, NULL);
		}
		return libc_cond_wait(c, m);
	}
	/* The thread that saves may wait for the vCPUs with the big lock, too; the vCPUs' own has come first. */
	if (!is_big_lock(m) || (halted && !shim_vcpu_thread))
		return libc_cond_wait(c, m);
	if (!shim_vcpu_thread)
		shim_become_vcpu_thread();
	halted = c;
	shim_main_will_run();
	shim_let_main_go();
	int r = libc_cond_wait(c, m);
	atomic_store(&waits, false);
	return r;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	static int (*libc_cond_broadcast)(pthread_cond_t *);

	if (c == halted)
		atomic_store(&waits, false);
	if (!libc_cond_broadcast)
		libc_cond_broadcast = shim_libc("pthread_cond_broadcast");
	return libc_cond_broadcast(c);
}

static int count_text(const char *text, size_t n, const char *what)
{
	int found = 0;

	for (const char *p = text; (p = memmem(p, n - (size_t)(p - text), what, strlen(what))); p++)
		found++;
	return found;
}

/*
 * QMP is read by a thread of its own, which has the main thread carry the command out. "cont" does not count: its answer is sent
 * when the main thread runs next, which is when the guest runs already.
 */
ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	static ssize_t (*libc_recvmsg)(int, struct msghdr *, int);

	if (!libc_recvmsg)
		libc_recvmsg = shim_libc("recvmsg");
	ssize_t n = libc_recvmsg(fd, m, flags);
	if (n > 0)
		atomic_fetch_add(&commands, count_text(m->msg_iov->iov_base, (size_t)n, "\"execute\"") -
				 count_text(m->msg_iov->iov_base, (size_t)n, "\"cont\""));
	return n;
}

void shim_answer_went(const void *text, size_t n)
{
	if (atomic_load(&commands) > 0 && (count_text(text, n, "{\"return\"") || count_text(text, n, "{\"error\"")))
		atomic_fetch_sub(&commands, 1);
}

static bool must_run(void)
{
	return atomic_load(&commands) > 0 || qemu.shutdown_cause() || !qemu.vm_runs();
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	static int (*libc_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	const struct timespec look = { .tv_nsec = LOOK_NS };

	if (!libc_ppoll)
		libc_ppoll = shim_libc("ppoll");
	int r = libc_ppoll(fds, n, timeout, mask), e = errno;

	/* With the lock held, as when devices are drained, the vCPU thread could not come to rest. */
	if (in_main_thread() && shim_big_lock && shim_big_lock->__data.__owner != shim_main_thread) {
		while (!atomic_load(&waits) && !must_run())
			futex(&waits, FUTEX_WAIT_PRIVATE, false, &look);
		if (!atomic_load(&waits) && qemu.vm_runs())
			atomic_fetch_add(&shim_page->releases, 1);
	}
	errno = e;
	return r;
}
