// SPDX-License-Identifier: GPL-2.0-only
/* ProducerConsumerImbalance: producers at a steady rate and consumers at their own speed, with a bounded queue between. */
#include "guest/work/mutex.h"

struct imbalance {
	unsigned producers, consumers, depth;
	int64_t rate, consume;
};

struct item {
	uint64_t number, put_ns;
};

struct queue {
	_Atomic uint32_t mutex, filled, emptied; /* the last two change whenever something is put or taken */
	/* The rest is guarded by the mutex. */
	uint32_t hungry, stuck;                  /* who waits for filled, for emptied */
	uint64_t puts, takes;
	bool disorder;
	struct item items[];
};

/* Wait for the event, with the mutex held before and after. False when the worker must stop; then it is not held. */
static bool await_event(struct worker *w, struct queue *q, _Atomic uint32_t *event, uint32_t *waiters)
{
	uint32_t seen = atomic_load(event);

	if (!worker_running(w)) {
		mutex_unlock(&q->mutex);
		return false;
	}
	++*waiters;
	mutex_unlock(&q->mutex);
	futex_wait(event, seen);
	if (!mutex_lock(w, &q->mutex))
		return false;
	--*waiters;
	return true;
}

static void announce_event(struct queue *q, _Atomic uint32_t *event, const uint32_t *waiters)
{
	bool wake = *waiters;

	atomic_fetch_add(event, 1);
	mutex_unlock(&q->mutex);
	if (wake)
		futex_wake(event, 1);
}

static bool put_item(struct worker *w, struct queue *q, unsigned depth)
{
	if (!mutex_lock(w, &q->mutex))
		return false;
	while (q->puts - q->takes == depth)
		if (!await_event(w, q, &q->emptied, &q->stuck))
			return false;
	q->items[q->puts % depth] = (struct item){ .number = q->puts, .put_ns = now_ns() };
	q->puts++;
	announce_event(q, &q->filled, &q->hungry);
	return true;
}

static bool take_one(struct worker *w, struct queue *q, unsigned depth)
{
	if (!mutex_lock(w, &q->mutex))
		return false;
	while (q->puts == q->takes)
		if (!await_event(w, q, &q->filled, &q->hungry))
			return false;
	struct item item = q->items[q->takes % depth];
	q->disorder |= item.number != q->takes;
	q->takes++;
	announce_event(q, &q->emptied, &q->stuck);
	uint64_t now = now_ns();
	if (now >= item.put_ns)
		histogram_record(&w->wake_latency, now - item.put_ns);
	return true;
}

static void producer_consumer_imbalance_run(struct worker *w, const void *args)
{
	const struct imbalance *a = args;
	bool producer = w->member < a->producers;
	uint64_t period = NSEC_PER_SEC / a->rate, next = worker_start_ns(w);

	while (worker_running(w)) {
		if (producer) {
			if (!put_item(w, w->shared, a->depth))
				return;
		} else {
			if (!take_one(w, w->shared, a->depth))
				return;
			worker_compute(w, a->consume);
		}
		w->iterations++;
		worker_tick(w, 1);
		/* Time that the queue was full is not made up for. */
		next = MAX(next + period, w->last_ns);
		if (producer && next > w->last_ns)
			worker_sleep_until(w, next);
	}
}

static int producer_consumer_imbalance_setup(struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct imbalance *a = args;

	return work_share(group, n, sizeof(struct queue) + a->depth * sizeof(struct item), err);
}

/* Every item once, in the order in which they were put. */
static int producer_consumer_imbalance_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	const struct imbalance *a = args;
	const struct queue *q = group->shared;
	uint64_t produced = 0, consumed = 0;

	for (unsigned i = 0; i < n; i++)
		*(i < a->producers ? &produced : &consumed) += group[i].work_units;
	if (q->disorder || produced != q->puts || consumed != q->takes || q->takes > q->puts || q->puts - q->takes > a->depth)
		return kt_fail(err, "%ju items put into the queue (%ju counted), %ju taken (%ju counted)%s",
			       (uintmax_t)q->puts, (uintmax_t)produced, (uintmax_t)q->takes, (uintmax_t)consumed,
			       q->disorder ? ", in another order" : "");
	return 0;
}

static unsigned producer_consumer_imbalance_group_size(const void *args)
{
	const struct imbalance *a = args;

	return a->producers + a->consumers;
}

static const char *producer_consumer_imbalance_role(const struct worker *w, const void *args)
{
	return w->member < ((const struct imbalance *)args)->producers ? "producer" : "consumer";
}

static const struct row rows[] = {
	{ .name = "producers", .kind = ROW_UINT, .offset = offsetof(struct imbalance, producers), .min = 1, .max = 1024,
	  .def = 2, .help = "workers that put items into the queue" },
	{ .name = "consumers", .kind = ROW_UINT, .offset = offsetof(struct imbalance, consumers), .min = 1, .max = 1024,
	  .def = 1, .help = "workers that take them" },
	{ .name = "rate_hz", .alias = "produce_rate_hz", .kind = ROW_INT, .offset = offsetof(struct imbalance, rate),
	  .min = 1, .max = 1e6, .def = 1000, .help = "items a second of each producer, while there is room" },
	{ .name = "consume_iters", .kind = ROW_INT, .offset = offsetof(struct imbalance, consume), .max = 1e9,
	  .def = 4096, .help = "spins of a consumer for each item" },
	{ .name = "depth", .alias = "queue_depth_target", .kind = ROW_UINT, .offset = offsetof(struct imbalance, depth),
	  .min = 1, .max = 65536, .def = 1024, .help = "items in the queue at most; producers wait while it is full" },
	{ 0 }
};

const struct work_type work_producer_consumer_imbalance = {
	.name = "ProducerConsumerImbalance",
	.summary = "Producers at a steady rate feed slower or faster consumers through a bounded queue: who gets the CPU when one "
		   "side is the bottleneck.",
	.unit = "one item put, or taken and worked on",
	.gap = "of producers, the sleep until the next item is due; waiting for room or for an item counts",
	.latency = "of consumers, from an item's put to its take: waiting in the queue counts",
	.args = rows,
	.args_size = sizeof(struct imbalance),
	.traits = WORK_COMPUTES,
	.group_size = producer_consumer_imbalance_group_size,
	.role = producer_consumer_imbalance_role,
	.setup = producer_consumer_imbalance_setup,
	.run = producer_consumer_imbalance_run,
	.verify = producer_consumer_imbalance_verify,
};
