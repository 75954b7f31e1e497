/* SPDX-License-Identifier: GPL-2.0-only */
/* boot.h - what ktstr-boot's parts share: one run, from its inputs to the end record. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "libexec/state/checkpoint.h"
#include "libexec/closure/closure.h"
#include "libexec/kernel/kernel.h"
#include "libexec/spec/spec.h"
#include "libexec/vm/vm.h"

enum boot_clock { CLOCK_AUTO, CLOCK_IS_VIRTUAL, CLOCK_IS_REAL };
enum boot_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* A scheduler under test. */
struct boot_scheduler {
	const struct scheduler_def *def;
	char *path;              /* its object or binary; NULL: a builtin */
	char *in_guest;          /* the same there */
	char sha256[65];         /* of an object, when it was packed */
};

struct boot {
	/* as asked for */
	const char *plan_path, *spec_path, *kernel_arg, *scheduler_arg, *keep;
	const char *base;        /* where relative paths of the spec start; NULL: where it is */
	const char *profile_arg, *required_arg, *excluded_arg; /* names of flags; NULL: none */
	enum boot_clock clock;
	enum boot_accel accel;
	int64_t seed;            /* -1: the spec's */
	const char *work_type;   /* of swappable cgroups; NULL: the spec's */
	int64_t timeout_ns;      /* 0: boot_load() sets it */
	bool cold, console_live, dry_run, list_profiles;
	bool prepare;            /* make the checkpoint and stop there */
	int signals;
	int64_t start_ns;

	/* as loaded */
	struct topo plan;
	json_t *plan_json;
	struct spec spec;
	struct closure programs;  /* what runs in the guest and is not ours, and what that needs */
	struct kernel kernel;
	int payload;             /* boot_payload()'s */
	char *image;             /* the guest's initramfs */
	char *spec_dir;          /* where relative paths of the spec start */
	char *scheduler_dir;     /* and those of the scheduler, which --scheduler may have named */
	uint32_t profile;        /* flags that it is run with */
	struct boot_scheduler *schedulers; /* under test: the first, and the staged ones */
	size_t nr_schedulers;
	int ram[TOPO_MAX_NODES]; /* the guest's memory while it runs */
	struct vm_config vm_config;
	const char *accel_reason;
	uint64_t cache_limit;

	/* the run */
	struct vm vm;
	FILE *console_kept;
	const char *checkpoint;  /* "found", "built", "none" */
	char checkpoint_key[33];
	int64_t find_ns, build_ns; /* wall: it was found, or built, in */
	const char *ready;       /* the same of the machine that is set up */
	char ready_key[33];
	int64_t ready_build_ns;
	json_t *said;            /* records of a guest that is being set up: they go into the checkpoint; NULL: it is not */
	int64_t started_ns, go_ns; /* wall: the guest was let run, the last time; its first workers were */
	uint64_t task_next, task_pid; /* of a task_struct, where the kernel is asked for tasks */
	json_t *symbols;         /* {"name": "hexadecimal address"}: the guest's word for where what such ops need is */
	json_t *memory;          /* what ops on memory found, in order; NULL: the spec has none */
	size_t memory_used;      /* so many have become results */
	int64_t enabled_ns;      /* when the first scheduler was */
};

/* Read and check everything; exits with the right code and message when something is wrong. */
void boot_load(struct boot *b);
/* A file that lies beside the program: relative to it in the tree, and below libexec/ktstr where make install put it. */
char *boot_own_path(const char *in_tree, const char *installed);
/* Put the scheduler that --scheduler names into the spec, in place of its own. */
void boot_override_scheduler(struct boot *b, json_t *doc);
/* The profile that the scheduler is run with: the one that is asked for, or that with the flags that are required and no more. */
void boot_choose_profile(struct boot *b);
/* Read the spec, and print the names of all profiles that its scheduler can be run with. */
int boot_list_profiles(struct boot *b);
/* One of the spec's schedulers needs sched_ext, which the kernel has not: that ends the program, with one that has. */
void boot_check_sched_ext(const struct boot *b);
/* Find the files of the spec's schedulers, and add to the programs what they need. */
void boot_load_schedulers(struct boot *b);
/* Add them to the payload, and to the guest's spec where they are found there. */
int boot_payload_schedulers(struct boot *b, json_t *spec, FILE *f, struct kt_err *err);
/* What of the host's is in the payload, with digests; NULL: nothing. */
json_t *boot_programs(const struct boot *b);
/* The accelerator and the clock, and why; boots a canary to know about KVM where that is not known yet. */
void boot_choose_accel(struct boot *b);
/* The name of the signal that came, without SIG, once; NULL when none did. */
const char *boot_interrupted(const struct boot *b);
/* The spec, with the scheduler of the command line; what cannot be read is said, and ends the program. */
json_t *boot_load_spec(struct boot *b);
/* The archive the guest unpacks: plan.json, spec.json, args, schedulers, and the programs. A memfd. */
int boot_payload(struct boot *b, struct kt_err *err);
int boot_dry_run(struct boot *b);
/*
 * A scheduler was enabled, and the guest waits for its watchdog to be set: do that, and return its record. What could not
 * be done is said in *note, to be freed.
 */
json_t *boot_watchdog(const struct boot *b, const json_t *request, char **note);
bool boot_has_memory_ops(const struct boot *b);
/* Find in the kernel's BTF the members that ops on memory name; ends the program when there is one that it does not have. */
void boot_settle_memory(struct boot *b);
/* Take in the symbols, or do the op, that the guest waits with. -1 and err: it cannot be done, and the run is over. */
int boot_memory(struct boot *b, const json_t *request, struct kt_err *err);
/* Into the record of an op, if it is one on memory. */
void boot_memory_result(struct boot *b, json_t *record);
/* Run and report; returns the exit code. */
int boot_run(struct boot *b);

#endif
