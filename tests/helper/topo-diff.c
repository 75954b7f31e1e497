// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: topo-diff PLAN SEEN
 *
 * topo_diff() of two plans for the tests: exits 0 when they are equal, or 1 with the first difference on stdout.
 */
#include "libexec/lib/kt.h"
#include "libexec/topo/plan.h"

static void read_plan(const char *file, struct topo *ret)
{
	struct kt_errs errs = { 0 };
	struct kt_err err;
	json_t *j = kt_json_load(file, &err);

	if (!j)
		die(KT_USAGE, "%s", err.msg);
	if (topo_from_json(j, file, ret, &errs)) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
}

int main(int argc, char **argv)
{
	struct topo plan, seen;
	char what[1024];

	kt_init("topo-diff");
	if (argc != 3)
		die_usage("two plans are needed");
	read_plan(argv[1], &plan);
	read_plan(argv[2], &seen);
	if (!topo_diff(&plan, &seen, what, sizeof(what)))
		return KT_OK;
	puts(what);
	return KT_NO;
}
