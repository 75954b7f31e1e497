// SPDX-License-Identifier: GPL-2.0-only
/* Kernel symbols: see symbols.h. */
#include "symbols.h"

static const char *const wanted[] = { "scx_root", "scx_watchdog_timeout", "scx_watchdog_timestamp", "scx_watchdog_interval",
				      "page_offset_base" };

/* "ffffffff83d5f4e0 B scx_root": the name, in place, and the address before it; or NULL. */
static const char *name_of(char *line)
{
	char *name = strchr(line, ' ');

	name = name ? strchr(name + 1, ' ') : NULL;
	if (!name)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return name + 1;
}

static bool is_wanted(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (streq(name, wanted[i]))
			return true;
	return false;
}

void symbols_save(const char *path)
{
	_cleanup_fclose_ FILE *in = fopen("/proc/kallsyms", "re"), *out = fopen(path, "we");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (in && out && getline(&line, &cap, in) > 0) {
		const char *name = name_of(line);

		if (name && is_wanted(name))
			fprintf(out, "%s\n", line);
	}
}

json_t *symbols_load(const char *path)
{
	_cleanup_fclose_ FILE *in = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	json_t *symbols = json_object();
	size_t cap = 0;

	while (in && getline(&line, &cap, in) > 0) {
		const char *name = name_of(line);

		if (name)
			json_object_set_new(symbols, name, json_stringn(line, strcspn(line, " ")));
	}
	return symbols;
}
