/* SPDX-License-Identifier: GPL-2.0-only */
/* profile.h - which of the scheduler's flags a run has. What is wrong is said, and ends the program. */
#ifndef BOOT_PROFILE_H
#define BOOT_PROFILE_H

#include "libexec/boot/options.h"
#include "libexec/spec/spec.h"

/* The profile that is asked for, or that with the flags that are required and no more. Adds the options' flags to the spec's. */
uint32_t boot_choose_profile(struct spec *spec, const struct profile_options *o);
/* Print the names of all profiles that the spec's scheduler can be run with. */
void boot_print_profiles(struct spec *spec, const struct profile_options *o);

#endif
