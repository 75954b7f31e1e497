// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktstr-boot - usage: ktstr-boot [options] SPEC < plan > report
 *
 * Reads a plan and a spec, boots the guest in QEMU (or starts it from its checkpoint), runs the spec in it and writes
 * the report: JSON Lines, as things happen. Says nothing about whether the scheduler did well: ktstr-eval does.
 * The guest's records pass through here one by one because the guest is not trusted (guestlink.h).
 */
#include "libexec/boot/boot.h"
#include "libexec/boot/canary.h"
#include "libexec/boot/signals.h"
#include <getopt.h>

static const char usage[] =
	"usage: ktstr-boot [options] SPEC\n"
	"Run a spec in a guest; the plan comes on stdin, the report goes to stdout.\n"
	"\n"
	"  -p, --plan FILE        read the plan from FILE instead of stdin\n"
	"  -k, --kernel KERNEL    a path, a build tree, a cached release or a prefix of one\n"
	"      --base DIR         relative paths in the spec start in DIR instead of where the spec is\n"
	"      --scheduler FILE   run under this scheduler in place of the spec's: a file of JSON, a BPF object,\n"
	"                         a binary, or none\n"
	"      --profile NAME     with these of the scheduler's flags: names with + between, or default, for none\n"
	"      --required-flags LIST, --excluded-flags LIST\n"
	"                         flags besides those that the spec requires and excludes, with commas between\n"
	"      --list-profiles    print the profiles that the scheduler can be run with, and run nothing\n"
	"      --clock CLOCK      virtual (default where KVM is not usable) or real\n"
	"      --accel ACCEL      auto (default), kvm or tcg\n"
	"      --compute HOW      virtual clock: model what workers compute, or execute it; overrides the spec's\n"
	"      --ns-per-insn N    virtual clock: guest nanoseconds per instruction, a power of two (default 1)\n"
	"  -s, --seed N           another, equally valid schedule; overrides the spec's seed\n"
	"      --work-type NAME   what the workers of swappable cgroups do instead of what the spec says\n"
	"      --snapshot-at LIST     take snapshots of the guest's kernel at these times: 700ms,1500us,2s\n"
	"      --periodic N           take N snapshots (to 64), from a tenth to nine tenths of the run\n"
	"      --watch PLACE          take a snapshot whenever this variable of the kernel or scheduler is written: runqueues.nr_running@0\n"
	"      --no-monitor           take no samples of the runqueues\n"
	"  -t, --timeout SECONDS  wall-clock limit of the whole run\n"
	"      --cold             boot, do not use or make a checkpoint\n"
	"      --console          show the kernel's console on stderr\n"
	"      --keep DIR         write console.log, qemu.cmd and payload.cpio into DIR\n"
	"      --fingerprint FILE write hashes of the guest's memory and registers to FILE every 10 ms of guest time\n"
	"      --fingerprint-us N every N us instead\n"
	"      --trace FILE       write each switch and wake-up of the run to FILE: ktstr trace FILE\n"
	"      --prepare          make the checkpoint if it is not there, and run nothing\n"
	"  -n, --dry-run          print the QEMU command line and the payload's files, boot nothing\n"
	"  -h, --help             this text\n";

enum { OPT_BASE = 256, OPT_CLOCK, OPT_ACCEL, OPT_COMPUTE, OPT_NS_PER_INSN, OPT_COLD, OPT_CONSOLE, OPT_KEEP, OPT_PREPARE, OPT_FINGERPRINT, OPT_FINGERPRINT_US, OPT_WORK_TYPE, OPT_SCHEDULER,
	OPT_PROFILE, OPT_REQUIRED_FLAGS, OPT_EXCLUDED_FLAGS, OPT_LIST_PROFILES, OPT_SNAPSHOT_AT, OPT_PERIODIC, OPT_NO_MONITOR, OPT_TRACE, OPT_WATCH };

static const struct option longopts[] = {
	{ "plan", required_argument, NULL, 'p' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "scheduler", required_argument, NULL, OPT_SCHEDULER },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "required-flags", required_argument, NULL, OPT_REQUIRED_FLAGS },
	{ "excluded-flags", required_argument, NULL, OPT_EXCLUDED_FLAGS },
	{ "list-profiles", no_argument, NULL, OPT_LIST_PROFILES },
	{ "clock", required_argument, NULL, OPT_CLOCK },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "compute", required_argument, NULL, OPT_COMPUTE },
	{ "ns-per-insn", required_argument, NULL, OPT_NS_PER_INSN },
	{ "seed", required_argument, NULL, 's' },
	{ "work-type", required_argument, NULL, OPT_WORK_TYPE },
	{ "snapshot-at", required_argument, NULL, OPT_SNAPSHOT_AT },
	{ "periodic", required_argument, NULL, OPT_PERIODIC },
	{ "watch", required_argument, NULL, OPT_WATCH },
	{ "no-monitor", no_argument, NULL, OPT_NO_MONITOR },
	{ "timeout", required_argument, NULL, 't' },
	{ "cold", no_argument, NULL, OPT_COLD },
	{ "console", no_argument, NULL, OPT_CONSOLE },
	{ "keep", required_argument, NULL, OPT_KEEP },
	{ "fingerprint", required_argument, NULL, OPT_FINGERPRINT },
	{ "fingerprint-us", required_argument, NULL, OPT_FINGERPRINT_US },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "prepare", no_argument, NULL, OPT_PREPARE },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int choice(const char *what, const char *value, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (streq(names[i], value))
			return i;
	die_usage("%s: '%s' is not one of %s, %s%s%s", what, value, names[0], names[1], names[2] ? ", " : "",
		  names[2] ? names[2] : "");
}

static int64_t number(const char *what, const char *value, int64_t min, int64_t max)
{
	struct kt_err err;
	int64_t v;

	if (kt_parse_i64(value, what, min, max, &v, &err) < 0)
		die_usage("%s", err.msg);
	return v;
}

static void parse_options(int argc, char **argv, struct boot_options *o)
{
	int64_t v;

	for (int c; (c = getopt_long(argc, argv, "p:k:s:t:nh", longopts, NULL)) != -1;) {
		switch (c) {
		case 'p': o->plan = optarg; break;
		case 'k': o->kernel = optarg; break;
		case OPT_BASE: o->spec.base = optarg; break;
		case OPT_SCHEDULER: o->spec.scheduler = optarg; break;
		case OPT_PROFILE: o->profile.profile = optarg; break;
		case OPT_REQUIRED_FLAGS: o->profile.required = optarg; break;
		case OPT_EXCLUDED_FLAGS: o->profile.excluded = optarg; break;
		case OPT_LIST_PROFILES: o->list_profiles = true; break;
		case OPT_CLOCK: o->accel.clock = choice("--clock", optarg, (const char *[]){ "auto", "virtual", "real", NULL }); break;
		case OPT_ACCEL: o->accel.accel = choice("--accel", optarg, (const char *[]){ "auto", "kvm", "tcg", NULL }); break;
		case OPT_COMPUTE: o->compute = choice("--compute", optarg, spec_compute_names); break;
		case OPT_NS_PER_INSN:
			v = number("--ns-per-insn", optarg, 1, 1024);
			if (v & (v - 1))
				die_usage("--ns-per-insn: %s is not a power of two", optarg);
			o->accel.icount_shift = (unsigned)__builtin_ctzll((unsigned long long)v);
			break;
		case 's': o->seed = number("--seed", optarg, 0, 9007199254740991); break;
		case OPT_WORK_TYPE: o->work_type = optarg; break;
		case OPT_SNAPSHOT_AT: o->snapshots.at = optarg; break;
		case OPT_PERIODIC: o->snapshots.periodic = (int)number("--periodic", optarg, 1, SNAPSHOTS_PERIODIC_MAX); break;
		case OPT_WATCH:
			if (o->snapshots.nr_watches == SNAPSHOTS_WATCHES_MAX)
				die_usage("more than %d of --watch", SNAPSHOTS_WATCHES_MAX);
			o->snapshots.watch[o->snapshots.nr_watches++] = optarg;
			break;
		case OPT_NO_MONITOR: o->snapshots.no_monitor = true; break;
		case 't': o->timeout_ns = number("--timeout", optarg, 1, 7 * 24 * 3600) * NSEC_PER_SEC; break;
		case OPT_COLD: o->cold = true; break;
		case OPT_CONSOLE: o->console_live = true; break;
		case OPT_KEEP: o->keep = optarg; break;
		case OPT_FINGERPRINT: o->fingerprint = optarg; break;
		case OPT_FINGERPRINT_US: o->fingerprint_ns = number("--fingerprint-us", optarg, 1, 1000000000) * NSEC_PER_USEC; break;
		case OPT_TRACE: o->trace = optarg; break;
		case OPT_PREPARE: o->prepare = true; break;
		case 'n': o->dry_run = o->accel.no_canary = true; break;
		case 'h': fputs(usage, stdout); exit(KT_OK);
		default: die_usage("bad option");
		}
	}
	if (o->cold && o->prepare)
		die_usage("--prepare and --cold exclude each other: one makes a checkpoint, the other makes none");
	if (o->fingerprint && (o->cold || o->prepare))
		die_usage("--fingerprint needs a run that starts from a checkpoint, and %s makes none", o->cold ? "--cold" : "--prepare");
	if (o->trace && (o->cold || o->prepare))
		die_usage("--trace needs a run that starts from a checkpoint, and %s makes none", o->cold ? "--cold" : "--prepare");
	if (optind != argc - 1)
		die_usage(optind == argc ? "no spec given" : "more than one spec given");
	o->spec.path = argv[optind];
}

int main(int argc, char **argv)
{
	int64_t start_ns = kt_now_ns();
	struct boot_options o = { .seed = -1, .compute = -1, .fingerprint_ns = 10 * NSEC_PER_MSEC };
	struct boot_inputs in = { 0 };

	kt_init("ktstr-boot");
	parse_options(argc, argv, &o);
	if (o.list_profiles)
		return boot_list_profiles(&o);
	int signals = signals_open();
	boot_load(&o, signals, &in);
	if (o.dry_run)
		return boot_dry_run(o.cold, &in);
	if (in.vm_config.virtual_clock) {
		int64_t asked_ns = kt_now_ns();
		boot_check_repeats(&o, &in, signals);
		start_ns += kt_now_ns() - asked_ns; /* no part of the run's time limit */
	}
	return boot_run(&o, &in, signals, start_ns);
}
