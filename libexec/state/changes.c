// SPDX-License-Identifier: GPL-2.0-only
/* What differs in a guest's memory: see changes.h. */
#include "libexec/state/changes.h"
#include <fcntl.h>
#include <sys/uio.h>

enum { PAGE = 4096, BATCH = 512, ENTRIES = 65536 };

/* Of an entry of /proc/PID/pagemap, which is in the kernel's Documentation/admin-guide/mm/pagemap.rst. */
static const uint64_t page_is_present = UINT64_C(1) << 63, page_is_swapped = UINT64_C(1) << 62, page_is_the_files = UINT64_C(1) << 61;

struct change {
	uint64_t page;
	char data[PAGE];
};

/* Pages whose numbers are known. */
struct batch {
	const struct guestmem *m;
	unsigned node;
	size_t n;
	struct change *v;
};

/* Copy them from the guest, or to it. */
static int transfer_pages(const struct batch *b, ssize_t (*copy)(pid_t, const struct iovec *, unsigned long, const struct iovec *,
							   unsigned long, unsigned long), struct kt_err *err)
{
	struct iovec here[BATCH], there[BATCH];

	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].page >= b->m->size[b->node] / PAGE)
			return kt_fail(err, "it has a page beyond the end of the memory");
		here[i] = (struct iovec){ b->v[i].data, PAGE };
		there[i] = (struct iovec){ (char *)b->m->base[b->node] + b->v[i].page * PAGE, PAGE };
	}
	if (b->n && copy(b->m->pid, here, b->n, there, b->n, 0) != (ssize_t)(b->n * PAGE))
		return kt_fail(err, "cannot reach the guest's memory: %s", strerror(errno));
	return 0;
}

static int flush_batch(struct batch *b, int to, struct kt_err *err)
{
	if (transfer_pages(b, process_vm_readv, err))
		return -1;
	if (kt_write_all(to, (char *)b->v, b->n * sizeof(*b->v)))
		return kt_fail(err, "cannot keep the guest's memory: %s", strerror(errno));
	b->n = 0;
	return 0;
}

int changes_write(const struct guestmem *m, unsigned node, int to, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/pagemap", (int)m->pid);
	_cleanup_close_ int map = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint64_t *entries = xcalloc(ENTRIES, sizeof(*entries));
	_cleanup_free_ struct change *changes = xcalloc(BATCH, sizeof(*changes));
	struct batch b = { .m = m, .node = node, .v = changes };
	uint64_t pages = m->size[node] / PAGE, first = m->base[node] / PAGE;

	if (map < 0)
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	for (uint64_t at = 0, n; at < pages; at += n) {
		n = MIN(pages - at, (uint64_t)ENTRIES);
		if (pread(map, entries, n * sizeof(*entries), (off_t)((first + at) * sizeof(*entries))) != (ssize_t)(n * sizeof(*entries)))
			return kt_fail(err, "cannot read '%s': %s", path, strerror(errno));
		for (uint64_t i = 0; i < n; i++) {
			if (!(entries[i] & (page_is_present | page_is_swapped)) || (entries[i] & page_is_the_files))
				continue;
			b.v[b.n++].page = at + i;
			if (b.n == BATCH && flush_batch(&b, to, err))
				return -1;
		}
	}
	return flush_batch(&b, to, err);
}

int changes_apply(int changes, const struct guestmem *m, unsigned node, struct kt_err *err)
{
	_cleanup_free_ struct change *v = xcalloc(BATCH, sizeof(*v));
	struct batch b = { .m = m, .node = node, .v = v };
	ssize_t n;

	for (off_t at = 0; (n = pread(changes, v, BATCH * sizeof(*v), at)) > 0; at += n) {
		b.n = (size_t)n / sizeof(*v);
		if ((size_t)n % sizeof(*v))
			return kt_fail(err, "it ends in the middle of a page");
		if (transfer_pages(&b, process_vm_writev, err))
			return -1;
	}
	return n ? kt_fail(err, "%s", strerror(errno)) : 0;
}
