// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: compute-probe [EXECUTED_US]
 * In a guest: uses the ports of guest/compute.h as a worker does, from the last slot, and prints what came of it as an object. Before each
 * stretch it executes for so long at most, so that its vCPU may be owed no turn when the stretch ends.
 *   stretches  how many were asked for, of 10 us to 2.56 ms each
 *   whole      so many went on to their end; the others were interrupted
 *   early_ns   most that one of the whole ones ended before its end
 *   late_ns    most that the best 9 in 10 of them ended after it
 *   latest_ns  most that any of them ended after it
 *   off_ns     most that the ns counted for a whole one differ from its length, of the best 9 in 10
 *   over_ns    most that was counted for one beyond its length: never more than 0
 *   past_ns    counted for one whose end had passed
 *   asleep_ns  counted while this program was asleep
 */
#include "libexec/lib/kt.h"
#include "guest/compute.h"
#include <sys/io.h>
#include <x86intrin.h>

enum { N = 90, PORT = COMPUTE_PORT + 4 * (COMPUTE_SLOTS - 1) };

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static uint32_t computed(void)
{
	static uint32_t last;
	uint32_t now = inl(PORT), ns = now - last;

	last = now;
	return ns;
}

static void execute(uint64_t ns)
{
	for (uint64_t start = __rdtsc(); __rdtsc() - start < ns;)
		;
}

int main(int argc, char **argv)
{
	int64_t late[N], off[N], early = 0, over = 0;
	uint64_t executed_ns = argc > 1 ? strtoull(argv[1], NULL, 10) * NSEC_PER_USEC : 0;
	unsigned whole = 0;

	kt_init("compute-probe");
	if (iopl(3))
		die(KT_TROUBLE, "iopl: %s", strerror(errno));
	computed();
	for (int i = 0; i < N; i++) {
		int64_t ns = 10000 << i % 9;
		execute(executed_ns * (unsigned)i / N);
		uint64_t start = __rdtsc();
		outl((uint32_t)(start + ns), PORT);
		int64_t took = (int64_t)(__rdtsc() - start), counted = computed();

		over = MAX(over, counted - ns);
		if (took < ns - 1000)
			continue; /* interrupted */
		early = MAX(early, ns - took);
		late[whole] = took - ns;
		off[whole++] = counted > ns ? counted - ns : ns - counted;
	}
	qsort(late, whole, sizeof(*late), ascending);
	qsort(off, whole, sizeof(*off), ascending);
	outl((uint32_t)__rdtsc() - 1000, PORT);
	uint32_t past = computed();
	nanosleep(&(struct timespec){ 0, NSEC_PER_MSEC }, NULL);
	unsigned last = whole ? whole * 9 / 10 : 0;
	printf("{\"stretches\": %d, \"whole\": %u, \"early_ns\": %lld, \"late_ns\": %lld, \"latest_ns\": %lld, \"off_ns\": %lld, \"over_ns\": %lld, "
	       "\"past_ns\": %u, \"asleep_ns\": %u}\n", N, whole, (long long)early, whole ? (long long)late[last] : 0,
	       whole ? (long long)late[whole - 1] : 0, whole ? (long long)off[last] : 0, (long long)over, past, computed());
	return KT_OK;
}
