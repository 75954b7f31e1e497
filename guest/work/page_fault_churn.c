// SPDX-License-Identifier: GPL-2.0-only
/* PageFaultChurn: touches pages that are not there, and gives them back. */
#include "guest/work/worker.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { PAGE = 4096 };

struct churn { int64_t region_kib, touches, spin; };

static size_t region_size(const struct churn *a)
{
	return (size_t)a->region_kib * 1024 / PAGE * PAGE;
}

static uint64_t count_faults(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_minflt;
}

static bool give_back(struct worker *w, const struct churn *a)
{
	if (!madvise(w->own, region_size(a), MADV_DONTNEED))
		return true;
	worker_fail(w, "cannot give pages back: %s", strerror(errno));
	return false;
}

/*
 * Page after page from a random one on, so that every touch is a fault: with random pages some would be touched twice. A
 * region that is used up is given back first.
 */
static void page_fault_churn_run(struct worker *w, const void *args)
{
	const struct churn *a = args;
	uint64_t pages = region_size(a) / PAGE, before = count_faults();

	while (worker_running(w)) {
		uint64_t page = worker_random(w) % pages;

		for (int64_t i = 0; i < a->touches && worker_running(w); i++, page++) {
			if (i && i % pages == 0 && !give_back(w, a))
				return;
			worker_tick(w, 0);
			((volatile char *)w->own)[page % pages * PAGE] = 1;
			worker_woken(w, w->last_ns);
			worker_compute(w, a->spin);
			worker_tick(w, 1);
		}
		if (!give_back(w, a))
			return;
		w->iterations++;
	}
	/* For verify(), as far as 32 bits go. */
	atomic_store(&w->mail.word, (uint32_t)MIN(count_faults() - before, (uint64_t)UINT32_MAX));
}

static int page_fault_churn_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	const struct churn *a = args;

	w->own = mmap(NULL, region_size(a), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->own == MAP_FAILED)
		return kt_fail(err, "cannot map %zu bytes: %s", region_size(a), strerror(errno));
	/* One fault a page. A kernel without huge pages says EINVAL, and gives none. */
	if (madvise(w->own, region_size(a), MADV_NOHUGEPAGE) && errno != EINVAL)
		return kt_fail(err, "cannot do without huge pages: %s", strerror(errno));
	return 0;
}

static int page_fault_churn_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	uint64_t seen = atomic_load(&group->mail.word);

	(void)n, (void)args;
	if (seen >= MIN(group->work_units, (uint64_t)UINT32_MAX))
		return 0;
	return kt_fail(err, "%ju pages were touched, but the kernel counts %ju page faults", (uintmax_t)group->work_units,
		       (uintmax_t)seen);
}

static const struct row rows[] = {
	{ .name = "region_kib", .kind = ROW_INT, .offset = offsetof(struct churn, region_kib), .min = 4, .max = 1 << 24,
	  .def = 4096, .help = "memory that it touches pages of" },
	{ .name = "touches", .alias = "touches_per_cycle", .kind = ROW_INT, .offset = offsetof(struct churn, touches),
	  .min = 1, .max = 1e9, .def = 256, .help = "pages touched before all are given back" },
	{ .name = "spin", .alias = "spin_iters", .kind = ROW_INT, .offset = offsetof(struct churn, spin), .max = 1e9,
	  .def = 64, .help = "spins after each" },
	{ 0 }
};

const struct work_type work_page_fault_churn = {
	.name = "PageFaultChurn",
	.summary = "Touches pages that are not there and gives them back (MADV_DONTNEED): time in the kernel, memory limits, TLB "
		   "flushes.",
	.unit = "one page fault and the spins after it",
	.gap = "nothing; a page fault counts",
	.latency = "of a page fault, from the touch to what comes after it",
	.args = rows,
	.args_size = sizeof(struct churn),
	.traits = WORK_COMPUTES,
	.prepare = page_fault_churn_prepare,
	.run = page_fault_churn_run,
	.verify = page_fault_churn_verify,
};
