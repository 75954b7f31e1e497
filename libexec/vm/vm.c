// SPDX-License-Identifier: GPL-2.0-only
/* One QEMU process: see vm.h. */
#include "libexec/vm/vm.h"
#include "libexec/lib/spawn.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CONSOLE_PIPE_SIZE = 1 << 20, MAX_FDS = 15 + TOPO_MAX_NODES };

void vm_init(struct vm *vm)
{
	*vm = (struct vm){ .pidfd = -1, .qmp = -1, .out = -1, .console = -1, .err = -1, .answer = -1, .stop = -1, .turns = -1, .fingerprint = -1, .trace = -1, .taps = -1,
			  .signals = -1, .out_size = VM_OUT_LARGE };
	vm->console_tail = (struct tail){ vm->console_ring, sizeof(vm->console_ring) };
	vm->err_tail = (struct tail){ vm->err_ring, sizeof(vm->err_ring) };
}

/* Returns its descriptor. */
static int make_shim_page(struct vm *vm, struct kt_err *err)
{
	int fd = memfd_create("shim", MFD_CLOEXEC);
	void *p = fd < 0 || ftruncate(fd, sizeof(*vm->shim)) ? MAP_FAILED :
		mmap(NULL, sizeof(*vm->shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		kt_fail(err, "cannot make a page to share with QEMU: %s", strerror(errno));
		kt_closep(&fd);
		return -1;
	}
	vm->shim = p;
	return fd;
}

bool vm_clock_holds(struct vm *vm, enum shim_state least, struct kt_err *err)
{
	const struct shim_page *p = vm->shim;
	int64_t overrun_ns = p ? atomic_load(&p->overrun_ns) : 0;

	if (vm->turns < 0 || (p && atomic_load(&p->state) >= least && overrun_ns < vm->ns_per_insn))
		return true;
	vm->no_clock = true;
	if (p && atomic_load(&p->state) >= least) {
		kt_fail(err, "no virtual clock with this QEMU: a turn of a vCPU went on for %lld ns beyond its end, and an instruction "
			"takes %u ns; use --clock real", (long long)overrun_ns, vm->ns_per_insn);
		return false;
	}
	kt_fail(err, "no virtual clock with this QEMU: %s; a QEMU built with modules enabled, as Debian's is, has what "
		"ktstr-turns.so needs; or use --clock real", !p || atomic_load(&p->state) == SHIM_ABSENT ?
		"it has not loaded ktstr-turns.so, or exports nothing" : "it does not ask ktstr-turns.so for turns");
	return false;
}

int vm_spawn(struct vm *vm, const struct strv *args, int payload, int state, const int *ram, unsigned nr_ram,
	     struct kt_err *err)
{
	struct spawn_fd fds[MAX_FDS];
	int qmp[2], out[2], console[2], errs[2];
	size_t n = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	vm->qmp = qmp[0];
	_cleanup_close_ int qmp_end = qmp[1];
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	vm->out = out[0];
	_cleanup_close_ int out_end = out[1];
	if (pipe2(console, O_CLOEXEC | O_NONBLOCK) < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	vm->console = console[0];
	_cleanup_close_ int console_end = console[1];
	if (pipe2(errs, O_CLOEXEC | O_NONBLOCK) < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	vm->err = errs[0];
	_cleanup_close_ int errs_end = errs[1];
	vm->answer = eventfd(0, EFD_CLOEXEC);
	if (vm->answer < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	vm->stop = eventfd(0, EFD_CLOEXEC);
	if (vm->stop < 0)
		return kt_fail(err, "cannot set up QEMU's descriptors: %s", strerror(errno));
	_cleanup_close_ int shim = -1;
	if (vm->turns >= 0 && (shim = make_shim_page(vm, err)) < 0)
		return -1;
	fcntl(out_end, F_SETPIPE_SZ, vm->out_size);
	fcntl(console_end, F_SETPIPE_SZ, CONSOLE_PIPE_SIZE);
	if (vm->out_size == VM_OUT_SMALL && fcntl(out_end, F_GETPIPE_SZ) > VM_OUT_SMALL) /* larger is wrong: it would not wait */
		return kt_fail(err, "cannot make a pipe of %d bytes", VM_OUT_SMALL);

#define MAP(fd, as) (fds[n++] = (struct spawn_fd){ fd, as })
	MAP(-1, STDIN_FILENO);
	MAP(-1, STDOUT_FILENO);
	MAP(errs_end, STDERR_FILENO);
	MAP(qmp_end, VM_FD_QMP);
	MAP(out_end, VM_FD_OUT);
	MAP(console_end, VM_FD_CONSOLE);
	if (payload >= 0)
		MAP(payload, VM_FD_PAYLOAD);
	if (state >= 0)
		MAP(state, VM_FD_STATE);
	if (vm->turns >= 0)
		MAP(vm->turns, VM_FD_TURNS);
	MAP(vm->answer, VM_FD_ANSWER);
	MAP(vm->stop, VM_FD_STOP);
	if (shim >= 0)
		MAP(shim, VM_FD_SHIM);
	if (vm->fingerprint >= 0)
		MAP(vm->fingerprint, VM_FD_FINGERPRINT);
	if (vm->trace >= 0)
		MAP(vm->trace, VM_FD_TRACE);
	if (vm->taps >= 0)
		MAP(vm->taps, VM_FD_TAPS);
	for (unsigned i = 0; i < nr_ram; i++)
		MAP(ram[i], VM_FD_RAM0 + (int)i);
#undef MAP

	pid_t pid = spawn_program(&(struct spawn){ .argv = args->v, .fds = fds, .nr_fds = n, .cgroup = -1 }, err);
	if (pid < 0)
		return -1;
	vm->pid = pid;
	vm->pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	if (vm->pidfd < 0) {
		kt_fail(err, "pidfd_open: %s", strerror(errno));
		vm_kill(vm);
		return -1;
	}
	fcntl(vm->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void reap_qemu(struct vm *vm, int options)
{
	if (vm->pid && waitpid(vm->pid, &vm->status, options) == vm->pid)
		vm->pid = 0;
}

void vm_kill(struct vm *vm)
{
	if (!vm->pid)
		return;
	kill(vm->pid, SIGKILL);
	reap_qemu(vm, 0);
}

void vm_stop_at(struct vm *vm, int64_t ns, bool bare)
{
	if (!vm->shim)
		return;
	atomic_store(&vm->shim->stop_bare, bare);
	atomic_store(&vm->shim->stop_ns, ns);
}

void vm_watch(struct vm *vm, unsigned w, const struct shim_watch *watch)
{
	struct shim_watch *to = &vm->shim->watches[w];

	to->address = watch->address;
	to->size = watch->size;
	to->at = watch->at;
	to->snapshots = watch->snapshots;
	to->stands = watch->stands;
	to->counts = watch->counts;
	atomic_store(&to->hits, watch->hits);
	atomic_fetch_add(&vm->shim->watches_set, 1);
}

void vm_answer(struct vm *vm)
{
	eventfd_write(vm->answer, 1);
}

int vm_freeze(struct vm *vm, struct kt_err *err)
{
	siginfo_t info = { 0 };

	if (kill(vm->pid, SIGSTOP) || waitid(P_PID, (id_t)vm->pid, &info, WSTOPPED | WEXITED | WNOWAIT) || info.si_code != CLD_STOPPED)
		return kt_fail(err, "QEMU cannot be stopped");
	return 0;
}

void vm_thaw(struct vm *vm)
{
	kill(vm->pid, SIGCONT);
}

static void close_fd(int *fd)
{
	kt_closep(fd);
	*fd = -1;
}

void vm_deinit(struct vm *vm)
{
	vm_kill(vm);
	close_fd(&vm->pidfd);
	close_fd(&vm->qmp);
	close_fd(&vm->out);
	close_fd(&vm->console);
	close_fd(&vm->err);
	close_fd(&vm->answer);
	close_fd(&vm->stop);
	if (vm->shim)
		munmap(vm->shim, sizeof(*vm->shim));
	vm->shim = NULL;
	strv_deinit(&vm->qmp_events);
	lines_deinit(&vm->qmp_lines);
}

/* Read what is there. Closes the descriptor at its end; returns whether it read anything. */
static bool drain_pipe(struct vm *vm, int *fd, struct tail *tail)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(*fd, buf, sizeof(buf))) > 0) {
		tail_add(tail, buf, (size_t)n);
		if (fd == &vm->console)
			splats_add(&vm->splats, buf, (size_t)n);
		for (size_t i = 0; fd == &vm->console && i < ARRAY_SIZE(vm->console_to); i++)
			if (vm->console_to[i]) {
				fwrite(buf, 1, (size_t)n, vm->console_to[i]);
				fflush(vm->console_to[i]);
			}
		if ((size_t)n < sizeof(buf))
			return true;
	}
	if (n == 0 || errno != EAGAIN)
		close_fd(fd);
	return false;
}

enum vm_event vm_wait(struct vm *vm, bool want_out, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = want_out ? vm->out : -1, .events = POLLIN },
			{ .fd = vm->qmp, .events = POLLIN },
			{ .fd = vm->signals, .events = POLLIN },
			{ .fd = vm->console, .events = POLLIN },
			{ .fd = vm->err, .events = POLLIN },
			{ .fd = vm->pid ? vm->pidfd : -1, .events = POLLIN },
			{ .fd = want_out ? vm->stop : -1, .events = POLLIN },
		};
		eventfd_t ignored;
		int64_t left = deadline_ns - kt_now_ns();

		if (left <= 0)
			return VM_EV_TIMEOUT;
		struct timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };
		if (ppoll(p, ARRAY_SIZE(p), &ts, NULL) < 0 && errno != EINTR)
			BUG("ppoll: %s", strerror(errno));
		if (p[3].revents)
			drain_pipe(vm, &vm->console, &vm->console_tail);
		if (p[4].revents)
			drain_pipe(vm, &vm->err, &vm->err_tail);
		if (p[2].revents)
			return VM_EV_SIGNAL;
		if (p[0].revents & POLLIN)
			return VM_EV_OUT;
		/* After what it has said: it said that before. */
		if (p[6].revents & POLLIN && !eventfd_read(vm->stop, &ignored))
			return VM_EV_STOP;
		if (p[1].revents & POLLIN)
			return VM_EV_QMP;
		if (p[0].revents)
			close_fd(&vm->out);
		if (p[1].revents)
			close_fd(&vm->qmp);
		if (p[5].revents) {
			while (vm->console >= 0 && drain_pipe(vm, &vm->console, &vm->console_tail))
				;
			while (vm->err >= 0 && drain_pipe(vm, &vm->err, &vm->err_tail))
				;
			reap_qemu(vm, WNOHANG);
			if (!vm->pid)
				return VM_EV_EXIT;
		}
		if (!vm->pid)
			return VM_EV_EXIT;
	}
}

static bool is_chatter(const char *line, size_t n)
{
	return memmem(line, n, "TCG doesn't support requested feature", 37);
}

struct words { char *buf; size_t size; };

static void take_words(void *ctx, const char *line, size_t n)
{
	struct words *w = ctx;

	if (!is_chatter(line, n))
		snprintf(w->buf, w->size, "%.*s", (int)n, line);
}

/* QEMU's own words: the last line of its stderr that is not the chatter of TCG about CPU features it lacks. */
static void last_error(const struct vm *vm, char *buf, size_t size)
{
	struct words w = { buf, size };

	*buf = '\0';
	tail_lines(&vm->err_tail, UINT_MAX, take_words, &w);
}

const char *vm_exit_reason(const struct vm *vm, char *buf, size_t size)
{
	char said[512];

	last_error(vm, said, sizeof(said));
	if (WIFSIGNALED(vm->status))
		snprintf(buf, size, "QEMU was killed by SIG%s%s%s", sigabbrev_np(WTERMSIG(vm->status)), *said ? ": " : "", said);
	else if (WEXITSTATUS(vm->status))
		snprintf(buf, size, "QEMU failed with status %d%s%s", WEXITSTATUS(vm->status), *said ? ": " : "", said);
	else
		snprintf(buf, size, "the guest stopped by itself (a panic, or power-off) before it was done");
	return buf;
}
