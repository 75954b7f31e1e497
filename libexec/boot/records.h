/* SPDX-License-Identifier: GPL-2.0-only */
/* records.h - the report, as it is written to stdout: one record a line, each when it happens. */
#ifndef BOOT_RECORDS_H
#define BOOT_RECORDS_H

#include "libexec/boot/inputs.h"

struct records {
	bool reader_gone;        /* stdout's reader has seen enough: nothing is written any more */
	json_t *said;            /* records of a guest that is being set up, which its checkpoint keeps; NULL: it is not */
};

/* What of the host's is in the host record. Times are CLOCK_MONOTONIC; 0: it was not. */
struct host_facts {
	struct checkpoint_facts {
		const char *how; /* "found", "built", "none" */
		char key[SHA256_HEX_SIZE];
		int64_t find_ns, build_ns; /* durations */
	} booted, ready;
	int64_t start_ns;        /* of this program */
	int64_t started_ns, first_worker_ns, enabled_ns; /* the guest was let run; its first workers were; its first scheduler was */
};

/* Write one record, at once: whoever reads along sees it when it happens. Takes the reference. */
void records_emit(struct records *r, json_t *record);
/* The same for a record of the guest's time. */
void records_pass_on(struct records *r, json_t *record);
/* The last lines of the console as log records. */
void records_emit_console(struct records *r, const struct tail *console);
json_t *run_record(const struct boot_inputs *in);
json_t *host_record(const struct host_facts *f, const struct boot_inputs *in);

#endif
