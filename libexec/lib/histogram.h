/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * histogram.h - a mergeable log-linear histogram of durations, of fixed size, for memory shared
 * between processes.
 *
 * Values below 2^SUB_BITS have a bucket each; every power of two above is cut into 2^SUB_BITS
 * buckets of equal width. So all of 0..2^64-1 fits, and a bucket is at most 2^-SUB_BITS (3.2 %) of
 * its values wide. count, sum, min and max are exact. Merging two histograms gives what recording
 * both streams into one would have given.
 *
 * Recording allocates nothing, makes no call and has no locks: one writer each, merged after the
 * writers have stopped. All zero bytes is an empty histogram.
 *
 * In JSON ("sum" is a decimal string, since it may pass 2^53; only buckets that hold something; min
 * and max are 0 when count is 0):
 *   {"unit":"ns","count":N,"min":N,"max":N,"sum":"N","sub_bits":5,"buckets":[[index,count],...]}
 */
#ifndef KT_HISTOGRAM_H
#define KT_HISTOGRAM_H

#include "libexec/lib/json.h"

enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

struct histogram {
	uint64_t count, sum, min, max; /* sum stops at UINT64_MAX */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t v)
{
	if (v < 1u << HISTOGRAM_SUB_BITS)
		return v;
	unsigned shift = 63 - __builtin_clzll(v) - HISTOGRAM_SUB_BITS;
	/* The leading bit of v >> shift counts as one row of buckets, hence no + 1. */
	return (shift << HISTOGRAM_SUB_BITS) + (v >> shift);
}

static inline void histogram_record(struct histogram *h, uint64_t v)
{
	if (__builtin_add_overflow(h->sum, v, &h->sum))
		h->sum = UINT64_MAX;
	if (!h->count++ || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->buckets[histogram_bucket(v)]++;
}

/* Add what is in from to into. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/*
 * The value at a quantile given in millionths (990000 is p99) by nearest rank: the ceil(count *
 * q)th smallest value, as the largest value of its bucket, but never beyond max. So it is never
 * below the true value, and less than 2^-SUB_BITS of it above. 0 when the histogram is empty.
 */
uint64_t histogram_quantile(const struct histogram *h, unsigned millionths);
json_t *histogram_to_json(const struct histogram *h);
/* Check and convert; the figures must agree with each other. False, with errors added through c. */
bool histogram_from_json(const struct jcur *c, struct histogram *ret);

#endif
