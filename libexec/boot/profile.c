// SPDX-License-Identifier: GPL-2.0-only
/* Which of the scheduler's flags a run has: see profile.h. */
#include "libexec/boot/profile.h"

/* "a,b": the flags of these names. */
static uint32_t flags_of(const struct scheduler_def *def, const char *option, const char *names)
{
	uint32_t all = 0;
	struct kt_err err;

	for (const char *p = names; p && def->kind != SCHEDULER_NONE;) {
		size_t n = strcspn(p, ",");
		_cleanup_free_ char *name = xasprintf("%.*s", (int)n, p);
		uint32_t flag = flags_find(&def->flags, name, &err);

		if (!flag)
			die(KT_USAGE, "%s: %s", option, err.msg);
		all |= flag;
		p = p[n] ? p + n + 1 : NULL;
	}
	return all;
}

static void add_wanted_flags(struct spec *spec, const struct profile_options *o)
{
	struct flags_want *want = &spec->want;
	struct kt_err err;

	want->required |= flags_of(&spec->scheduler, "--required-flags", o->required);
	want->excluded |= flags_of(&spec->scheduler, "--excluded-flags", o->excluded);
	if (flags_settle(&spec->scheduler.flags, want, &err))
		die(KT_USAGE, "%s", err.msg);
}

uint32_t boot_choose_profile(struct spec *spec, const struct profile_options *o)
{
	uint32_t profile;
	struct kt_err err;

	add_wanted_flags(spec, o);
	profile = spec->want.required;
	if (o->profile && flags_profile(&spec->scheduler.flags, &spec->want, o->profile, &profile, &err))
		die(KT_USAGE, "--profile: %s", err.msg);
	return profile;
}

void boot_print_profiles(struct spec *spec, const struct profile_options *o)
{
	uint32_t profiles[PROFILES_MAX];
	struct kt_err err;

	add_wanted_flags(spec, o);
	int n = flags_profiles(&spec->scheduler.flags, &spec->want, profiles, &err);
	if (n < 0)
		die(KT_USAGE, "%s", err.msg);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *name = flags_name(&spec->scheduler.flags, profiles[i]);
		puts(name);
	}
}
