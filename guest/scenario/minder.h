/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * minder.h - runs one payload: a process between it and the scenario's parent.
 *
 * The minder starts the program in a session and, where there are cgroups, in a cgroup of its own, reads what it writes so
 * that it never has to wait, keeps the first MiB and the last 2 KiB of it, watches the time, and ends it with all its
 * descendants: SIGTERM, 2 s later SIGKILL and cgroup.kill. What it knows is in memory shared with its parent.
 */
#ifndef KT_MINDER_H
#define KT_MINDER_H

#include "guest/work/child.h"
#include "libexec/lib/tail.h"
#include <stdatomic.h>

enum { MINDER_OUT = 1 << 20, MINDER_TAIL = 2048, MINDER_ERR = 1 << 16 };

enum minder_end {
	MINDER_RUNS,
	MINDER_BY_ITSELF,
	MINDER_STOPPED,     /* told to: the end of what it is part of */
	MINDER_KILLED,      /* told to: by an op */
	MINDER_TIMED_OUT,   /* it ran longer than it may, or was waited for longer than that */
	MINDER_NOT_STARTED,
};

struct minder_stream {
	size_t kept;                     /* so many of the first bytes are here */
	char head[MINDER_OUT];           /* of stderr only MINDER_ERR are kept */
	struct tail tail;
	char tail_ring[MINDER_TAIL];
};

struct minder {
	_Atomic bool done;               /* the rest is there */
	_Atomic uint32_t told;           /* enum minder_end: how to end it */
	enum minder_end end;
	enum child_end child_end;
	int code;                        /* exit code or signal */
	bool killed;                     /* SIGTERM was not enough */
	bool look, under;                /* whether it was a sched_ext task in the end: is that wanted, and was it */
	uint64_t start_ns, end_ns, cpu_ns;
	uint64_t max_rss_kib;
	struct kt_err err;               /* MINDER_NOT_STARTED: why */
	struct minder_stream out, errors;
};

/*
 * In a process forked for it, which dies with its parent: run the program and exit. limit_ns: how long; 0: as long as nobody says otherwise. control is
 * readable once something was told. cgroup: a directory, open, or -1.
 */
_Noreturn void minder_main(struct minder *m, const struct command *cmd, uint64_t limit_ns, int control, int cgroup);

const char *minder_end_name(enum minder_end end);

#endif
