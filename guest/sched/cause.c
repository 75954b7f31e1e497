// SPDX-License-Identifier: GPL-2.0-only
/* Known causes: see cause.h. */
#include "guest/sched/cause.h"
#include "guest/sched/output.h"

static const char libbpf[] = "libbpf: ";

/*
 * libbpf's own words, as they are in the versions from 1.4 on: the line that has this text is taken for this cause; %s is what
 * stands between from and to in the line. First match, in this order.
 */
static const struct known {
	const char *text, *from, *to, *cause;
} causes[] = {
	{ "failed to find valid kernel BTF", NULL, NULL,
	  "the kernel has no BTF, which CO-RE needs: build it with CONFIG_DEBUG_INFO_BTF=y%s" },
	{ "kernel BTF is missing", NULL, NULL, "the kernel has no BTF, which CO-RE needs: build it with CONFIG_DEBUG_INFO_BTF=y%s" },
	{ "failed to open system Kconfig", NULL, NULL,
	  "the object asks for the kernel's configuration, which is not known: ktstr kernel add --config takes it%s" },
	{ "(strong): not resolved", "extern '", "'", "the kernel's configuration has no %s, and the object has no way around it" },
	{ "not found in kernel or module BTFs", "(func ksym) '", "'", "the kernel has no kfunc %s, and the object has no way around it" },
	{ "': func_proto [", "(func ksym) '", "'",
	  "object and kernel disagree on the arguments of kfunc %s, or on what it returns" },
	{ "': not found in kernel BTF", "(var ksym) '", "'", "the kernel has no variable %s, and the object has no way around it" },
	{ "failed to find kernel BTF type ID", "ID of '", "'", "the kernel has no %s to attach to" },
	{ ": Cannot find member ", "find member ", " ", "the kernel's sched_ext_ops has no member %s, which the object sets" },
	{ " is not found in kernel BTF", "init_kern: struct ", " ", "the kernel has no struct_ops type %s" },
	{ ": Unmatched member type ", "member type ", " ",
	  "the kernel's sched_ext_ops has another type for member %s than the object" },
	{ ": Error in size of member ", "size of member ", ":",
	  "the kernel's sched_ext_ops has another type for member %s than the object" },
	{ " is not a func ptr", "kernel member ", " ",
	  "the kernel's sched_ext_ops has another type for member %s than the object" },
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
		if (!said && !strncmp(line, OUTPUT_HEADLINE, sizeof(OUTPUT_HEADLINE) - 1))
			said = line + sizeof(OUTPUT_HEADLINE) - 1;
		if (in && strncmp(line, "processed ", 10) && !strstr(line, libbpf))
			last = line;
	}
	if (!program)
		return NULL;
	return xasprintf("the verifier rejects program %s: %s", program, said ? said : last ? last : "no word why");
}

/* What sched_ext logged, but for what it says of each scheduler. */
static const char *kernel_said(const json_t *kernel_log)
{
	static const char ours[] = "sched_ext: ", *const usual[] = { "\" enabled", ": watchdog timeout " };
	json_t *v;
	size_t i;

	json_array_foreach(kernel_log, i, v) {
		const char *line = json_string_value(v);
		bool news = !strncmp(line, ours, sizeof(ours) - 1);

		for (size_t k = 0; k < ARRAY_SIZE(usual); k++)
			news &= !strstr(line, usual[k]);
		if (news)
			return line + sizeof(ours) - 1;
	}
	return NULL;
}

static char *known(const json_t *output)
{
	json_t *v;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(causes); k++) {
		json_array_foreach(output, i, v) {
			const char *line = json_string_value(v);

			if (strncmp(line, libbpf, sizeof(libbpf) - 1) || !strstr(line, causes[k].text))
				continue;
			_cleanup_free_ char *what = between(line, causes[k].from, causes[k].to);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			return xasprintf(causes[k].cause, what);
#pragma GCC diagnostic pop
		}
	}
	return NULL;
}

/* ld.so's words, with the program's name before them. */
static char *missing_library(const json_t *output)
{
	json_t *v;
	size_t i;

	json_array_foreach(output, i, v) {
		if (!strstr(json_string_value(v), ": error while loading shared libraries: "))
			continue;
		_cleanup_free_ char *library = between(json_string_value(v), "libraries: ", ":");
		return xasprintf("the library %s is missing", library);
	}
	return NULL;
}

char *sched_cause(const json_t *output, const json_t *kernel_log)
{
	const char *said = kernel_said(kernel_log);
	char *cause = said ? xasprintf("the kernel says: %s", said) : NULL;
	size_t n = json_array_size(output);

	cause = cause ? cause : known(output);
	cause = cause ? cause : verifier(output);
	cause = cause ? cause : missing_library(output);
	return cause || !n ? cause : xstrdup(json_string_value(json_array_get(output, n - 1)));
}
