// SPDX-License-Identifier: GPL-2.0-only
/* Mergeable log-linear histograms: see histogram.h. */
#include "libexec/lib/histogram.h"

static const int64_t JSON_MAX = INT64_C(1) << 53;

/* The smallest value of bucket i; the largest is one below the next one's smallest. */
static uint64_t lowest(unsigned i)
{
	unsigned shift = i >> HISTOGRAM_SUB_BITS ? (i >> HISTOGRAM_SUB_BITS) - 1 : 0;

	return (uint64_t)(i - (shift << HISTOGRAM_SUB_BITS)) << shift;
}

static uint64_t highest(unsigned i)
{
	return i + 1 == HISTOGRAM_BUCKETS ? UINT64_MAX : lowest(i + 1) - 1;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->count)
		return;
	if (!into->count || from->min < into->min)
		into->min = from->min;
	into->max = MAX(into->max, from->max);
	into->count += from->count;
	if (__builtin_add_overflow(into->sum, from->sum, &into->sum))
		into->sum = UINT64_MAX;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t histogram_quantile(const struct histogram *h, unsigned millionths)
{
	if (millionths > 1000000)
		BUG("quantile %u is beyond 1", millionths);
	uint64_t rank = ((unsigned __int128)h->count * millionths + 999999) / 1000000, seen = 0;
	if (!rank)
		return h->min;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank)
			return MIN(highest(i), h->max);
	}
	return h->max;
}

json_t *histogram_to_json(const struct histogram *h)
{
	json_t *buckets = json_array();
	char sum[24];

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (h->buckets[i])
			json_array_append_new(buckets, KT_PACK("[iI]", (int)i, (json_int_t)h->buckets[i]));
	snprintf(sum, sizeof(sum), "%llu", (unsigned long long)h->sum);
	return KT_PACK("{s:s, s:I, s:I, s:I, s:s, s:i, s:o}", "unit", "ns", "count", (json_int_t)h->count,
		       "min", (json_int_t)h->min, "max", (json_int_t)h->max, "sum", sum,
		       "sub_bits", HISTOGRAM_SUB_BITS, "buckets", buckets);
}

static bool buckets_from_json(const struct jcur *c, struct histogram *h)
{
	int64_t at_least = 0;

	if (!jcur_is_array(c, 0))
		return false;
	for (size_t i = 0; i < json_array_size(c->j); i++) {
		struct jcur pair = jcur_at(c, i);
		int64_t index, count;

		if (!jcur_is_array(&pair, 2))
			return false;
		struct jcur first = jcur_at(&pair, 0), second = jcur_at(&pair, 1);
		/* Rising indices: no bucket twice, and no more of them than there are. */
		if (!jcur_int(&first, at_least, HISTOGRAM_BUCKETS - 1, &index) ||
		    !jcur_int(&second, 1, JSON_MAX, &count))
			return false;
		h->buckets[index] = count;
		h->count += count;
		at_least = index + 1;
	}
	return true;
}

/* Digits only: strtoull alone would take a sign, and space. */
static bool sum_from_json(const struct jcur *c, uint64_t *ret)
{
	const char *s;

	if (!jcur_str(c, &s))
		return false;
	errno = 0;
	*ret = strtoull(s, NULL, 10);
	return (!errno && s[strspn(s, "0123456789")] == '\0') ||
	       jcur_error(c, "is not a decimal number below 2^64");
}

bool histogram_from_json(const struct jcur *c, struct histogram *ret)
{
	struct jcur unit, count, min, max, sum, sub_bits, buckets;
	struct histogram h = { 0 };
	int64_t n, bits, lo, hi;
	const char *u;

	if (!jcur_is_object(c) || !jcur_need(c, "unit", &unit) || !jcur_need(c, "count", &count) ||
	    !jcur_need(c, "min", &min) || !jcur_need(c, "max", &max) || !jcur_need(c, "sum", &sum) ||
	    !jcur_need(c, "sub_bits", &sub_bits) || !jcur_need(c, "buckets", &buckets) ||
	    !jcur_str(&unit, &u) || !jcur_int(&count, 0, JSON_MAX, &n) || !jcur_int(&min, 0, JSON_MAX, &lo) ||
	    !jcur_int(&max, 0, JSON_MAX, &hi) || !sum_from_json(&sum, &h.sum) ||
	    !jcur_int(&sub_bits, HISTOGRAM_SUB_BITS, HISTOGRAM_SUB_BITS, &bits) ||
	    !buckets_from_json(&buckets, &h))
		return false;
	if (!streq(u, "ns"))
		return jcur_error(&unit, "must be \"ns\"");
	if (h.count != (uint64_t)n)
		return jcur_error(&count, "is %lld, but the buckets hold %llu", (long long)n,
				  (unsigned long long)h.count);
	if (lo > hi || (!n && (lo || hi || h.sum)))
		return jcur_error(c, "min, max, sum and count contradict each other");
	if (n) {
		unsigned first = 0, last = HISTOGRAM_BUCKETS - 1;

		while (!h.buckets[first])
			first++;
		while (!h.buckets[last])
			last--;
		if (histogram_bucket(lo) != first || histogram_bucket(hi) != last)
			return jcur_error(c, "min and max are not in the first and the last bucket");
	}
	h.min = lo;
	h.max = hi;
	*ret = h;
	return true;
}
