// SPDX-License-Identifier: GPL-2.0-only
/* The trace of a run: see trace.h. */
#include "libexec/boot/trace.h"
#include "libexec/trace/places.h"
#include <fcntl.h>
#include <sys/mman.h>

static int fd_of(const struct trace *t, int flags)
{
	int fd = open(t->path, O_WRONLY | O_CLOEXEC | flags, 0666);

	if (fd < 0)
		die(KT_TROUBLE, "cannot write '%s': %s", t->path, strerror(errno));
	return fd;
}

/* A line, with blanks behind it. */
static void write_header(const struct trace *t, int fd)
{
	char text[TRACE_HEADER_SIZE + 1];
	_cleanup_free_ char *line = json_dumps(t->header, JSON_COMPACT);

	if (!line || strlen(line) >= TRACE_HEADER_SIZE)
		die(KT_TROUBLE, "the header of '%s' is too long", t->path);
	snprintf(text, sizeof(text), "%-*s\n", TRACE_HEADER_SIZE - 1, line);
	if (pwrite(fd, text, TRACE_HEADER_SIZE, 0) != TRACE_HEADER_SIZE)
		die(KT_TROUBLE, "cannot write '%s': %s", t->path, strerror(errno));
}

static struct taps *make_taps(struct vm_config *c)
{
	c->taps = memfd_create("taps", MFD_CLOEXEC);
	struct taps *t = c->taps < 0 || ftruncate(c->taps, sizeof(*t)) ? MAP_FAILED :
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, c->taps, 0);

	if (t == MAP_FAILED)
		die(KT_TROUBLE, "cannot make memory to share with QEMU: %s", strerror(errno));
	t->nr_cpus = c->plan->nr_cpus;
	t->ns_shift = c->icount_shift;
	t->nr_nodes = c->plan->nr_nodes;
	t->low = guestmem_low(c->plan);
	for (unsigned i = 0; i < t->nr_nodes; i++)
		t->node_size[i] = c->plan->nodes[i].memory_mib << 20;
	atomic_store(&t->zero_ns, -1);
	return t;
}

void trace_open(struct trace *t, const char *path, struct snapshots *snapshots, const char *release, struct vm_config *c)
{
	json_t *absent = json_array();
	struct kt_err err;

	if (!c->virtual_clock)
		die_usage("--trace needs the virtual clock");
	*t = (struct trace){ .path = path, .taps = make_taps(c) };
	const struct kernel_types *types = snapshots_types(snapshots, &err);
	if (!types || taps_find(types, t->taps, absent, &err))
		die(KT_CANNOT_TELL, "no trace of this kernel: %s", err.msg);
	t->header = KT_PACK("{ss si si ss si so}", "kind", "trace", "ktstr", 1, "version", TRACE_VERSION, "kernel", release,
			    "cpus", (int)c->plan->nr_cpus, "absent", absent);
	c->trace = fd_of(t, O_CREAT | O_TRUNC | O_APPEND);
	c->traces = true;
	int fd = fd_of(t, 0);
	write_header(t, fd);
	close(fd);
}

void trace_close(struct trace *t)
{
	struct taps *s = t->taps;
	int64_t zero = atomic_load(&s->zero_ns);
	const struct block_head *head = &s->block.head;
	bool cut = *s->why;
	_cleanup_close_ int fd = fd_of(t, 0);

	if (!cut && head->events && head->size <= sizeof(s->block)) {
		off_t end = lseek(fd, 0, SEEK_END);
		if (pwrite(fd, &s->block, head->size, end) == (ssize_t)head->size) {
			s->events += head->events;
		} else {
			snprintf(s->why, sizeof(s->why), "the file cannot be written: %s", strerror(errno));
			s->ended_ns = head->first_ns;
		}
	}
	s->why[sizeof(s->why) - 1] = '\0';
	json_object_set_new(t->header, "zero_ns", json_integer(zero));
	json_object_set_new(t->header, "events", json_integer((json_int_t)s->events));
	json_object_set_new(t->header, "late", taps_late(s));
	if (*s->why) {
		json_object_set_new(t->header, "ended", json_string(s->why));
		json_object_set_new(t->header, "ended_ns", json_integer(s->ended_ns));
		kt_warn("the trace ends %lld ns after the start: %s", (long long)s->ended_ns, s->why);
	}
	write_header(t, fd);
}
