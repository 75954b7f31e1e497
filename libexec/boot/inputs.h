/* SPDX-License-Identifier: GPL-2.0-only */
/* inputs.h - what a run is made of, loaded and checked before anything starts. */
#ifndef BOOT_INPUTS_H
#define BOOT_INPUTS_H

#include "libexec/boot/memory.h"
#include "libexec/boot/options.h"
#include "libexec/boot/sched.h"
#include "libexec/vm/vm.h"

struct boot_inputs {
	struct topo plan;
	json_t *plan_json;
	struct spec spec;
	struct spec_dirs dirs;
	struct kernel kernel;
	struct boot_schedulers schedulers; /* under test */
	uint32_t profile;         /* flags that the spec's is run with */
	struct closure programs;  /* what runs in the guest and is not ours, and what that needs */
	int payload;              /* the archive that the guest unpacks: a memfd */
	char payload_sha256[SHA256_HEX_SIZE]; /* of what is in the archive: files of the host by their digests */
	struct memory_ops memory;
	int64_t seed;
	struct vm_config vm_config; /* points to the plan and the kernel above */
	char *accel_reason;
	int64_t timeout_ns;
	uint64_t cache_limit;
};

/* Read and check everything; exits with the right code and message when something is wrong. A signalfd ends a canary boot. */
void boot_load(const struct boot_options *o, int signals, struct boot_inputs *in);
/* The spec, with the scheduler of the command line; what cannot be read is said, and ends the program. */
json_t *boot_load_spec(const struct spec_options *o, struct spec_dirs *ret);
/* plan.json, spec.json, args, schedulers and programs, in an archive: a memfd. -1 and err. */
int boot_make_payload(struct boot_inputs *in, struct kt_err *err);

#endif
