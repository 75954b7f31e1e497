/* SPDX-License-Identifier: GPL-2.0-only */
/* signals.h - signals as events of the run, so that every way out closes the report and ends QEMU. */
#ifndef BOOT_SIGNALS_H
#define BOOT_SIGNALS_H

#include "libexec/lib/kt.h"

/* SIGINT, SIGTERM and SIGHUP as a descriptor; SIGPIPE is ignored. */
int signals_open(void);
/* The name of the signal that came, without SIG, once; NULL when none did. */
const char *signals_next(int fd);

#endif
