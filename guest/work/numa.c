// SPDX-License-Identifier: GPL-2.0-only
/* NUMA nodes: see numa.h. */
#include "guest/work/numa.h"
#include <fcntl.h>

#define NODES "/sys/devices/system/node"

static int read_list(const char *path, struct cpumask *ret, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[CPULIST_LEN];

	if (fd < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	text[n] = '\0';
	return cpulist_parse(text, ret, err) ? kt_context(err, "%s", path) : 0;
}

int numa_memory_nodes(struct cpumask *ret, struct kt_err *err)
{
	return read_list(NODES "/has_memory", ret, err);
}

int numa_online_nodes(struct cpumask *ret, struct kt_err *err)
{
	return read_list(NODES "/online", ret, err);
}

int numa_node_cpus(unsigned node, struct cpumask *ret, struct kt_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), NODES "/node%u/cpulist", node);
	return read_list(path, ret, err);
}
