// SPDX-License-Identifier: GPL-2.0-only
/* Sets of CPUs and their text: see cpulist.h. */
#include "libexec/lib/kt.h"
#include "libexec/lib/cpulist.h"

unsigned cpumask_count(const struct cpumask *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		n += __builtin_popcountll(m->bits[i]);
	return n;
}

bool cpumask_equal(const struct cpumask *a, const struct cpumask *b)
{
	return !memcmp(a->bits, b->bits, sizeof(a->bits));
}

struct cpumask cpumask_minus(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask m;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		m.bits[i] = a->bits[i] & ~b->bits[i];
	return m;
}

struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask m;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		m.bits[i] = a->bits[i] & b->bits[i];
	return m;
}

struct cpumask cpumask_or(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask m;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		m.bits[i] = a->bits[i] | b->bits[i];
	return m;
}

unsigned cpumask_next(const struct cpumask *m, unsigned cpu)
{
	while (cpu < CPUMASK_MAX) {
		uint64_t rest = m->bits[cpu / 64] >> cpu % 64;

		if (rest)
			return cpu + __builtin_ctzll(rest);
		cpu = (cpu / 64 + 1) * 64;
	}
	return CPUMASK_MAX;
}

/* The number at *p, which is left behind it; false when there is none or it is no CPU. */
static bool parse_cpu(const char **p, unsigned *ret)
{
	unsigned v = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		v = v * 10 + (**p - '0');
		if (v >= CPUMASK_MAX)
			return false;
	}
	*ret = v;
	return true;
}

/* "3" or "3-5" at *p, up to a comma or the end; a comma is taken with it, and something must follow it. */
static bool parse_item(const char **p, const char *end, unsigned *first, unsigned *last)
{
	if (!parse_cpu(p, first))
		return false;
	*last = *first;
	if (**p == '-') {
		++*p;
		if (!parse_cpu(p, last) || *last < *first)
			return false;
	}
	if (*p == end)
		return true;
	return *(*p)++ == ',' && *p < end;
}

int cpulist_parse(const char *text, struct cpumask *ret, struct kt_err *err)
{
	size_t len = strcspn(text, "\n");
	const char *p = text, *end = text + len;
	struct cpumask m = { 0 };
	unsigned first, last;

	if (*end && end[1])
		return kt_fail(err, "a cpulist is one line");
	while (p < end) {
		const char *item = p;

		if (!parse_item(&p, end, &first, &last))
			return kt_fail(err,
				       "bad cpulist '%.*s' at '%.*s': it is like 0-3,8 with rising numbers up to %d",
				       (int)MIN(len, 200u), text, (int)MIN(end - item, 20), item,
				       CPUMASK_MAX - 1);
		for (unsigned cpu = first; cpu <= last; cpu++)
			cpumask_set(&m, cpu);
	}
	*ret = m;
	return 0;
}

char *cpulist_format(const struct cpumask *m, char *buf)
{
	char *p = buf;

	*p = '\0';
	for (unsigned cpu = cpumask_next(m, 0); cpu < CPUMASK_MAX;) {
		unsigned last = cpu;

		while (last + 1 < CPUMASK_MAX && cpumask_test(m, last + 1))
			last++;
		p += snprintf(p, buf + CPULIST_LEN - p, last > cpu ? "%s%u-%u" : "%s%u", p > buf ? "," : "",
			      cpu, last);
		cpu = cpumask_next(m, last + 1);
	}
	return buf;
}
