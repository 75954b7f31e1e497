// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-cache VERB: the saved states that tests start from; see ktstr-cache(1).
 *
 * The cache itself is libexec/state/checkpoint.h. Kernels have a verb of their own: ktstr-kernel.
 */
#include "libexec/lib/cache.h"
#include "libexec/state/checkpoint.h"
#include "libexec/lib/json.h"

#include <getopt.h>
#include <limits.h>

static const char HELP[] =
	"usage: ktstr-cache list [--json]               show what is saved, the last used first\n"
	"       ktstr-cache verify [--remove] [--json]  read all of it, and tell (or remove) what is damaged\n"
	"       ktstr-cache clean [--keep N]            remove all but the N used last (0)\n";

struct args {
	bool json, remove;
	int64_t keep;
};

static void parse_arguments(int argc, char **argv, const struct option *options, struct args *ret)
{
	struct kt_err err;
	int c;

	optind = 0; /* start over, at the verb */
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (c) {
		case 'h': fputs(HELP, stdout); exit(KT_OK);
		case 'j': ret->json = true; break;
		case 'r': ret->remove = true; break;
		case 'k':
			if (kt_parse_i64(optarg, "--keep", 0, INT_MAX, &ret->keep, &err))
				die_usage("%s", err.msg);
			break;
		default: die_usage("bad option for '%s'", argv[0]);
		}
	}
	if (optind < argc)
		die_usage("'%s' takes no argument", argv[0]);
}

static struct checkpoint_entry *load_entries(size_t *n)
{
	struct checkpoint_entry *list;
	struct kt_err err;

	if (checkpoint_list(&list, n, &err) < 0)
		die(KT_TROUBLE, "%s", err.msg);
	return list;
}

static void print_line(json_t *j)
{
	struct kt_err err;

	if (kt_json_line(stdout, j, &err) < 0)
		die(KT_TROUBLE, "%s", err.msg);
	json_decref(j);
}

/* Everything that is known, in one object. */
static json_t *describe_entry(const struct checkpoint_entry *e)
{
	char used[sizeof("2026-11-24T02:16:00Z")] = "";
	json_t *j = KT_PACK("{ss,ss}", "kind", "checkpoint", "key", e->key);

	strftime(used, sizeof(used), "%FT%TZ", gmtime(&e->used.tv_sec));
	if (e->meta)
		json_object_update_missing(j, e->meta);
	json_object_del(j, "files");
	json_object_del(j, "said");
	json_object_del(j, "sum");
	json_object_set_new(j, "used", json_string(used));
	json_object_set_new(j, "size_bytes", json_integer((json_int_t)e->size));
	if (e->error)
		json_object_set_new(j, "error", json_string(e->error));
	return j;
}

static void print_row(const struct checkpoint_entry *e)
{
	json_auto_t *j = describe_entry(e);
	const char *topology = "-", *release = "-", *clock = "-", *used = "-", *qemu = "-", *spec = "-";
	json_int_t memory = 0;

	json_unpack(j, "{s?s,s?I,s?{s?s},s?s,s?s,s?{s?s},s?s}", "topology", &topology, "memory_mib", &memory, "kernel",
		    "release", &release, "clock", &clock, "used", &used, "qemu", "version", &qemu, "spec", &spec);
	printf("%-64s %-12s %6lld %-26s %-8s %-8s %5llu %-20s %s%s%s\n", e->key, topology, (long long)memory, release, qemu, clock,
	       (unsigned long long)(e->size >> 20), used, spec, e->error ? " " : "", e->error ? e->error : "");
}

static int run_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	size_t n;

	parse_arguments(argc, argv, options, &args);
	struct checkpoint_entry *list = load_entries(&n);
	if (!args.json && n)
		printf("%-64s %-12s %6s %-26s %-8s %-8s %5s %-20s %s\n", "KEY", "TOPOLOGY", "MEMORY", "KERNEL", "QEMU", "CLOCK",
		       "MIB", "USED", "SPEC");
	for (size_t i = 0; i < n; i++)
		if (args.json)
			print_line(describe_entry(&list[i]));
		else
			print_row(&list[i]);
	return KT_OK;
}

static int run_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "remove", no_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	struct kt_err err;
	int code = KT_OK;
	size_t n;

	parse_arguments(argc, argv, options, &args);
	struct checkpoint_entry *list = load_entries(&n);
	for (size_t i = 0; i < n; i++) {
		int r = checkpoint_verify(list[i].key, &err);

		if (r > 0) /* a build that is under way or was killed, or one that was removed just now */
			continue;
		const char *state = r ? "damaged" : "ok";
		if (r) {
			kt_warn("checkpoint %s: %s", list[i].key, err.msg);
			code = code ? code : KT_NO;
		}
		struct kt_err why = err;
		if (r && args.remove) {
			int gone = checkpoint_remove(list[i].key, &err);
			if (gone == -1) {
				kt_warn("%s", err.msg);
				code = KT_TROUBLE;
			}
			state = gone ? state : "removed";
		}
		if (args.json)
			print_line(KT_PACK("{ss,ss,ss,ss*}", "kind", "verify", "key", list[i].key, "state", state, "error",
					   r ? why.msg : NULL));
		else
			printf("%s %s\n", list[i].key, state);
	}
	return code;
}

static int run_clean(int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep", required_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct args args = { 0 };
	struct kt_err err;
	int code = KT_OK;
	size_t n;

	parse_arguments(argc, argv, options, &args);
	struct checkpoint_entry *list = load_entries(&n);
	for (size_t i = 0; i < n; i++) {
		if (list[i].meta && args.keep) {
			args.keep--;
			continue;
		}
		switch (checkpoint_remove(list[i].key, &err)) {
		case CACHE_BUSY:
			kt_warn("checkpoint %s is being built: left alone", list[i].key);
			break;
		case -1:
			kt_warn("%s", err.msg);
			code = KT_TROUBLE;
		}
	}
	return code;
}

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "list", run_list }, { "verify", run_verify }, { "clean", run_clean },
};

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	kt_init("ktstr-cache");
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (c != 'h')
			die_usage("options come after the verb");
		fputs(HELP, stdout);
		return KT_OK;
	}
	if (optind == argc)
		die_usage("a verb is needed: list, verify or clean");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(argv[optind], verbs[i].name))
			return verbs[i].run(argc - optind, argv + optind);
	die_usage("'%s' is not a verb: list, verify or clean", argv[optind]);
}
