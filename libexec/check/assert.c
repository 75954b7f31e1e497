// SPDX-License-Identifier: GPL-2.0-only
/* "assert" of a spec: its keys are the rows of the checks. See check.h. */
#include "libexec/check/check.h"

enum { MAX_CHECKS = 64 };

/* The rows of all checks, for an array of struct asserted that goes with checks[]. */
static const struct row *assert_rows(void)
{
	static struct row rows[MAX_CHECKS + 1];
	size_t n = 0;

	for (size_t i = 0; checks[i]; i++) {
		if (!checks[i]->row.name)
			continue;
		if (n == MAX_CHECKS)
			BUG("more than %d checks", MAX_CHECKS);
		rows[n] = checks[i]->row;
		rows[n++].offset += (ptrdiff_t)(i * sizeof(struct asserted));
	}
	return rows;
}

bool spec_parse_assert(const struct jcur *c, void *out, void *ctx)
{
	struct spec *s = out;
	size_t n = 0;

	(void)ctx;
	while (checks[n])
		n++;
	s->assert = xcalloc(n, sizeof(*s->assert));
	if (!rows_parse(c, assert_rows(), s->assert, NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		s->assert[i].given = checks[i]->row.name && json_object_get(c->j, checks[i]->row.name);
	return true;
}

void spec_print_assert_keys(FILE *f, const char *prefix)
{
	rows_print(f, prefix, assert_rows());
}
