/* SPDX-License-Identifier: GPL-2.0-only */
/* own-path.h - where ktstr's own files are. */
#ifndef BOOT_OWN_PATH_H
#define BOOT_OWN_PATH_H

#include "libexec/lib/kt.h"

/*
 * The path of one of ktstr's files: in_tree, relative to the program's directory, in a source tree, and installed, below
 * libexec/ktstr, in an installation. Ends the program when the file is in neither place.
 */
char *boot_own_path(const char *in_tree, const char *installed);

#endif
