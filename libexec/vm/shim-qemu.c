// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's exported names: see shim-qemu.h. */
#define _GNU_SOURCE
#include "libexec/vm/shim.h"
#include "libexec/vm/shim-qemu.h"
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

struct shim_qemu qemu;

static void *find_export(const char *name, const char *old_name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	return p || !old_name ? p : dlsym(RTLD_DEFAULT, old_name);
}

void *shim_exported(const char *name)
{
	return find_export(name, NULL);
}

bool shim_find_qemu(void)
{
	const char *missing = NULL;
	bool found = false;

#define X(member, name, old_name, type) \
	if ((qemu.member = (__typeof__(type))find_export(name, old_name))) \
		found = true; \
	else \
		missing = name;
	SHIM_QEMU_FUNCTIONS(X)
#undef X
	if (missing && found)
		shim_cannot("it does not export ", missing);
	return found;
}

/* QEMU keeps the names of a module to the module. */
static void *find_in_modules(const char *name, const char *old_name)
{
	void *self = dlopen(NULL, RTLD_LAZY), *p = NULL;

	for (const struct link_map *m = self; m && !p; m = m->l_next) {
		void *object = dlopen(m->l_name, RTLD_LAZY | RTLD_NOLOAD);

		if (!object)
			continue;
		p = dlsym(object, name);
		if (!p && old_name)
			p = dlsym(object, old_name);
		dlclose(object);
	}
	return p;
}

void shim_find_tcg(void)
{
#define X(member, name, old_name, type) \
	if (!(qemu.member = (__typeof__(type))find_in_modules(name, old_name))) \
		shim_cannot("it does not export ", name);
	SHIM_TCG_FUNCTIONS(X)
#undef X
}
