// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modules of glibc's name services: /etc/nsswitch.conf names them, and glibc opens them when a program asks for a user, a
 * group or a host. In a guest without that file it opens none. So whoever brings the file brings the modules.
 */
#include "libexec/closure/libs.h"

int closure_add_name_services(struct closure *c, const char *conf, struct kt_err *err)
{
	_cleanup_fclose_ FILE *f = fopen(conf, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!f)
		return kt_fail(err, "cannot open '%s': %s", conf, strerror(errno));
	/* "passwd: files systemd", with actions like [NOTFOUND=return] between the services. */
	while (getline(&line, &size, f) > 0) {
		char *save = NULL, *services = strchr(line, ':');

		line[strcspn(line, "#")] = '\0';
		if (!services || services >= line + strlen(line))
			continue;
		for (char *word = strtok_r(services + 1, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
			_cleanup_free_ char *name = xasprintf("libnss_%s.so.2", word);

			if (*word != '[' && !strchr(word, ']') && !strchr(word, '/') && closure_add_opened(c, name, err))
				return kt_context(err, "'%s'", conf);
		}
	}
	return 0;
}
