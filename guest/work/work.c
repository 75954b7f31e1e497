// SPDX-License-Identifier: GPL-2.0-only
/* The table of work types: see work.h. */
#include "guest/work/work.h"
#include "guest/work/list.h"

#define DECLARE(type) extern const struct work_type work_##type;
WORK_TYPES(DECLARE)
#define ENTRY(type) &work_##type,
const struct work_type *const work_types[] = { WORK_TYPES(ENTRY) NULL };

const struct work_type *work_type_find(const char *name)
{
	for (size_t i = 0; work_types[i]; i++)
		if (streq(work_types[i]->name, name))
			return work_types[i];
	return NULL;
}

size_t work_types_count(void)
{
	return ARRAY_SIZE(work_types) - 1;
}

unsigned work_group_size(const struct work_type *type, const void *args)
{
	return type->group_size ? type->group_size(args) : 1;
}

unsigned work_traits(const struct work_type *type, const void *args)
{
	return type->traits | (type->traits_of ? type->traits_of(args) : 0);
}

static void describe_type(FILE *f, const struct work_type *t)
{
	_cleanup_free_ void *args = xcalloc(1, t->args_size);

	if (t->args)
		rows_default(t->args, args);
	fprintf(f, "%s\n    %s\n    unit: %s\n", t->name, t->summary, t->unit);
	fprintf(f, "    workers: %s%u\n", t->group_size ? "a multiple of " : "any number from ", work_group_size(t, args));
	fprintf(f, "    latency: %s\n", t->latency ? t->latency : "none is measured");
	fprintf(f, "    not in a gap: %s\n", t->gap ? t->gap : "nothing; all time between two units counts");
	fprintf(f, "    computing: %s\n", t->traits & WORK_COMPUTES ? "spins can be modelled, 20 us and more at a time" : "all of it is executed");
	if (t->args) {
		fputs("    parameters:\n", f);
		rows_describe(f, "        ", t->args);
	}
}

void work_types_print(FILE *f)
{
	for (size_t i = 0; work_types[i]; i++)
		describe_type(f, work_types[i]);
}

void work_types_print_keys(FILE *f, const char *prefix)
{
	for (size_t i = 0; work_types[i]; i++) {
		_cleanup_free_ char *path = xasprintf("%s.%s", prefix, work_types[i]->name);

		if (work_types[i]->args)
			rows_print(f, path, work_types[i]->args);
	}
}
