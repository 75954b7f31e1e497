// SPDX-License-Identifier: GPL-2.0-only
/* A trace, read: see read.h. */
#include "libexec/trace/read.h"
#include "libexec/lib/cpulist.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int read_header(struct trace_reader *r, struct kt_err *err)
{
	json_int_t version, cpus, zero = -1;
	const char *kind;

	if (r->size < TRACE_HEADER_SIZE)
		return kt_fail_as(err, KT_USAGE, "'%s' is no trace: it has %zu bytes, and a header has %d", r->path, r->size, TRACE_HEADER_SIZE);
	r->header = kt_json_loads((const char *)r->map, TRACE_HEADER_SIZE, r->path, err);
	if (!r->header || json_unpack(r->header, "{ss sI}", "kind", &kind, "version", &version) || !streq(kind, "trace"))
		return kt_fail_as(err, KT_USAGE, "'%s' is no trace: it does not begin with a header", r->path);
	if (version != TRACE_VERSION)
		return kt_fail_as(err, KT_USAGE, "'%s' is a trace of version %lld, and this program reads version %d", r->path, (long long)version,
				  TRACE_VERSION);
	if (json_unpack(r->header, "{sI s?I}", "cpus", &cpus, "zero_ns", &zero) || cpus < 1 || cpus > CPUMASK_MAX)
		return kt_fail_as(err, KT_USAGE, "'%s': the header has no number of CPUs from 1 to %d", r->path, CPUMASK_MAX);
	r->nr_cpus = (unsigned)cpus;
	r->zero_ns = MAX(zero, 0);
	r->at = r->block_end = TRACE_HEADER_SIZE;
	return 0;
}

int trace_read_open(const char *path, struct trace_reader *ret, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct trace_reader r = { .path = path };
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	r.size = (size_t)st.st_size;
	void *p = r.size ? mmap(NULL, r.size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (p == MAP_FAILED)
		return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
	r.map = p;
	if (read_header(&r, err)) {
		trace_read_close(&r);
		return -1;
	}
	*ret = r;
	return 0;
}

static void forget_names(struct trace_reader *r)
{
	for (uint32_t i = 0; i < r->nr_cgroups; i++)
		free(r->cgroups[i].path);
	r->nr_tasks = r->nr_cgroups = 0;
}

void trace_read_close(struct trace_reader *r)
{
	forget_names(r);
	free(r->tasks);
	free(r->cgroups);
	json_decref(r->header);
	if (r->map)
		munmap((void *)r->map, r->size);
	*r = (struct trace_reader){ 0 };
}

static int bad(const struct trace_reader *r, struct kt_err *err, const char *what)
{
	return kt_fail(err, "%s: byte %zu, after %llu events: %s", r->path, r->at, (unsigned long long)r->events, what);
}

/* False: it is longer than the block or than 64 bits. */
static bool take_number(struct trace_reader *r, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && r->at < r->block_end; shift += 7) {
		unsigned char c = r->map[r->at++];

		if (shift == 63 && c > 1)
			return false;
		v |= (uint64_t)(c & 127) << shift;
		if (c < 128) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool take_below(struct trace_reader *r, uint64_t limit, uint32_t *ret)
{
	uint64_t v;

	if (!take_number(r, &v) || v >= limit)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool take_u32(struct trace_reader *r, uint32_t *ret)
{
	return take_below(r, UINT64_C(1) << 32, ret);
}

static bool take_text(struct trace_reader *r, size_t max, const char **text, size_t *n)
{
	uint64_t v;

	if (!take_number(r, &v) || v > max || v > r->block_end - r->at)
		return false;
	*text = (const char *)r->map + r->at;
	*n = (size_t)v;
	r->at += v;
	return true;
}

static bool take_mask(struct trace_reader *r, struct cpumask *ret)
{
	const char *bytes;
	size_t n;

	if (!take_text(r, TRACE_MASK_SIZE, &bytes, &n))
		return false;
	*ret = (struct cpumask){ 0 };
	for (size_t i = 0; i < 8 * n && i < r->nr_cpus; i++)
		if (bytes[i / 8] >> i % 8 & 1)
			cpumask_set(ret, (unsigned)i);
	return true;
}

static bool take_cgroup(struct trace_reader *r)
{
	uint32_t parent;
	const char *name;
	uint64_t id;
	size_t n;

	if (!take_below(r, (uint64_t)r->nr_cgroups + 1, &parent) || !take_number(r, &id) || !take_text(r, TRACE_NAME_SIZE, &name, &n))
		return false;
	if (r->nr_cgroups == r->max_cgroups) {
		r->max_cgroups = MAX(64, 2 * r->max_cgroups);
		r->cgroups = xrealloc(r->cgroups, r->max_cgroups, sizeof(*r->cgroups));
	}
	const char *above = parent ? r->cgroups[parent - 1].path : NULL;
	/* A path of a trace that was made up is no longer than a block. */
	if (above && strlen(above) > TRACE_CGROUP_DEPTH * (TRACE_NAME_SIZE + 1))
		return false;
	char *path = !above ? xstrdup("/") : xasprintf("%s/%.*s", above[1] ? above : "", (int)n, name);
	r->cgroups[r->nr_cgroups++] = (struct trace_cgroup){ path, id };
	return true;
}

static bool take_task(struct trace_reader *r)
{
	struct trace_task t = { .cgroup = "" };
	const char *name;
	uint32_t cgroup;
	size_t n;

	if (!take_u32(r, &t.tid) || !take_u32(r, &t.tgid) || !take_u32(r, &t.policy) || !take_u32(r, &t.prio) || !take_below(r, (uint64_t)r->nr_cgroups + 1, &cgroup) ||
	    !take_text(r, TRACE_COMM_SIZE, &name, &n) || !take_mask(r, &t.allowed))
		return false;
	if (cgroup)
		t.cgroup = r->cgroups[cgroup - 1].path;
	memcpy(t.comm, name, MIN(n, sizeof(t.comm) - 1));
	if (r->nr_tasks == r->max_tasks) {
		r->max_tasks = MAX(256, 2 * r->max_tasks);
		r->tasks = xrealloc(r->tasks, r->max_tasks, sizeof(*r->tasks));
	}
	r->tasks[r->nr_tasks++] = t;
	return true;
}

static bool take_task_number(struct trace_reader *r, const struct trace_task **ret)
{
	uint32_t i;

	if (!take_below(r, r->nr_tasks, &i))
		return false;
	*ret = &r->tasks[i];
	return true;
}

static bool take_cgroup_number(struct trace_reader *r, const char **path)
{
	uint32_t i;

	if (!take_below(r, r->nr_cgroups, &i))
		return false;
	*path = r->cgroups[i].path;
	return true;
}

/* The event's own numbers, behind those that all have. */
static bool take_rest(struct trace_reader *r, struct trace_event *e)
{
	switch (e->kind) {
	case RECORD_SWITCH:
		return take_task_number(r, &e->prev) && take_task_number(r, &e->task) && take_u32(r, &e->state);
	case RECORD_ENQUEUE:
	case RECORD_MIGRATE:
		return take_task_number(r, &e->task) && take_below(r, r->nr_cpus, &e->to_cpu);
	case RECORD_RUNNING:
	case RECORD_WAKING:
	case RECORD_FORK:
		return take_task_number(r, &e->task);
	case RECORD_EXIT:
		return take_task_number(r, &e->task) && take_u32(r, &e->code);
	case RECORD_TICK:
		return true;
	case RECORD_AFFINITY:
		return take_task_number(r, &e->task) && take_mask(r, &e->allowed);
	case RECORD_THROTTLE:
	case RECORD_UNTHROTTLE:
		return take_cgroup_number(r, &e->cgroup) && take_below(r, r->nr_cpus, &e->to_cpu);
	case RECORD_ONLINE:
		return take_below(r, r->nr_cpus, &e->to_cpu);
	default:
		return false;
	}
}

/* 1; 0: the file is over. */
static int begin_block(struct trace_reader *r, struct kt_err *err)
{
	struct block_head h;

	if (r->left)
		return bad(r, err, "the block has fewer events than its head says");
	if (r->at == r->size)
		return 0;
	if (r->size - r->at < sizeof(h))
		return bad(r, err, "the trace is cut short");
	memcpy(&h, r->map + r->at, sizeof(h));
	if (h.magic != TRACE_BLOCK_MAGIC || h.size < sizeof(h) || h.size > TRACE_BLOCK_SIZE)
		return bad(r, err, "no block begins here");
	if (h.size > r->size - r->at)
		return bad(r, err, "the trace is cut short");
	if (h.first_ns < r->now_ns || h.last_ns < h.first_ns)
		return bad(r, err, "time goes back");
	r->block_end = r->at + h.size;
	r->at += sizeof(h);
	r->now_ns = h.first_ns;
	r->last_ns = h.last_ns;
	r->left = h.events;
	forget_names(r);
	return 1;
}

/* Read an event; false: it is malformed. */
static bool take_event(struct trace_reader *r, struct trace_event *e)
{
	uint64_t passed = 0;

	if (!take_below(r, r->nr_cpus, &e->cpu))
		return false;
	if (e->kind >= RECORD_EVENTS) {
		if (!r->left || !take_number(r, &passed) || passed > (uint64_t)(r->last_ns - r->now_ns))
			return false;
		r->left--;
		r->events++;
	}
	r->now_ns += (int64_t)passed;
	e->ns = r->now_ns - r->zero_ns;
	return take_rest(r, e);
}

/* Whether the trace says that it ended before the run did, or does not say that it ended. */
static int check_end(const struct trace_reader *r, struct kt_err *err)
{
	const json_t *events = json_object_get(r->header, "events");
	const char *ended = json_string_value(json_object_get(r->header, "ended"));

	if (ended)
		return kt_fail(err, "%s: the trace ends before the run did: %.200s", r->path, ended);
	if (!events)
		return kt_fail(err, "%s: the trace was not ended, and the last events are not in it", r->path);
	if ((uint64_t)json_integer_value(events) != r->events)
		return kt_fail(err, "%s: the trace is cut short: it has %llu events of %lld", r->path, (unsigned long long)r->events,
			       (long long)json_integer_value(events));
	return 0;
}

int trace_read_next(struct trace_reader *r, struct trace_event *e, struct kt_err *err)
{
	for (;;) {
		while (r->at == r->block_end) {
			int more = begin_block(r, err);
			if (more <= 0)
				return more ? more : check_end(r, err);
		}
		size_t start = r->at;
		unsigned char first = r->map[r->at++];
		*e = (struct trace_event){ .kind = first & RECORD_KIND_MASK, .flags = first & ~RECORD_KIND_MASK };
		bool ok = e->kind == RECORD_CGROUP ? take_cgroup(r) : e->kind == RECORD_TASK ? take_task(r) : take_event(r, e);
		if (!ok) {
			r->at = start;
			return bad(r, err, "the record here is malformed");
		}
		if (e->kind >= RECORD_RUNNING)
			return 1;
	}
}
