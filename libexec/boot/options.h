/* SPDX-License-Identifier: GPL-2.0-only */
/* options.h - the command line of ktstr-boot. NULL: the option was not given. */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include "libexec/lib/kt.h"

enum boot_clock { CLOCK_AUTO, CLOCK_IS_VIRTUAL, CLOCK_IS_REAL };
enum boot_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

/* The clock and the accelerator: accel.h. */
struct accel_options {
	enum boot_clock clock;
	enum boot_accel accel;
	unsigned icount_shift;
	bool no_canary;          /* boot no canary guest to find out whether KVM works */
};

/* Names of the scheduler's flags: profile.h. */
struct profile_options {
	const char *profile, *required, *excluded;
};

/* The spec, and what replaces parts of it: inputs.h. */
struct spec_options {
	const char *path;
	const char *base;        /* relative paths of the spec start here; NULL: in the spec's directory */
	const char *scheduler;   /* instead of the spec's own */
};

enum { SNAPSHOTS_WATCHES_MAX = 12 };

/* Snapshots that are taken from outside: snapshots.h. */
struct snapshot_options {
	const char *at;          /* a list of times */
	int periodic;            /* so many; 0: none */
	const char *watch[SNAPSHOTS_WATCHES_MAX]; /* places that are watched from where the first phase begins: watches.h */
	unsigned nr_watches;
	bool no_monitor;         /* no samples: monitor.h */
};
enum { SNAPSHOTS_PERIODIC_MAX = 64 };

struct boot_options {
	struct spec_options spec;
	struct profile_options profile;
	struct accel_options accel;
	struct snapshot_options snapshots;
	const char *plan, *kernel;
	const char *keep;        /* the directory for the files of keep.h */
	const char *work_type;   /* of swappable cgroups */
	int compute;             /* enum spec_compute; -1: the spec's */
	int64_t seed;            /* -1: the spec's */
	int64_t timeout_ns;      /* 0: by the spec's duration and the plan's CPUs */
	const char *fingerprint; /* file for the fingerprints of the run */
	int64_t fingerprint_ns;  /* one every so many ns of guest time */
	const char *trace;       /* file for the trace of the run */
	bool cold, console_live, dry_run, list_profiles;
	bool prepare;            /* make the checkpoint and run nothing */
};

#endif
