/* SPDX-License-Identifier: GPL-2.0-only */
/* random.h - the one source of numbers that nobody chose: what they are depends on a seed and on nothing else. */
#ifndef KT_RANDOM_H
#define KT_RANDOM_H

#include "libexec/lib/kt.h"

/* splitmix64: the next number, from all of 64 bits. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

#endif
