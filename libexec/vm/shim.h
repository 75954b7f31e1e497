/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim.h - ktstr-turns.so, preloaded into QEMU on the virtual clock: what its files share, and the page in which the host sees
 * how it does. shim.c says what it is for.
 *
 *     shim.c        what QEMU calls: the hooks on the clock, the big lock and the timers
 *     shim-turns.c  the loop in which the vCPUs have their turns
 *     order.c       whose turn it is: pure
 *     shim-hold.c   the main thread and the vCPU thread run one after the other
 *     shim-ask.c    the guest waits for the host; a guest that is to be saved stands still
 *     shim-compute.c  a vCPU whose task computes stands still, too: guest/compute.h
 *     shim-fingerprint.c  hashes of the guest, now and then
 *     shim-stop.c   the guest stands at a time that the host has set
 *     shim-trace.c  what the guest's scheduler does, written down
 *     shim-watch.c  the guest stands when it has written to a place that the host watches
 *     shim-qemu.c   the names that QEMU exports, in one table
 */
#ifndef KT_SHIM_H
#define KT_SHIM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_state {
	SHIM_ABSENT,     /* nothing of it runs */
	SHIM_HAS_THREAD, /* it has recognised the vCPU thread, hooked the timers, and the main thread waits in its ppoll() */
	SHIM_GIVES_TURNS, /* it has given out a turn: the clock of this run is the virtual clock */
};

/* Why the guest stands. */
enum shim_stop {
	SHIM_STOP_ASKED,   /* it has asked the host for something, or said its last */
	SHIM_STOP_TIME,    /* stop_ns has come */
	SHIM_STOP_HANG,    /* its watchdog has expired, as QMP is about to say */
	SHIM_STOP_HIT,     /* it has written to what one of the watches is on */
};

enum { SHIM_REGISTERS_SIZE = 256 << 10, SHIM_WATCHES = 16, SHIM_WATCH_MAX = 8, SHIM_HIT_REGISTERS = 8192 };

/* A watch on writes by the guest's instructions to an address of its kernel's. */
struct shim_watch {
	/* The host's, while the guest stands. */
	uint64_t address;
	uint32_t size;           /* bytes from there, up to SHIM_WATCH_MAX and in one page; 0: nothing is watched */
	uintptr_t at;            /* where they are in this process */
	uint64_t snapshots;      /* at so many hits, the first ones, the registers of all vCPUs are wanted, too */
	uint64_t stands;         /* at so many hits the guest stands */
	uint64_t counts;         /* so many are counted, then there is no watch any more */
	/* The shim's. */
	_Atomic uint64_t hits;   /* since the host has set it to 0 */
};

/* The shim's, when it stands for a hit. */
struct shim_hit {
	uint32_t watch;          /* its index */
	uint32_t bare;           /* the registers of the other vCPUs are not there */
	uint32_t cpu;            /* the vCPU that has written, by its number among those that there are */
	unsigned char before[SHIM_WATCH_MAX], after[SHIM_WATCH_MAX]; /* the bytes, before the instruction and after it */
	char registers[SHIM_HIT_REGISTERS]; /* of that vCPU before the instruction, as QEMU prints them */
};

/* Pages that QEMU gets as VM_FD_SHIM, zeroed. The shim writes, but for stop_ns, and the host reads at any time. */
struct shim_page {
	_Atomic uint32_t state;      /* enum shim_state */
	_Atomic uint64_t turns;      /* given out */
	_Atomic uint64_t releases;   /* times that the main thread ran beside the vCPU thread: for QMP, a signal, the machine's end */
	_Atomic int64_t overrun_ns;  /* the longest by which a turn went on beyond its end, in guest time */
	/*
	 * The host's, before QEMU runs and while the guest stands: when it is to stand next, in guest time after the record of its first
	 * phase. It does so between two turns, the first that begin then. 0: at no time.
	 */
	_Atomic int64_t stop_ns;
	_Atomic uint32_t stop_bare;  /* the host's, too: at that stop it does not ask for registers, which cost more than all else of it */
	_Atomic uint32_t watches_set; /* the host's: raised when it has changed any of these */
	struct shim_watch watches[SHIM_WATCHES];
	struct shim_hit hit;
	_Atomic uint32_t stopped_for; /* enum shim_stop, the last time */
	_Atomic int64_t stopped_ns;  /* when it has stood the last time, or asked; -1: before that. VM_FD_STOP says that it stands */
	char registers[SHIM_REGISTERS_SIZE]; /* then, and when it asks: of all vCPUs, as QEMU prints them, after "CPU#N\n"; ends with NUL */
};

/* The rest is for the files of ktstr-turns.so. */

extern struct shim_page *shim_page; /* never NULL */
extern pid_t shim_main_thread;
extern __thread bool shim_vcpu_thread;
extern pthread_mutex_t *shim_big_lock; /* QEMU's; NULL until a vCPU thread waits with it */

/* End QEMU with status 125: there is no virtual clock here, and why. */
_Noreturn void shim_cannot(const char *what, const char *name);
/* libc's own function of this name, behind ours. */
void *shim_libc(const char *name);
pid_t shim_gettid(void);
/* The descriptor that the environment names; -1: none, or it is not open. */
int shim_env_fd(const char *name);

/* shim-qemu.c. A function or variable that QEMU itself exports; NULL: it does not. */
void *shim_exported(const char *name);
/* False: this program is not QEMU (a script that starts it comes by here, too). */
bool shim_find_qemu(void);

/* From when the vCPU thread has QEMU's module for TCG. */
void shim_find_tcg(void);

/*
 * shim.c. Timers that are due run, if there are any. The big lock has to be held anew for this: timers look whether it is. True: there
 * were some.
 */
bool shim_run_due_timers(void);

/* shim-turns.c. Beside a vCPU that is alone nobody waits: its turns may be long, and cost next to nothing. */
enum { SHIM_ALONE_NS = 1000000 };
/* QEMU's numbers of vCPUs are below this, which is what a plan may have and more. */
enum { SHIM_MAX_VCPUS = 4096 };
struct order;
extern struct order shim_order;
extern bool shim_between_turns; /* no vCPU executes, though one may have its turn */
void shim_turns_init(int64_t turn_ns);
/* QEMU has prepared a vCPU's turn. Gives out all turns that there are, then returns how long this one may be. */
int64_t shim_turn_ns(void);
/* All vCPUs are idle, or stopped, and the main thread is let go. */
void shim_main_will_run(void);

/* shim-hold.c. The main thread may go on: the vCPU thread has nothing to do. */
void shim_let_main_go(void);
/* The vCPU thread waits until the main thread waits for the vCPUs to stop. */
void shim_stand_still(void);
/* QMP: an answer, or an event, has been sent. */
void shim_answer_went(const void *text, size_t n);
/* Of shim.c: the vCPU thread waits for the first time. */
void shim_become_vcpu_thread(void);

/* shim-compute.c. The ports; the big lock has to be taken anew for it. */
void shim_make_ports(void);
/* From now on so many vCPUs execute in turn. */
void shim_compute_share(int64_t now, unsigned executing);
/* A turn of this vCPU begins: if it has computed until now, it does no more. */
void shim_compute_turn(void *vcpu, int64_t now);

/* shim-ask.c. */
void shim_ask_init(void);
/* Wait for the host's answer. False: nobody answers here. */
bool shim_wait_for_answer(void);
/* True, once: the guest has rung to be saved. */
bool shim_rang(void);

/* shim-fingerprint.c. */
void shim_fingerprint_init(void);
/* QEMU has mapped the file fd. */
void shim_fingerprint_mapped(const void *at, size_t size, int fd);
/* Between two turns, at guest time now: take one, if it is time to. In how long the next is due; INT64_MAX: never. */
void shim_fingerprint_if_due(int64_t now);
int64_t shim_fingerprint_in(int64_t now);
/* shim-trace.c. */
void shim_trace_init(void);
/* QEMU has mapped the file fd. */
void shim_trace_mapped(const void *at, int fd);
/* The first phase begins. */
void shim_trace_zero(int64_t now);
/* Prepare a vCPU's turn, as QEMU does; it has executed; it was accounted for. */
void shim_trace_prepare(void *vcpu, int64_t budget);
void shim_trace_over(void);
void shim_trace_accounted(void);

/* shim-stop.c. */
void shim_stop_init(void);
/* The guest has sent this byte to the host. */
void shim_stop_note_byte(char c);
/* Before a turn: stand, if it is time to. */
void shim_stop_if_due(int64_t now);
/* The vCPU thread is to stand: write when and why into the page, and the registers of all vCPUs. */
void shim_note_stand(enum shim_stop why, int64_t now);
/* Stand until the host has seen it. */
void shim_stand(enum shim_stop why, int64_t now);
/* shim-watch.c. The host has answered: watch what it wants watched from here on. */
void shim_watch_settle(void);
/* QEMU has found that this vCPU's instruction is going to write to what is watched, and begins it anew. */
void shim_watch_note(void *vcpu);
/* A vCPU's turn has ended for a debugger. True: it was a watch of ours, and the guest has stood if it had to. The turn has a break. */
bool shim_watch_hit(void *vcpu);
/* In how long shim_stop_if_due() stands for a time; INT64_MAX: at no time that is known. */
int64_t shim_stop_in(int64_t now);

#endif
