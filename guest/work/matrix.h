/* SPDX-License-Identifier: GPL-2.0-only */
/* matrix.h - three square matrices of uint64_t, one behind the other, as work that has a cache footprint. */
#ifndef KT_WORK_MATRIX_H
#define KT_WORK_MATRIX_H

#include "guest/work/worker.h"

/* The rows of a matrix, when three of them are to take so many KiB. At least 1. */
unsigned matrix_dim(unsigned footprint_kib);
static inline size_t matrix_bytes(unsigned dim)
{
	return 3 * sizeof(uint64_t) * dim * dim;
}
/* All elements of the two factors to 1, so that all of their product are dim. */
void matrix_fill(uint64_t *m, unsigned dim);
/* The third becomes the product of the first two. False: cut short by the stop. */
bool matrix_multiply(const struct worker *w, uint64_t *m, unsigned dim);
/* Is the third that product? */
bool matrix_right(const uint64_t *m, unsigned dim);

#endif
