/* SPDX-License-Identifier: GPL-2.0-only */
/* profile.h - the flags of the scheduler that a run has. Ends the program when the options are wrong. */
#ifndef BOOT_PROFILE_H
#define BOOT_PROFILE_H

#include "libexec/boot/options.h"
#include "libexec/spec/spec.h"

/*
 * The profile that --profile names. Without that option: the required flags, the flags that these require, and no other. The flags
 * of the options are added to those that the spec requires and excludes.
 */
uint32_t boot_choose_profile(struct spec *spec, const struct profile_options *o);
/* Print the names of all profiles that the spec's scheduler can be run with. */
void boot_print_profiles(struct spec *spec, const struct profile_options *o);

#endif
