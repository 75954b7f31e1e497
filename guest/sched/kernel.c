// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's side of sched_ext: see kernel.h. */
#include "guest/sched/kernel.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#define SCX "/sys/kernel/sched_ext/"

char *kernel_read(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	n = n < 0 ? 0 : n;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return buf;
}

bool kernel_has_sched_ext(void)
{
	return !access(SCX "state", R_OK);
}

bool kernel_state_is(const char *state)
{
	char buf[64];

	return streq(kernel_read(SCX "state", buf, sizeof(buf)), state);
}

char *kernel_ops(char *buf, size_t size)
{
	return kernel_read(SCX "root/ops", buf, size);
}

json_t *kernel_events(void)
{
	char text[4096], *line = text, *end;
	json_t *events = NULL;

	kernel_read(SCX "root/events", text, sizeof(text));
	for (; *line; line = *end ? end + 1 : end) {
		char name[64];
		long long value;

		end = line + strcspn(line, "\n");
		if (sscanf(line, "SCX_EV_%63s %lld", name, &value) != 2)
			continue;
		for (char *p = name; *p; p++)
			*p = *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p;
		if (!events)
			events = json_object();
		json_object_set_new(events, name, json_integer(value));
	}
	return events;
}

int kernel_uevents(struct kt_err *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	kt_closep(&fd);
	return kt_fail(err, "cannot listen to uevents: %s", strerror(errno));
}

bool kernel_uevent_seen(int fd)
{
	static const char ours[] = "/kernel/sched_ext/";
	char buf[4096];
	bool seen = false;
	ssize_t n;

	/* One that did not fit into the socket's buffer (ENOBUFS) may have been ours. */
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0 || (n < 0 && errno == ENOBUFS))
		seen |= n < 0 || memmem(buf, (size_t)n, ours, sizeof(ours) - 1);
	return seen;
}
