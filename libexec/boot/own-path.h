/* SPDX-License-Identifier: GPL-2.0-only */
/* own-path.h - where ktstr's own files are. */
#ifndef BOOT_OWN_PATH_H
#define BOOT_OWN_PATH_H

#include "libexec/lib/kt.h"

/*
 * A file that lies beside the program: relative to it in the tree, and below libexec/ktstr where make install put it. Ends the
 * program when it is in neither place.
 */
char *boot_own_path(const char *in_tree, const char *installed);

#endif
