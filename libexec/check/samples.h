/* SPDX-License-Identifier: GPL-2.0-only */
/* samples.h - how long the monitor's samples are beyond a threshold. What is true of one may be chance; five in a row are half a second. */
#ifndef KT_CHECK_SAMPLES_H
#define KT_CHECK_SAMPLES_H

#include "libexec/check/check.h"

enum { SUSTAINED = 5 };

/* The longest row of samples beyond a threshold. */
struct row_of {
	size_t n, ends;       /* how many; the index of the last */
	double worst;
	unsigned cpu;         /* of the worst */
};

/* Only samples by time count: one at the end of a phase may come right behind another. */
struct row_of samples_longest_row(const struct report *r, double threshold, double (*value)(const struct report_sample *s));
/* The highest value; -1: there is none. */
double samples_most(const struct report *r, double (*value)(const struct report_sample *s));

#endif
