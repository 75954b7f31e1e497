// SPDX-License-Identifier: GPL-2.0-only
/*
 * EpollStorm: producers write events to one eventfd, in bursts; consumers sleep in epoll_wait() on it, all on one epoll
 * instance, so that an event wakes one of them. A consumer takes one event at a time and spins. A producer's next burst waits
 * until all events so far are taken, so the backlog is bounded.
 */
#include "guest/work/futex.h"
#include "guest/work/worker.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum { EVENT, EPOLL, SPINS = 1024 };

struct storm { unsigned producers, consumers; int64_t burst; };

/* Events are taken in the order in which they were numbered; stamps[] is by number. */
struct shared {
	_Alignas(128) _Atomic uint32_t produced;
	_Alignas(128) _Atomic uint32_t consumed;
	_Alignas(128) _Atomic uint64_t stamps[];
};

static unsigned epoll_storm_group_size(const void *args)
{
	const struct storm *a = args;

	return a->producers + a->consumers;
}

/* At most so many are on their way. A power of two, so that numbers may wrap. */
static uint32_t event_slots(const struct storm *a)
{
	uint64_t n = 1;

	while (n < a->producers * (uint64_t)a->burst)
		n *= 2;
	return n;
}

static size_t shared_bytes(const struct storm *a)
{
	return sizeof(struct shared) + event_slots(a) * sizeof(uint64_t);
}

static int duplicate_fd(struct worker *group, unsigned n, unsigned which, int fd, struct kt_err *err)
{
	for (unsigned i = 0; i < n; i++) {
		group[i].fds[which] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (group[i].fds[which] < 0)
			return kt_fail(err, "cannot duplicate a descriptor: %s", strerror(errno));
	}
	return 0;
}

static int epoll_storm_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	struct epoll_event readable = { .events = EPOLLIN };
	_cleanup_close_ int event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (event < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event, &readable))
		return kt_fail(err, "cannot make an epoll instance: %s", strerror(errno));
	if (duplicate_fd(group, n, EVENT, event, err) || duplicate_fd(group, n, EPOLL, epoll, err))
		return -1;
	return work_share(group, n, shared_bytes(args), err);
}

static int epoll_storm_teardown(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	(void)n, (void)err;
	if (group->shared)
		munmap(group->shared, shared_bytes(args));
	group->shared = NULL;
	return 0;
}

/* False: the stop. */
static bool await_drained(const struct worker *w, struct shared *s, uint32_t target)
{
	uint32_t consumed;

	while ((int32_t)((consumed = atomic_load(&s->consumed)) - target) < 0) {
		if (!worker_running(w))
			return false;
		futex_wait(&s->consumed, consumed);
	}
	return true;
}

static void produce_events(struct worker *w, const struct storm *a)
{
	struct shared *s = w->shared;
	uint32_t mask = event_slots(a) - 1, number = 0;
	uint64_t one = 1;

	while (worker_running(w)) {
		for (int64_t i = 0; i < a->burst; i++) {
			number = atomic_fetch_add(&s->produced, 1);
			atomic_store(&s->stamps[number & mask], now_ns());
			/* It does not block: the counter holds 2^64 events. */
			if (write(w->fds[EVENT], &one, sizeof(one)) != sizeof(one)) {
				worker_fail(w, "cannot write an event: %s", strerror(errno));
				return;
			}
			worker_tick(w, 1);
		}
		w->iterations++;
		if (!await_drained(w, s, number + 1))
			break;
	}
}

/* One event. False: the stop. Another consumer may have been faster; then it sleeps on. */
static bool take_event(const struct worker *w)
{
	struct epoll_event e;
	uint64_t one;

	while (worker_running(w))
		if (epoll_wait(w->fds[EPOLL], &e, 1, -1) == 1 && read(w->fds[EVENT], &one, sizeof(one)) == sizeof(one))
			return true;
	return false;
}

static void consume_events(struct worker *w, const struct storm *a)
{
	struct shared *s = w->shared;
	uint32_t mask = event_slots(a) - 1;

	while (take_event(w)) {
		uint32_t number = atomic_fetch_add(&s->consumed, 1);

		worker_woken(w, atomic_load(&s->stamps[number & mask]));
		if (number + 1 == atomic_load(&s->produced))
			futex_wake(&s->consumed, INT_MAX);
		worker_spin(SPINS);
		w->iterations++;
		worker_tick(w, 1);
	}
}

static void epoll_storm_run(struct worker *w, const void *args)
{
	const struct storm *a = args;

	if (w->member < a->producers)
		produce_events(w, a);
	else
		consume_events(w, a);
}

/* What was taken was written, and what was written was taken, but for the bursts that the stop cut short. */
static int epoll_storm_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct storm *a = args;
	uint64_t produced = 0, consumed = 0;

	for (unsigned i = 0; i < n; i++)
		*(i < a->producers ? &produced : &consumed) += group[i].work_units;
	if (consumed > produced || produced - consumed > a->producers * (uint64_t)a->burst)
		return kt_fail(err, "%ju events were written and %ju taken", (uintmax_t)produced, (uintmax_t)consumed);
	return 0;
}

static const char *epoll_storm_role(const struct worker *w, const void *args)
{
	return w->member < ((const struct storm *)args)->producers ? "producer" : "consumer";
}

static const struct row rows[] = {
	{ .name = "producers", .kind = ROW_UINT, .offset = offsetof(struct storm, producers), .min = 1, .max = 512, .def = 1,
	  .help = "workers that write events" },
	{ .name = "consumers", .kind = ROW_UINT, .offset = offsetof(struct storm, consumers), .min = 1, .max = 512, .def = 2,
	  .help = "workers that wait for them" },
	{ .name = "events_per_burst", .kind = ROW_INT, .offset = offsetof(struct storm, burst), .min = 1, .max = 65536,
	  .def = 32, .help = "events that a producer writes before it waits until all are taken" },
	{ 0 }
};

const struct work_type work_epoll_storm = {
	.name = "EpollStorm",
	.summary = "Bursts of events, each of which wakes one of several workers in epoll_wait(): wake-ups of servers, one by one.",
	.unit = "one event: written, or taken and 1024 spins",
	.gap = "nothing; waiting for events, and for them to be taken, counts",
	.latency = "of consumers: from just before an event's write to its read, when the reader waited by then",
	.args = rows,
	.args_size = sizeof(struct storm),
	.group_size = epoll_storm_group_size,
	.role = epoll_storm_role,
	.setup = epoll_storm_setup,
	.run = epoll_storm_run,
	.verify = epoll_storm_verify,
	.teardown = epoll_storm_teardown,
};
