/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - one QEMU process: its command line, its life, and its four pipes.
 *
 * Everything QEMU needs is an inherited descriptor, named /proc/self/fd/N on its command line: no socket, FIFO or
 * temporary file exists that a crash could leave behind. QEMU dies with this process (parent-death signal).
 *
 * THE RULE: on the virtual clock nothing may wake QEMU's main loop while the guest runs (a QMP command, input on a
 * chardev, a host timer), because a wake-up changes how the vCPUs take turns, and the run no longer repeats. So between
 * the start and the end of the guest's run nothing is sent to it, and nothing in vm_args() may arm a host timer. What wakes
 * it of QEMU's own accord is kept waiting until all vCPUs are idle: libexec/vm/shim.c.
 */
#ifndef KT_VM_H
#define KT_VM_H

#include "libexec/lib/lines.h"
#include "libexec/lib/strv.h"
#include "libexec/lib/tail.h"
#include "libexec/topo/plan.h"
#include "libexec/vm/shim.h"
#include "libexec/vm/splat.h"

/* Descriptors in the QEMU process. */
enum { VM_FD_QMP = 3, VM_FD_OUT, VM_FD_CONSOLE, VM_FD_PAYLOAD, VM_FD_STATE, VM_FD_TURNS, VM_FD_RAM0,
       VM_FD_ANSWER = VM_FD_RAM0 + TOPO_MAX_NODES, VM_FD_SHIM, VM_FD_FINGERPRINT, VM_FD_STOP,
       VM_FD_TRACE, VM_FD_TAPS };

/*
 * The longest turn of a vCPU on the virtual clock. Four busy ones: each runs again after 150 us, or 350 when a turn of its own
 * was cut short. Half of it costs the host a tenth more.
 */
enum { VM_TURN_NS = 50000 };

/*
 * A checkpoint's boot counts at least 2^4 ns an instruction, whatever the run does: a third of it waits for time to pass, which
 * then takes a sixteenth of the instructions. With more CPUs it counts less: until the kernel can do without, the idle CPUs tick 250
 * times a second, and at 16 ns an instruction the ticks of 64 CPUs take 95 % of the time. CPUs times ns is at most VM_BOOT_LOAD: of a
 * boot of 64, 512 costs a tenth more than 256, and 1024 twice as much.
 */
enum { VM_BOOT_SHIFT = 4, VM_BOOT_LOAD = 256 };

enum vm_accel { VM_TCG, VM_KVM };

struct vm_config {
	const char *qemu;      /* program: a path, or a name looked up in PATH */
	const struct topo *plan;
	const char *vmlinux, *initrd;
	const char *kernel_args; /* more of its command line, or NULL */
	enum vm_accel accel;
	bool virtual_clock;    /* TCG only */
	int turns;             /* ktstr-turns.so, open, for the virtual clock; -1: not there */
	unsigned icount_shift; /* 1 instruction is 2^shift ns of guest time */
	int64_t seed;          /* the guest asks for it when it has been set up */
	int fingerprint;       /* file for the fingerprints of a guest that runs (VM_RUN): libexec/vm/shim-fingerprint.c */
	int64_t fingerprint_ns; /* one every so many ns of guest time; 0: none */
	bool traces;           /* a guest that runs (VM_RUN) is traced: libexec/vm/shim-trace.c. Into the file `trace`, with the memory `taps` */
	int trace, taps;
};

/*
 * Boot; boot with RAM shared, to be saved; from a saved state, to be saved again once a spec has been set up; from a saved
 * state, to run. The latter two have RAM copy-on-write.
 */
enum vm_start { VM_COLD, VM_BOOT, VM_SET_UP, VM_RUN };

/* The file that execvp() would run as QEMU, or as much of its name as is known. */
char *vm_find_qemu(const struct vm_config *c);
/* Which QEMU it is: its package may change and its version not. The version is the plan's, and checked (vm_qmp_greeting()). */
char *vm_qemu_identity(const struct vm_config *c);
/* The shift with which the virtual clock counts. */
unsigned vm_shift(const struct vm_config *c, enum vm_start start);
/* The QEMU command line, variables first as a shell has it. The same for every start but for RAM sharing and -incoming. */
void vm_args(const struct vm_config *c, enum vm_start start, struct strv *ret);

/*
 * A guest that floods its out pipe waits there, in its own time, until the host reads. A small one is slower, but a guest
 * that wants to wait for the host need not write much more than it holds. On the virtual clock the same is true of the console's
 * pipe; on the real one QEMU's main loop waits for the host. A user with 64 MiB of pipes gets no large ones any more.
 */
enum { VM_OUT_LARGE = 1 << 20, VM_OUT_SMALL = 4096 };

struct vm {
	pid_t pid;             /* 0 when there is none */
	int pidfd, qmp, out, console, err;
	int answer;            /* an eventfd: ends the wait of a guest that asks (guestlink.h) */
	int fingerprint, trace, taps; /* QEMU gets them; -1: none. The caller's */
	int turns;             /* ktstr-turns.so, open: QEMU gets it and must have loaded it; -1: without. The caller's */
	int stop;              /* an eventfd: the guest stands at the time that vm_stop_at() has set */
	struct shim_page *shim; /* what ktstr-turns.so in this QEMU says of itself; NULL: without */
	unsigned ns_per_insn;  /* of the virtual clock: a turn ends with an instruction, and may go on for less than one */
	bool no_clock;         /* vm_clock_holds() has said no */
	int signals;           /* signalfd of the caller, or -1: ends vm_wait() early */
	struct tail console_tail, err_tail; /* for error messages */
	char console_ring[32768], err_ring[32768];
	struct splats splats;  /* what the kernel complained of on the console */
	FILE *console_to[2];   /* copies of the console: live, kept; NULL: none */
	int out_size;          /* bytes that the out pipe holds; vm_init()'s: VM_OUT_LARGE */
	int status;            /* wait status once pid is 0 again */
	char qemu_version[32]; /* as its greeting says: "7.2.22"; "" before */
	struct strv qmp_events; /* names of events that came and were not waited for yet, each once */
	struct lines qmp_lines;
};

void vm_init(struct vm *vm);
/* Start QEMU with these descriptors as VM_FD_PAYLOAD, VM_FD_STATE (-1: none) and VM_FD_RAM0... 0, or -1 and err. */
int vm_spawn(struct vm *vm, const struct strv *args, int payload, int state, const int *ram, unsigned nr_ram,
	     struct kt_err *err);
/*
 * On the virtual clock: the guest is to stand at this guest time after the record of its first phase, or at the first turn that begins
 * after it, once (VM_EV_STOP). 0: at none. Before it runs, or while it stands. It is let go by vm_answer(). bare: nobody will ask for
 * the registers of its vCPUs then.
 */
void vm_stop_at(struct vm *vm, int64_t ns, bool bare);
/*
 * Watch so many bytes of the guest's at this address of its kernel's, which are at `at` in QEMU's process, or with size 0 nothing, as
 * watch number w of SHIM_WATCHES. The guest stands at the first `stands` hits, with the registers of all vCPUs at the first `snapshots`;
 * when `counts` were counted there is no such watch any more. While the guest stands.
 */
void vm_watch(struct vm *vm, unsigned w, const struct shim_watch *watch);
/* The guest asked, and was answered, or stood: it goes on. */
void vm_answer(struct vm *vm);
/* All of QEMU stands, and with it every vCPU, until it goes on. -1 and err when it cannot, or is gone. */
int vm_freeze(struct vm *vm, struct kt_err *err);
void vm_thaw(struct vm *vm);
/* Kill QEMU and reap it; fine to call at any time. */
void vm_kill(struct vm *vm);
void vm_deinit(struct vm *vm);

enum vm_event { VM_EV_OUT, VM_EV_STOP, VM_EV_QMP, VM_EV_EXIT, VM_EV_SIGNAL, VM_EV_TIMEOUT };
/*
 * Wait until the guest has written to its out pipe (only if want_out), it stands where it was to, QMP has something, QEMU is gone, a signal came,
 * or the deadline (CLOCK_MONOTONIC ns) passed; the console and stderr are drained meanwhile. What QEMU wrote before
 * it went is reported before VM_EV_EXIT.
 */
enum vm_event vm_wait(struct vm *vm, bool want_out, int64_t deadline_ns);
/*
 * Has ktstr-turns.so come as far as it must have by now, and has each turn ended within what it was given? Always true on the real
 * clock. False, and err: this QEMU has no virtual clock. Before `cont` it must have the vCPU thread; whatever a guest has said it
 * said in a turn.
 */
bool vm_clock_holds(struct vm *vm, enum shim_state least, struct kt_err *err);
/* Why QEMU is gone, in words; fills buf. */
const char *vm_exit_reason(const struct vm *vm, char *buf, size_t size);

/*
 * QMP: wait for the greeting, and fail unless the version in it is want ("": any), which a plan was made for. Sends nothing.
 */
int vm_qmp_greeting(struct vm *vm, const char *want, int64_t deadline_ns, struct kt_err *err);
/*
 * The same, end the greeting phase, and set what saving and loading need. Fails, too, when ktstr-turns.so has to be loaded and has not
 * found the vCPU thread. "oob" is asked for because without it QEMU wakes its main loop once more after the answer to each command,
 * from another thread: after the answer to `cont`, that is in the guest's time (THE RULE).
 */
int vm_qmp_hello(struct vm *vm, const char *want, int64_t deadline_ns, struct kt_err *err);
/* Send a command and wait for its answer; out-of-order events are kept. args may be NULL; its reference is taken. */
int vm_qmp(struct vm *vm, const char *command, json_t *args, int64_t deadline_ns, struct kt_err *err);
/* `cont`, until the guest runs. The answer as such comes when QEMU's main loop runs next, which may take long (libexec/vm/shim.c). */
int vm_qmp_cont(struct vm *vm, int64_t deadline_ns, struct kt_err *err);
/* The same, with a descriptor for QEMU to keep (getfd). */
int vm_qmp_fd(struct vm *vm, const char *command, json_t *args, int fd, int64_t deadline_ns, struct kt_err *err);
/* Wait for an event (one that came earlier counts) until the deadline; -1 and err when it does not come, or a migration fails. */
int vm_qmp_event(struct vm *vm, const char *event, int64_t deadline_ns, struct kt_err *err);
/* The machine that stopped by hw_ready(): wait until it stands, and write the state of its devices to the file `to`. */
int vm_save(struct vm *vm, int to, int64_t deadline_ns, struct kt_err *err);
/* Load the state that QEMU got as VM_FD_STATE. */
int vm_load(struct vm *vm, int64_t deadline_ns, struct kt_err *err);
/* Take in what QMP has to say unasked (VM_EV_QMP). -1 and err: it is nothing that can be meant. */
int vm_qmp_listen(struct vm *vm, struct kt_err *err);
/* Whether this event was among what it has said. */
bool vm_qmp_saw(const struct vm *vm, const char *event);

#endif
