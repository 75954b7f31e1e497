// SPDX-License-Identifier: GPL-2.0-only
/* A worker of type Exec in C: sleeps, sees how late it wakes up, works, and reports all that on descriptor 3. */
#include <stdio.h>
#include <time.h>

static long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	for (;;) {
		long long due = now_ns() + 1000000;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		dprintf(3, "latency_ns %lld\n", now_ns() - due);
		for (volatile int i = 0; i < 100000; i++)
			;
		dprintf(3, "units 1\n");
	}
}
