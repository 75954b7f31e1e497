// SPDX-License-Identifier: GPL-2.0-only
/* Known causes: see cause.h. */
#include "guest/sched/cause.h"

/* The line with this text is taken for this; %s is what stands between from and to in it. First match, in this order. */
static const struct known {
	const char *text, *from, *to, *cause;
} causes[] = {
	{ "failed to find valid kernel BTF", NULL, NULL,
	  "the kernel has no BTF, which CO-RE needs: build it with CONFIG_DEBUG_INFO_BTF=y%s" },
	{ "kernel BTF is missing", NULL, NULL, "the kernel has no BTF, which CO-RE needs: build it with CONFIG_DEBUG_INFO_BTF=y%s" },
	{ "not found in kernel or module BTFs", "(func ksym) '", "'", "the kernel has no kfunc %s, and the object has no way around it" },
	{ "incompatible with kernel", "(func ksym) '", "'", "the kernel's kfunc %s takes other arguments than the object gives it" },
	{ "not found in vmlinux BTF", "'", "'", "the kernel has no %s to attach to" },
	{ "failed to find kernel BTF type ID", "ID of '", "'", "the kernel has no %s to attach to" },
	{ "in kernel BTF", "find member ", " ", "the kernel's sched_ext_ops has no member %s, which the object sets" },
	{ "init_kern: Unsupported", "member ", " ", "the kernel's sched_ext_ops has another type for member %s than the object" },
	{ "error while loading shared libraries", "libraries: ", ":", "the library %s is missing" },
	{ "cannot attach", ": Device", "\n", "another scheduler is attached already%s" },
	{ "Operation not permitted", NULL, NULL, "the kernel does not permit it%s" },
};

static char *between(const char *line, const char *from, const char *to)
{
	const char *start = from ? strstr(line, from) : NULL, *stop;

	if (!start)
		return xstrdup("");
	start += strlen(from);
	stop = strstr(start, to);
	return xasprintf("%.*s", stop ? (int)(stop - start) : (int)strlen(start), start);
}

/*
 * The verifier's verdict. Newer kernels say it in so many words; of older ones it is the last line of the log before the
 * statistics. libbpf names the program before the log, of which only the end may be left, and again after it.
 */
static char *verifier(const json_t *output)
{
	static const char verdict[] = "Verification failed: ";
	_cleanup_free_ char *program = NULL;
	const char *last = NULL, *said = NULL;
	bool in = true;
	json_t *v;
	size_t i;

	json_array_foreach(output, i, v) {
		const char *line = json_string_value(v);

		if (strstr(line, "BPF program load failed") || strstr(line, "': failed to load: ")) {
			free(program);
			program = between(line, "prog '", "'");
		}
		if (strstr(line, "END PROG LOAD LOG"))
			in = false;
		if (!said && !strncmp(line, verdict, sizeof(verdict) - 1))
			said = line + sizeof(verdict) - 1;
		if (in && strncmp(line, "processed ", 10) && !strstr(line, "libbpf:"))
			last = line;
	}
	if (!program)
		return NULL;
	return xasprintf("the verifier rejects program %s: %s", program, said ? said : last ? last : "no word why");
}

char *sched_cause(const json_t *output)
{
	const char *last = NULL;
	json_t *v;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(causes); k++) {
		json_array_foreach(output, i, v) {
			const char *line = json_string_value(v);

			if (!strstr(line, causes[k].text))
				continue;
			_cleanup_free_ char *what = between(line, causes[k].from, causes[k].to);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			return xasprintf(causes[k].cause, what);
#pragma GCC diagnostic pop
		}
	}
	char *rejected = verifier(output);
	if (rejected)
		return rejected;
	json_array_foreach(output, i, v) {
		last = json_string_value(v);
	}
	return last ? xstrdup(last) : NULL;
}
