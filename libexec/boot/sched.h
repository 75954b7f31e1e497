/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sched.h - the host's side of the schedulers under test: find their files, and put them into the payload.
 *
 * A path with a slash is relative to the file that has the path: the spec, or the scheduler's own file. A name without a slash is
 * looked up beside that file, in the directories of KTSTR_SCHEDULERS, among ktstr's own schedulers, and, for a binary, in PATH.
 */
#ifndef BOOT_SCHED_H
#define BOOT_SCHED_H

#include "libexec/closure/closure.h"
#include "libexec/kernel/kernel.h"
#include "libexec/spec/spec.h"

struct boot_scheduler {
	const struct scheduler_def *def;
	char *path;              /* its object or binary, on the host; NULL: a builtin */
	char *in_guest;          /* the path of the same file in the guest */
	char sha256[65];         /* of an object, once it has been packed */
};

struct boot_schedulers {
	struct boot_scheduler *v; /* the spec's first, then the staged ones */
	size_t n;
};

/* The directories in which relative paths start: those of the spec, and those of the scheduler that --scheduler may have named. */
struct spec_dirs {
	char *spec, *scheduler;
};

/* Replace the spec's scheduler with the one that `arg` names, and set dirs->scheduler. Ends the program when arg is wrong. */
void boot_override_scheduler(const char *arg, json_t *spec, struct spec_dirs *dirs);
/* End the program when a scheduler of the spec needs sched_ext and the kernel has none; the message names a kernel that has. */
void boot_check_sched_ext(const struct spec *spec, const struct kernel *kernel);
/* Find the files of the spec's schedulers, and add what they need to `programs`. Ends the program when a file is missing. */
struct boot_schedulers boot_find_schedulers(const struct spec *spec, const struct spec_dirs *dirs, struct closure *programs);
/*
 * Add the schedulers to the archive for the guest, and set their paths in the guest's spec. The spec's own scheduler gets the flags
 * of `profile`. The configuration of `kernel` goes along when a scheduler asks for it. 0, or -1 and err.
 */
int boot_pack_schedulers(struct boot_schedulers *s, const struct spec *spec, uint32_t profile, const struct kernel *kernel,
			 json_t *guest_spec, FILE *cpio, struct kt_err *err);
/* Append the objects that were packed to `files`, a list like that of closure_to_json(). */
void boot_list_objects(const struct boot_schedulers *s, json_t *files);

#endif
