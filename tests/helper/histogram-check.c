// SPDX-License-Identifier: GPL-2.0-only
/*
 * histogram-check [bench]: what histogram.h promises, against sorted values; or the cost of
 * histogram_record() in ns.
 */
#include "libexec/lib/histogram.h"

enum { N = 5000 };

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define EXPECT(cond, ...) do { \
	if (!(cond)) { \
		printf("%s: ", #cond); \
		printf(__VA_ARGS__); \
		die(KT_NO, "failed"); \
	} \
} while (0)

/* n values of every magnitude up to 2^bits, in two histograms that are merged. */
static void check(size_t n, unsigned bits, uint64_t seed)
{
	static const unsigned quantiles[] = { 0, 1, 10000, 500000, 900000, 990000, 999000, 1000000 };
	struct histogram h[2] = { 0 }, all = { 0 }, back;
	uint64_t v[N] = { 0 };

	for (size_t i = 0; i < n; i++) {
		v[i] = next_random(&seed) >> (64 - bits) >> next_random(&seed) % bits;
		histogram_record(&h[i % 2], v[i]);
		histogram_record(&all, v[i]);
	}
	qsort(v, n, sizeof(*v), by_value);
	histogram_merge(&h[0], &h[1]);
	EXPECT(!memcmp(&h[0], &all, sizeof(all)), "%zu values of %u bits\n", n, bits);
	EXPECT(all.count == n && (!n || (all.min == v[0] && all.max == v[n - 1])), "%zu values\n", n);
	for (size_t i = 0; n && i < ARRAY_SIZE(quantiles); i++) {
		uint64_t rank = (n * quantiles[i] + 999999) / 1000000, exact = v[rank ? rank - 1 : 0];
		uint64_t got = histogram_quantile(&all, quantiles[i]);

		EXPECT(got >= exact && got - exact <= exact >> HISTOGRAM_SUB_BITS,
		       "q%u of %zu: %llu, exactly %llu\n", quantiles[i], n, (unsigned long long)got,
		       (unsigned long long)exact);
	}
	if (bits > 53)
		return;
	_cleanup_json_ json_t *j = histogram_to_json(&all);
	struct kt_errs errs = { 0 };
	struct jdoc doc = { .file = "histogram", .errs = &errs };
	struct jcur c = jcur_root(&doc, j);

	if (!histogram_from_json(&c, &back))
		kt_errs_print(&errs);
	EXPECT(!errs.n && !memcmp(&back, &all, sizeof(all)), "%zu values of %u bits through JSON\n", n, bits);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void bench(void)
{
	enum { ROUNDS = 50000000, VALUES = 4096 };
	static struct histogram h;
	static uint64_t v[VALUES];
	uint64_t seed = 88172645463325252;

	for (size_t i = 0; i < VALUES; i++)
		v[i] = next_random(&seed) >> 20 >> next_random(&seed) % 30;
	double start = now_ns();
	for (size_t i = 0; i < ROUNDS; i++)
		histogram_record(&h, v[i % VALUES]);
	printf("%.1f ns per record (%llu recorded)\n", (now_ns() - start) / ROUNDS,
	       (unsigned long long)h.count);
}

int main(int argc, char **argv)
{
	kt_init("histogram-check");
	if (argc == 2 && streq(argv[1], "bench")) {
		bench();
		return KT_OK;
	}
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		struct histogram one = { .count = 1, .max = UINT64_MAX };

		one.buckets[i] = 1;
		EXPECT(histogram_bucket(histogram_quantile(&one, 1000000)) == i, "bucket %u\n", i);
	}
	for (unsigned bits = 1; bits <= 64; bits++)
		for (size_t n = 0; n <= N; n = n * 3 + 1)
			check(n, bits, 88172645463325252 + bits);
	struct histogram full = { 0 };
	histogram_record(&full, UINT64_MAX);
	histogram_record(&full, UINT64_MAX);
	EXPECT(full.sum == UINT64_MAX && full.count == 2, "the sum must not wrap\n");
	puts("ok");
	return KT_OK;
}
