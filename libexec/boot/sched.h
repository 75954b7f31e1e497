/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sched.h - the schedulers under test, on the host's side: which ones, where their files are, and what of them the guest gets.
 *
 * A path with a slash is relative to the file that says it, a spec or a scheduler's own. A name without is looked for
 * beside that file, in the directories of KTSTR_SCHEDULERS, among ktstr's own, and, a binary, in PATH.
 */
#ifndef BOOT_SCHED_H
#define BOOT_SCHED_H

#include "libexec/closure/closure.h"
#include "libexec/kernel/kernel.h"
#include "libexec/spec/spec.h"

struct boot_scheduler {
	const struct scheduler_def *def;
	char *path;              /* its object or binary; NULL: a builtin */
	char *in_guest;          /* the same there */
	char sha256[65];         /* of an object, when it was packed */
};

struct boot_schedulers {
	struct boot_scheduler *v; /* the spec's first, then the staged ones */
	size_t n;
};

/* Where relative paths start: of a spec, and of its scheduler, which --scheduler may have named. */
struct spec_dirs {
	char *spec, *scheduler;
};

/* Put the scheduler that `arg` names into the spec, in place of its own, and set its directory. Ends the program on bad input. */
void boot_override_scheduler(const char *arg, json_t *spec, struct spec_dirs *dirs);
/* One of the spec's schedulers needs sched_ext, which the kernel has not: that ends the program, with one that has. */
void boot_check_sched_ext(const struct spec *spec, const struct kernel *kernel);
/* Find the files of the spec's schedulers, and add to the programs what they need. Ends the program where one is not there. */
struct boot_schedulers boot_find_schedulers(const struct spec *spec, const struct spec_dirs *dirs, struct closure *programs);
/*
 * Add them to an archive for the guest, and to the guest's spec where they are found there. The spec's own is run with
 * `profile`. 0, or -1 and err.
 */
int boot_pack_schedulers(struct boot_schedulers *s, const struct spec *spec, uint32_t profile, json_t *guest_spec, FILE *cpio,
			 struct kt_err *err);
/* The objects that were packed, appended to a list of files as closure_to_json() gives it. */
void boot_list_objects(const struct boot_schedulers *s, json_t *files);

#endif
