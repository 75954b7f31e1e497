/* SPDX-License-Identifier: GPL-2.0-only */
/* inputs.h - the inputs of a run, loaded and checked before anything starts. */
#ifndef BOOT_INPUTS_H
#define BOOT_INPUTS_H

#include "libexec/boot/memory.h"
#include "libexec/boot/monitor.h"
#include "libexec/boot/options.h"
#include "libexec/boot/sched.h"
#include "libexec/boot/snapshots.h"
#include "libexec/boot/trace.h"
#include "libexec/boot/watches.h"
#include "libexec/vm/vm.h"

struct boot_inputs {
	struct topo plan;
	json_t *plan_json;
	struct spec spec;
	struct spec_dirs dirs;
	struct kernel kernel;
	struct boot_schedulers schedulers; /* under test */
	uint32_t profile;         /* the flags that the spec's scheduler runs with */
	struct closure programs;  /* programs of the host that run in the guest, and the files that they need */
	int payload;              /* the archive that the guest unpacks: a memfd */
	char payload_sha256[SHA256_HEX_SIZE]; /* of what is in the archive: files of the host by their digests */
	struct memory_ops memory;
	enum spec_compute compute; /* on the real clock: COMPUTE_EXECUTE */
	struct snapshots snapshots;
	struct monitor monitor;
	struct trace trace;
	struct watches watches;
	int64_t seed;
	struct vm_config vm_config; /* points to the plan and the kernel above */
	char *accel_reason;
	int64_t timeout_ns;
	uint64_t cache_limit;
};

/*
 * Read and check all inputs. Ends the program with a message and an exit code when an input is wrong. signals is a signalfd: a
 * signal ends the canary boot, and with it the program.
 */
void boot_load(const struct boot_options *o, int signals, struct boot_inputs *in);
/* Read the spec, and put the scheduler of the command line into it. Ends the program when either cannot be read. */
json_t *boot_load_spec(const struct spec_options *o, struct spec_dirs *ret);
/* Make the payload: an archive of plan.json, spec.json, args, the schedulers and the programs. A memfd, or -1 and err. */
int boot_make_payload(struct boot_inputs *in, struct kt_err *err);

#endif
