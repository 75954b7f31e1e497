// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest writes. When a pipe is full the vCPU thread stands until the host has read. QEMU alone would have its main loop wait for
 * that, and the guest find its serial port busy for as long as the host takes.
 *
 * Questions to the host. A byte GUESTLINK_ASK that the guest sends to KTSTR_OUT_FD is where the vCPU thread stands until the host
 * has answered on KTSTR_ANSWER_FD, an eventfd. No clock moves meanwhile, and no vCPU.
 *
 * And a guest that rings to be saved (hw_ready()) is stopped at that instruction: the host hears of it by a QMP event, which the vCPU
 * thread sends itself, in the middle of a turn. Where KTSTR_SAVES is set the vCPU thread then stands until the host has had the main
 * thread stop the machine. "changes": QEMU takes the guest's memory for shared, and leaves it out of the state that it saves, but
 * the memory is mapped copy-on-write: the host saves what has changed.
 */
#define _GNU_SOURCE
#include "libexec/vm/guestlink.h"
#include "libexec/vm/shim.h"
#include "libexec/vm/shim-qemu.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool saves, copies, rang;
static int out_fd = -1, answer_fd = -1;

void shim_ask_init(void)
{
	const char *what = getenv("KTSTR_SAVES");

	saves = what;
	copies = what && !strcmp(what, "changes");
	out_fd = shim_env_fd("KTSTR_OUT_FD");
	/* By hand, with the command line that a report quotes, nobody answers: the guest need not wait. */
	answer_fd = shim_env_fd("KTSTR_ANSWER_FD");
}

static bool is_file(int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
}

static void note_mapped(const void *at, size_t size, int fd)
{
	shim_fingerprint_mapped(at, size, fd);
	shim_trace_mapped(at, fd);
}

/* No other file than its memory is mapped shared by QEMU. */
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (copies && (flags & MAP_TYPE) == MAP_SHARED && is_file(fd))
		flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
	void *p = (void *)syscall(SYS_mmap, at, size, prot, flags, fd, offset);
	if (p != MAP_FAILED && fd >= 0)
		note_mapped(p, size, fd);
	return p;
}

void *mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("mmap")));

static bool contains(const struct msghdr *m, const char *text)
{
	return memmem(m->msg_iov->iov_base, m->msg_iov->iov_len, text, strlen(text));
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*libc_sendmsg)(int, const struct msghdr *, int);
	static const char ringing[] = "GUEST_PANICKED", hangs[] = "\"event\": \"WATCHDOG\"";

	if (!libc_sendmsg)
		libc_sendmsg = shim_libc("sendmsg");
	if (contains(m, hangs))
		shim_stand(SHIM_STOP_HANG, qemu.now(CLOCK_OF_GUEST));
	ssize_t n = libc_sendmsg(fd, m, flags);
	if (shim_vcpu_thread && saves && n > 0 && contains(m, ringing))
		rang = true;
	if (!shim_vcpu_thread && n > 0)
		shim_answer_went(m->msg_iov->iov_base, (size_t)n);
	return n;
}

bool shim_rang(void)
{
	bool r = rang;

	rang = false;
	return r;
}

/* QEMU has opened it anew. Each byte that the guest writes comes by here. */
static bool is_out(int fd)
{
	static int asked = -1;
	static bool answer;
	struct stat a, b;

	if (fd != asked)
		answer = !fstat(fd, &a) && !fstat(out_fd, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
	asked = fd;
	return answer;
}

bool shim_wait_for_answer(void)
{
	uint64_t answer;

	while (answer_fd >= 0 && read(answer_fd, &answer, sizeof(answer)) < 0 && errno == EINTR)
		;
	if (answer_fd >= 0)
		shim_watch_settle();
	return answer_fd >= 0;
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	static ssize_t (*libc_writev)(int, const struct iovec *, int);

	if (!libc_writev)
		libc_writev = shim_libc("writev");
	bool says = shim_vcpu_thread && n == 1 && v->iov_len == 1 && is_out(fd);
	bool asks = says && *(const char *)v->iov_base == GUESTLINK_ASK;
	if (asks && answer_fd < 0)
		return 1; /* it is not part of what the guest says */
	if (asks)
		shim_note_stand(SHIM_STOP_ASKED, qemu.now(CLOCK_OF_GUEST));
	ssize_t r = libc_writev(fd, v, n);
	while (r < 0 && errno == EAGAIN && shim_vcpu_thread) {
		poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
		r = libc_writev(fd, v, n);
	}
	int e = errno;
	if (says && r == 1)
		shim_stop_note_byte(*(const char *)v->iov_base);
	if (asks && r == 1)
		shim_wait_for_answer();
	errno = e;
	return r;
}
