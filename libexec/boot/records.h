/* SPDX-License-Identifier: GPL-2.0-only */
/* records.h - write the report to stdout: one record a line, each at the moment when it happens. */
#ifndef BOOT_RECORDS_H
#define BOOT_RECORDS_H

#include "libexec/boot/inputs.h"

struct records {
	bool reader_gone;        /* the reader of stdout has closed it: nothing more is written */
	json_t *said;            /* records of a guest that is being set up; its checkpoint keeps them. NULL: no guest is */
};

/* The facts of the host record. Times are CLOCK_MONOTONIC; 0: it did not happen. */
struct host_facts {
	struct checkpoint_facts {
		const char *how; /* "found", "built", "none" */
		char key[SHA256_HEX_SIZE];
		int64_t find_ns, build_ns; /* durations */
	} booted, ready;
	int64_t start_ns;        /* when this program began */
	int64_t started_ns;      /* when the guest was let run, from the last checkpoint */
	int64_t first_worker_ns; /* when its first workers started */
	int64_t enabled_ns;      /* when its first scheduler was enabled */
};

/* Write one record at once, so that a reader sees it when it happens. Takes the reference. */
void records_emit(struct records *r, json_t *record);
/* Write a record that belongs to the guest's run, and keep it in `said` while a guest is being set up. Takes the reference. */
void records_pass_on(struct records *r, json_t *record);
/* What the kernel complained of, a record each. */
void records_pass_on_splats(struct records *r, const struct splats *splats);
/* The last lines of the console as log records. */
void records_emit_console(struct records *r, const struct tail *console);
json_t *run_record(const struct boot_inputs *in);
/* turns: what ktstr-turns.so says of the guest that ran last; NULL: none ran on the virtual clock. */
json_t *host_record(const struct host_facts *f, const struct shim_page *turns, const struct boot_inputs *in);

#endif
