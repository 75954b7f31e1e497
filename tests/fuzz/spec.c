// SPDX-License-Identifier: GPL-2.0-only
/* The spec parser: what it refuses it refuses with a word, what it accepts it accepts without one. */
#include "tests/fuzz/fuzz.h"
#include "libexec/spec/spec.h"
#include "libexec/topo/shape.h"

/* SMT, several LLCs and nodes, and one node with two LLCs: every kind of CPU set can be right and wrong. */
static const char plan_name[] = "2n4l2c2t";

/* Whether it is a spec. */
static bool try_with(const struct topo *plan, const uint8_t *data, size_t size)
{
	struct kt_err err = { .msg = "" };
	struct kt_errs errs = { 0 };
	struct spec spec;
	_cleanup_json_ json_t *doc = kt_json_loads((const char *)data, size, "fuzz", &err);

	if (!doc) {
		if (!*err.msg)
			BUG("refused without a word");
		return false;
	}
	bool good = !spec_from_json(doc, "fuzz", plan, &spec, &errs);
	if (good) {
		if (errs.n)
			BUG("accepted with an error: %s", errs.msgs[0]);
		spec_deinit(&spec);
	} else if (!errs.n) {
		BUG("refused without a word");
	}
	kt_errs_deinit(&errs);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topo_shape shape;
	struct topo plan;

	if (topo_shape_parse(plan_name, NULL, NULL, &shape, NULL))
		BUG("no topology %s", plan_name);
	topo_from_shape(&shape, &plan);
	bool good = try_with(&plan, data, size);
	/* ktstr-eval has no plan: what ktstr-boot has run it must read. */
	if (!try_with(NULL, data, size) && good)
		BUG("accepted on a plan and refused without one");
	topo_deinit(&plan);
	return 0;
}
