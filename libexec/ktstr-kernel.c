// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-kernel VERB: the kernels that tests boot; see ktstr-kernel(1).
 *
 * The cache itself is libexec/kernel/kernel.h. fetch is a program of its own, in sh: it is all about apt.
 */
#include "libexec/kernel/kernel.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/json.h"
#include "libexec/look/kallsyms.h"

#include <getopt.h>
#include <limits.h>

static const char HELP[] =
	"usage: ktstr-kernel fetch [--suite S] [--version V] [--if-missing]   get a Debian cloud kernel\n"
	"       ktstr-kernel add [--config FILE] [--origin TEXT] FILE|DIR   add a bzImage, a vmlinux or a kernel build tree\n"
	"       ktstr-kernel list [--json]                  show what is cached, newest first\n"
	"       ktstr-kernel path [NAME]                    print the vmlinux that would be booted\n"
	"       ktstr-kernel symbols [NAME] > FILE          write its symbols as an ELF file, for gdb and crash\n"
	"       ktstr-kernel clean [--keep N]               remove all but the newest N (0)\n";

/* The options of one verb, and what was left after them. */
struct args {
	const char *config, *origin, *operand;
	bool json;
	int64_t keep;
};

static void parse_arguments(int argc, char **argv, const struct option *options, int min, int max, struct args *ret)
{
	struct kt_err err;
	int c;

	optind = 0; /* start over, at the verb */
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (c) {
		case 'h': fputs(HELP, stdout); exit(KT_OK);
		case 'c': ret->config = optarg; break;
		case 'o': ret->origin = optarg; break;
		case 'j': ret->json = true; break;
		case 'k':
			if (kt_parse_i64(optarg, "--keep", 0, INT_MAX, &ret->keep, &err))
				die_usage("%s", err.msg);
			break;
		default: die_usage("bad option for '%s'", argv[0]);
		}
	}
	if (argc - optind < min || argc - optind > max)
		die_usage("'%s' takes %s", argv[0], !max ? "no argument" : min ? "one argument" : "at most one argument");
	ret->operand = argv[optind];
}

static int run_fetch(int argc, char **argv)
{
	char *self = realpath("/proc/self/exe", NULL);

	(void)argc;
	if (!self)
		die(KT_TROUBLE, "cannot read '/proc/self/exe': %s", strerror(errno));
	argv[0] = xasprintf("%s-fetch", self);
	execv(argv[0], argv);
	die(errno == ENOENT ? KT_NOT_FOUND : KT_EXEC_FAILED, "cannot run '%s': %s", argv[0], strerror(errno));
}

static int run_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "origin", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	struct kernel k;
	struct kt_err err;

	parse_arguments(argc, argv, options, 1, 1, &args);
	if (kernel_add(args.operand, args.origin, args.config, &k, &err))
		die(err.code, "%s", err.msg);
	puts(k.name);
	return KT_OK;
}

static const char *tri_word(enum tri t)
{
	return t == TRI_UNKNOWN ? "unknown" : t == TRI_YES ? "yes" : "no";
}

static void print_kernel(const struct kernel *k, bool json)
{
	struct kt_err err;

	if (!json) {
		printf("%-36s %-9s %-20s %s\n", k->name, tri_word(k->sched_ext), k->added, k->origin);
		return;
	}
	_cleanup_json_ json_t *j = KT_PACK("{ss ss}", "name", k->name, "vmlinux", k->vmlinux);
	_cleanup_json_ json_t *facts = kernel_facts(k);
	json_object_update(j, facts);
	if (kt_json_line(stdout, j, &err))
		die(KT_TROUBLE, "%s", err.msg);
}

static int run_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	struct kt_err err;
	int code = KT_OK;

	parse_arguments(argc, argv, options, 0, 0, &args);
	char **names = kernel_names(&err);
	if (!names)
		die(KT_TROUBLE, "%s", err.msg);
	if (!args.json && *names)
		printf("%-36s %-9s %-20s %s\n", "NAME", "SCHED_EXT", "ADDED", "ORIGIN");
	for (char **n = names; *n; n++) {
		_cleanup_(kernel_deinit) struct kernel k = { 0 };
		if (kernel_load_checked(*n, &k, &err)) {
			kt_warn("%s", err.msg);
			code = KT_TROUBLE;
		} else {
			print_kernel(&k, args.json);
		}
	}
	return code;
}

static int run_path(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct args args = { 0 };
	struct kernel k;
	struct kt_err err;

	parse_arguments(argc, argv, options, 0, 1, &args);
	if (kernel_resolve(args.operand, &k, &err))
		die(err.code, "%s", err.msg);
	kt_warn("kernel %s", k.why);
	puts(k.vmlinux);
	return KT_OK;
}

static int run_symbols(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct args args = { 0 };
	struct kallsyms symbols;
	struct kernel k;
	struct kt_err err;

	parse_arguments(argc, argv, options, 0, 1, &args);
	if (isatty(STDOUT_FILENO))
		die_usage("'symbols' writes an ELF file: redirect it");
	if (kernel_resolve(args.operand, &k, &err))
		die(err.code, "%s", err.msg);
	kt_warn("kernel %s", k.why);
	if (kallsyms_read(k.vmlinux, &symbols, &err) || kallsyms_write_elf(&symbols, k.vmlinux, stdout, &err))
		die(KT_CANNOT_TELL, "%s", err.msg);
	return KT_OK;
}

static int run_clean(int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep", required_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	struct kt_err err;

	parse_arguments(argc, argv, options, 0, 0, &args);
	if (kernel_clean(args.keep, &err))
		die(KT_TROUBLE, "%s", err.msg);
	/* Of all kernels: see types.h. */
	_cleanup_free_ char *types = cache_path("types", NULL);
	if (types)
		cache_discard(types);
	return KT_OK;
}

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "fetch", run_fetch }, { "add", run_add }, { "list", run_list }, { "path", run_path },
	{ "symbols", run_symbols }, { "clean", run_clean },
};

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	kt_init("ktstr-kernel");
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (c != 'h')
			die_usage("options come after the verb");
		fputs(HELP, stdout);
		return KT_OK;
	}
	if (optind == argc)
		die_usage("a verb is needed: fetch, add, list, path, symbols or clean");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(argv[optind], verbs[i].name))
			return verbs[i].run(argc - optind, argv + optind);
	die_usage("'%s' is not a verb: fetch, add, list, path, symbols or clean", argv[optind]);
}
