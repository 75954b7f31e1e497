// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ktstr-work [--plan PLAN] [--seed N] [--cgroup-root DIR | --no-cgroups] [--verbose] SPEC
 *        ktstr-work --host [--seed N] [--work-type NAME] [--verbose] SPEC
 *        ktstr-work --check | --resolve [--plan PLAN] [--seed N] SPEC
 *        ktstr-work --list | --list-keys
 *
 * Reads a plan (stdin, unless --plan) and a spec, runs the spec's workers on this machine, and writes what
 * they did as JSON Lines. It is one static program, so that the same file runs on a bare host and as the
 * guest's payload.
 */
#include "libexec/lib/kt.h"
#include "libexec/spec/op.h"
#include "guest/request.h"
#include "libexec/spec/resolve.h"
#include "guest/hw.h"
#include "guest/scenario/host.h"
#include "guest/scenario/scenario.h"
#include "guest/work/work.h"
#include <getopt.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum mode { RUN, CHECK, RESOLVE };

struct options {
	enum mode mode;
	bool host;
	const char *plan, *spec, *work_type;
	bool has_seed;
	struct scenario_opts scenario;
};

static const char help[] =
	"usage: ktstr-work [--plan PLAN] [--seed N] [--cgroup-root DIR | --no-cgroups] [--verbose] SPEC\n"
	"       ktstr-work --host [--seed N] [--work-type NAME] [--verbose] SPEC\n"
	"       ktstr-work --check | --resolve [--plan PLAN] [--seed N] SPEC\n"
	"       ktstr-work --list | --list-keys\n"
	"\n"
	"Run the workers of a spec on this machine and write what they did as JSON Lines.\n"
	"\n"
	"  --plan PLAN        the plan, as ktstr-topo writes it (default: stdin)\n"
	"  --seed N           another, equally valid schedule; overrides the spec's seed\n"
	"  --cgroup-root DIR  make the cgroups here (default: /sys/fs/cgroup)\n"
	"  --no-cgroups       make none; a cpuset becomes a CPU affinity\n"
	"  --host             run on this machine as it is, as root: plan, cgroups and the report's first record are its own\n"
	"  --work-type NAME   what the workers of swappable cgroups do instead of what the spec says\n"
	"  --virtual-clock    in ktstr-boot's guest: time is counted in instructions\n"
	"  --model-compute    in ktstr-boot's guest: model what the workers compute (ktstr-boot(1), Clocks)\n"
	"  --guest            in ktstr-boot's guest: speak to its host (guest/hw.h)\n"
	"  --args-from-stdin  alone: read the arguments, one a line, from stdin\n"
	"  --check            check the spec against the plan, and run nothing\n"
	"  --resolve          print every set of CPUs that the spec comes to, and run nothing\n"
	"  --list             print every work type with its parameters\n"
	"  --list-keys        print every key of a spec, with tabs between the columns\n"
	"  -v, --verbose      say on stderr which worker is which process\n"
	"  -h, --help         print this\n";

static void print_keys(void)
{
	puts("key\ttype\tunit\tdefault\trange\tmeaning");
	rows_print(stdout, "$", spec_rows);
	spec_print_assert_keys(stdout, "$.assert");
	work_types_print_keys(stdout, "$.cgroups[].work");
	op_kinds_print_keys(stdout, "$.steps[].ops[]");
}

/*
 * Arguments from stdin: how the guest's init starts this program before it knows them. They follow those of the command
 * line.
 */
static void more_args(int *argc, char ***argv)
{
	char **all = xcalloc((size_t)*argc + 1, sizeof(*all)), *line = NULL;
	size_t cap = 0;

	memcpy(all, *argv, (size_t)*argc * sizeof(*all));
	while (getline(&line, &cap, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		all = xrealloc(all, (size_t)*argc + 2, sizeof(*all));
		all[(*argc)++] = xstrdup(line);
		all[*argc] = NULL;
	}
	free(line);
	*argv = all;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	enum { PLAN = 256, SEED, CGROUP_ROOT, NO_CGROUPS, HOST, WORK_TYPE, VIRTUAL_CLOCK, MODEL, GUEST, ARGS, CHECK_OPT, RESOLVE_OPT, LIST, LIST_KEYS };
	static const struct option longopts[] = {
		{ "plan", required_argument, NULL, PLAN }, { "seed", required_argument, NULL, SEED },
		{ "cgroup-root", required_argument, NULL, CGROUP_ROOT }, { "no-cgroups", no_argument, NULL, NO_CGROUPS },
		{ "host", no_argument, NULL, HOST }, { "work-type", required_argument, NULL, WORK_TYPE },
		{ "virtual-clock", no_argument, NULL, VIRTUAL_CLOCK },
		{ "model-compute", no_argument, NULL, MODEL },
		{ "guest", no_argument, NULL, GUEST },
		{ "args-from-stdin", no_argument, NULL, ARGS },
		{ "check", no_argument, NULL, CHECK_OPT }, { "resolve", no_argument, NULL, RESOLVE_OPT },
		{ "list", no_argument, NULL, LIST }, { "list-keys", no_argument, NULL, LIST_KEYS },
		{ "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 }
	};
	struct kt_err err;
	int c;

	*o = (struct options){ .plan = "-", .scenario.cgroup_root = "/sys/fs/cgroup" };
	while ((c = getopt_long(argc, argv, "vh", longopts, NULL)) != -1) {
		switch (c) {
		case PLAN: o->plan = optarg; break;
		case SEED:
			if (kt_parse_i64(optarg, "--seed", 0, 9007199254740991, &o->scenario.seed, &err))
				die_usage("%s", err.msg);
			o->has_seed = true;
			break;
		case CGROUP_ROOT: o->scenario.cgroup_root = optarg; break;
		case NO_CGROUPS: o->scenario.cgroup_root = NULL; break;
		case HOST: o->host = true; break;
		case WORK_TYPE: o->work_type = optarg; break;
		case VIRTUAL_CLOCK: o->scenario.virtual_clock = true; break;
		case MODEL: o->scenario.model = true; break;
		case GUEST: o->scenario.guest = true; break;
		case ARGS: break; /* main() */
		case CHECK_OPT: o->mode = CHECK; break;
		case RESOLVE_OPT: o->mode = RESOLVE; break;
		case LIST: work_types_print(stdout); exit(KT_OK);
		case LIST_KEYS: print_keys(); exit(KT_OK);
		case 'v': o->scenario.verbose = true; break;
		case 'h': fputs(help, stdout); exit(KT_OK);
		default: die_usage("bad option");
		}
	}
	if (argc - optind != 1)
		die_usage("one spec is needed, got %d", argc - optind);
	o->spec = argv[optind];
	if (o->host && (!streq(o->plan, "-") || !o->scenario.cgroup_root || !streq(o->scenario.cgroup_root, "/sys/fs/cgroup")))
		die_usage("--host has its plan and its cgroups from this machine");
	if (o->scenario.model && !o->scenario.guest)
		die_usage("--model-compute is for ktstr-boot's guest: here computing is executed");
	if (o->host)
		return;
	if (streq(o->spec, "-") && streq(o->plan, "-"))
		die_usage("the plan and the spec cannot both come from stdin");
}

static json_t *load_spec(const char *path)
{
	struct kt_err err;
	json_t *j = kt_json_load(path, &err);

	if (!j)
		die(err.code, "%s", err.msg);
	return j;
}

static void load_both(const struct options *o, struct topo *plan, struct spec *spec)
{
	_cleanup_json_ json_t *plan_json = o->host ? NULL : load_spec(o->plan);
	_cleanup_json_ json_t *spec_json = load_spec(o->spec);
	struct kt_errs errs = { 0 };
	struct kt_err err;
	bool bad_plan = !o->host && topo_from_json(plan_json, streq(o->plan, "-") ? "<stdin>" : o->plan, plan, &errs);

	if (o->host && topo_from_sysfs("", false, plan, &err))
		die(KT_TROUBLE, "%s", err.msg);
	bool bad_spec = spec_from_json(spec_json, streq(o->spec, "-") ? "<stdin>" : o->spec, bad_plan ? NULL : plan, spec,
				       &errs);

	if (bad_plan || bad_spec) {
		kt_errs_print(&errs);
		exit(KT_USAGE);
	}
}

/* What ktstr-boot says first, so that ktstr-eval can judge this report too. */
static void say_run(const struct spec *spec, const struct topo *plan, int64_t seed)
{
	struct utsname uts;
	struct kt_err err;

	uname(&uts);
	_cleanup_json_ json_t *run = KT_PACK("{ss,si,ss,sO,so,so,s{ss},s{ss},ss,ss,ss,si,sI}", "kind", "run", "ktstr", 1, "name",
		spec->name, "spec", spec->json, "batches", spec_batches_to_json(spec), "plan", topo_to_json(plan), "kernel",
		"release", uts.release, "qemu", "version", "", "accel", "none", "clock", "real", "compute", "execute", "ns_per_insn", 1,
		"seed", (json_int_t)seed);
	if (kt_json_line(stdout, run, &err))
		die(KT_TROUBLE, "%s", err.msg);
}

/* In a guest straight to the host, unless stdout is a pipe: somebody looks at them on the way. */
static FILE *records(const struct options *o)
{
	struct stat st;

	return o->scenario.guest && (fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode)) ? hw_stream() : stdout;
}

int main(int argc, char **argv)
{
	struct options o;
	struct topo plan;
	struct spec spec;
	struct kt_err err;

	kt_init("ktstr-work");
	json_object_seed(1); /* or hash tables, and with them the time this takes, depend on chance */
	if (argc == 2 && streq(argv[1], "--args-from-stdin"))
		more_args(&argc, &argv);
	parse_options(argc, argv, &o);
	load_both(&o, &plan, &spec);
	if (o.work_type && spec_override_work(&spec, o.work_type, &err))
		die(KT_USAGE, "--work-type: %s", err.msg);
	if (o.mode == CHECK)
		return KT_OK;
	if (!o.has_seed)
		o.scenario.seed = spec.seed;
	if (o.mode == RESOLVE && spec_resolve(&spec, &plan, o.scenario.seed, stdout, &err))
		die(KT_TROUBLE, "%s", err.msg);
	if (o.mode == RESOLVE)
		return KT_OK;
	if (!streq(o.spec, "-") && strchr(o.spec, '/')) { /* programs of the spec start where the spec is */
		*strrchr((char *)o.spec, '/') = '\0';
		if (chdir(*o.spec ? o.spec : "/"))
			die(KT_TROUBLE, "cannot change to '%s': %s", o.spec, strerror(errno));
	}
	if (o.host)
		say_run(&spec, &plan, o.scenario.seed);
	if (o.scenario.guest && hw_init(&err))
		die(KT_TROUBLE, "%s", err.msg);
	FILE *out = records(&o);
	enum outcome outcome = (o.host ? host_run : scenario_run)(&spec, &plan, &o.scenario, out, &err);
	/* What this machine says on its console after the end record would be in the report or not, as the host reads. */
	fflush(out);
	if (o.scenario.guest && o.scenario.virtual_clock)
		request_wait(true);
	if (outcome != OUTCOME_DONE && *err.msg)
		kt_warn("%s", err.msg);
	return outcome_exit(outcome);
}
