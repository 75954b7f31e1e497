// SPDX-License-Identifier: GPL-2.0-only
/* Signals as events: see signals.h. */
#include "libexec/boot/signals.h"
#include <signal.h>
#include <sys/signalfd.h>

int signals_open(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die(KT_TROUBLE, "signalfd: %s", strerror(errno));
	return fd;
}

const char *signals_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? sigabbrev_np((int)info.ssi_signo) : NULL;
}
