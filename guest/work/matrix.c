// SPDX-License-Identifier: GPL-2.0-only
/* Matrix products: see matrix.h. */
#include "guest/work/matrix.h"
#include <math.h>

unsigned matrix_dim(unsigned footprint_kib)
{
	return MAX(1, sqrt(footprint_kib * 1024.0 / 3 / sizeof(uint64_t)));
}

void matrix_fill(uint64_t *m, unsigned dim)
{
	for (size_t i = 0; i < 2 * (size_t)dim * dim; i++)
		m[i] = 1;
}

/* By column of the second factor, so that the whole footprint is walked with strides. */
bool matrix_multiply(const struct worker *w, uint64_t *m, unsigned dim)
{
	const uint64_t *a = m, *b = m + (size_t)dim * dim;
	uint64_t *product = m + 2 * (size_t)dim * dim;

	for (unsigned i = 0; i < dim; i++) {
		if (!worker_running(w))
			return false;
		for (unsigned j = 0; j < dim; j++) {
			uint64_t sum = 0;

			for (unsigned k = 0; k < dim; k++)
				sum += a[(size_t)i * dim + k] * b[(size_t)k * dim + j];
			product[(size_t)i * dim + j] = sum;
		}
	}
	return true;
}

bool matrix_right(const uint64_t *m, unsigned dim)
{
	const uint64_t *product = m + 2 * (size_t)dim * dim;

	for (size_t i = 0; i < (size_t)dim * dim; i++)
		if (product[i] != dim)
			return false;
	return true;
}
