/* SPDX-License-Identifier: GPL-2.0-only */
/* signals.h - signals as events of the run, so that a signal too closes the report and ends QEMU. */
#ifndef BOOT_SIGNALS_H
#define BOOT_SIGNALS_H

#include "libexec/lib/kt.h"

/* A signalfd for SIGINT, SIGTERM and SIGHUP. SIGPIPE is ignored from here on. */
int signals_open(void);
/* The name of the next signal, without SIG; NULL: none has come. */
const char *signals_next(int fd);

#endif
