// SPDX-License-Identifier: GPL-2.0-only
/*
 * init - PID 1 of the guest. Mounts, reads back the topology, rings the host to say that it is ready (the checkpoint
 * is taken there), then unpacks the payload and has ktstr-work go on.
 *
 * Kernel command line: ktstr_settle_ms=N.
 */
#include "libexec/lib/cpio.h"
#include "guest/hw.h"
#include "guest/symbols.h"
#include "libexec/lib/json.h"
#include "libexec/topo/plan.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define RUN_DIR "/run/ktstr"

static char *record_line(const json_t *record)
{
	_cleanup_free_ char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (!text)
		BUG("json_dumps failed");
	return xasprintf("%s\n", text);
}

static _Noreturn void power_off(void)
{
	reboot(RB_POWER_OFF);
	/* Not reached where ACPI works; a dead PID 1 panics, and that ends QEMU too. */
	_exit(0);
}

static _Noreturn void give_up(const char *outcome, const char *reason)
{
	json_auto_t *end = KT_PACK("{ss,ss,ss}", "kind", "end", "outcome", outcome, "reason", reason);
	_cleanup_free_ char *line = record_line(end);

	hw_say(line, strlen(line));
	power_off();
}

static void mount_or_die(const char *type, const char *where)
{
	if (mkdir(where, 0755) < 0 && errno != EEXIST) {
		_cleanup_free_ char *why = xasprintf("cannot make '%s' in the guest: %s", where, strerror(errno));
		give_up("error", why);
	}
	if (mount(type, where, type, MS_NOSUID, NULL) < 0 && errno != EBUSY) {
		_cleanup_free_ char *why = xasprintf("the guest's kernel cannot mount %s: %s", type, strerror(errno));
		give_up("unsupported", why);
	}
}

static char *read_text(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;
	ssize_t n = f ? getdelim(&text, &cap, '\0', f) : -1;

	if (n <= 0) {
		free(text);
		return xstrdup("");
	}
	return text;
}

static char *read_first_line(const char *path)
{
	char *text = read_text(path);

	text[strcspn(text, "\n")] = '\0';
	return text;
}

static json_t *guest_record(const struct topo *seen)
{
	_cleanup_free_ char *clocksource = read_first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
	_cleanup_free_ char *controllers = read_first_line("/sys/fs/cgroup/cgroup.controllers");
	_cleanup_json_ json_t *topo = topo_to_json(seen);
	struct utsname uts;

	uname(&uts);
	return KT_PACK("{ss,ss,sO,sO,ss,sb,ss}", "kind", "guest", "release", uts.release,
		       "cpus", json_object_get(topo, "cpus"), "nodes", json_object_get(topo, "nodes"),
		       "clocksource", clocksource, "sched_ext", !access("/sys/kernel/sched_ext", F_OK),
		       "cgroup_controllers", controllers);
}

static int env_int(const char *name)
{
	const char *s = getenv(name);
	int64_t v;

	return s && !kt_parse_i64(s, name, 0, 1000000, &v, NULL) ? (int)v : 0;
}

struct work {
	pid_t pid;
	int args; /* its arguments go in here */
};

/*
 * ktstr-work is started before the checkpoint and waits for its arguments: a guest that has just been restored has an
 * empty translation cache, and there the way through exec and libc's start-up alone takes longer than all the rest.
 */
static struct work start_work(void)
{
	/* For the I/O work types, which overwrite it: this machine has no disk that is anybody's. */
	static const char *const disks[] = { "/dev/vda", "/dev/ram0" };
	int args[2];
	struct work w;

	if (pipe2(args, O_CLOEXEC) < 0 || (w.pid = fork()) < 0)
		give_up("error", "the guest cannot start ktstr-work");
	if (!w.pid) {
		for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
			if (!access(disks[i], F_OK))
				setenv("KTSTR_IO_DEVICE", disks[i], 0);
		if (dup2(args[0], STDIN_FILENO) < 0 || chdir(RUN_DIR) < 0)
			die(KT_TROUBLE, "cannot set up ktstr-work: %s", strerror(errno));
		execl("/bin/ktstr-work", "ktstr-work", "--args-from-stdin", (char *)NULL);
		die(KT_EXEC_FAILED, "cannot run ktstr-work: %s", strerror(errno));
	}
	close(args[0]);
	w.args = args[1];
	return w;
}

/* Reaps whatever PID 1 is handed. */
static _Noreturn void run_work(const struct work *w)
{
	_cleanup_free_ char *args = read_text(RUN_DIR "/args");
	ssize_t n = (ssize_t)strlen(args);
	int status;

	if (write(w->args, args, (size_t)n) != n)
		give_up("error", "the guest cannot hand ktstr-work its arguments");
	close(w->args);
	for (pid_t gone; (gone = wait(&status)) != w->pid;)
		if (gone < 0)
			give_up("error", "ktstr-work is gone without a trace");
	/* The host takes the first end record; this one is for a ktstr-work that could not write its own. */
	if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
		_cleanup_free_ char *why = xasprintf("ktstr-work %s %d in the guest", WIFSIGNALED(status) ?
			"was killed by signal" : "exited with", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		give_up("error", why);
	}
	power_off(); /* the end record was ktstr-work's to write; without one the host sees a machine that just stopped */
}

/* What the spec language can set. Every further controller would make every cgroup dearer. */
static void enable_controllers(void)
{
	static const char *const wanted[] = { "cpuset", "cpu", "io", "memory", "pids" };
	_cleanup_close_ int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

	/* One that is not there is ktstr-work's to miss, when a spec needs it. */
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char on[16];
		int n = snprintf(on, sizeof(on), "+%s", wanted[i]);
		if (write(fd, on, (size_t)n) != n)
			kt_warn("cannot enable the %s controller: %s", wanted[i], strerror(errno));
	}
}

/*
 * The kernel patches its own code when the first cgroup with a controller appears, and back when the last one goes, and it
 * makes room for a cgroup's counters in the background, some cgroups ahead. Done once here, none of that is in a run.
 */
static void rehearse_cgroups(void)
{
	enum { CGROUPS = 16 };
	char names[CGROUPS][32];

	for (int i = 0; i < CGROUPS; i++) {
		snprintf(names[i], sizeof(names[i]), "/sys/fs/cgroup/.init%d", i);
		mkdir(names[i], 0755);
	}
	for (int i = 1; i < CGROUPS; i++)
		rmdir(names[i]);
}

int main(void)
{
	struct kt_err err;
	struct topo seen;
	size_t size;

	kt_init("init");
	json_object_seed(1); /* or hash tables, and with them the time this takes, depend on chance */
	signal(SIGPIPE, SIG_IGN);
	if (hw_init(&err) < 0)
		die(KT_TROUBLE, "%s", err.msg);
	mount_or_die("devtmpfs", "/dev");
	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("tmpfs", "/run");
	mount_or_die("tmpfs", "/tmp");
	mount_or_die("tmpfs", "/dev/shm");
	mount_or_die("cgroup2", "/sys/fs/cgroup");
	enable_controllers();
	rehearse_cgroups();
	mkdir(RUN_DIR, 0755);
	struct work work = start_work();
	if (!access("/sys/kernel/sched_ext", F_OK))
		symbols_save(RUN_DIR "/symbols");

	/* Boot-time kernel work (workqueues, RCU, probes) comes to rest before the checkpoint. */
	int settle_ms = env_int("ktstr_settle_ms");
	nanosleep(&(struct timespec){ settle_ms / 1000, settle_ms % 1000 * NSEC_PER_MSEC }, NULL);
	if (topo_from_sysfs("", false, &seen, &err) < 0)
		give_up("error", err.msg);
	json_auto_t *record = guest_record(&seen);
	_cleanup_free_ char *line = record_line(record);
	if (hw_fw_cfg_prepare(&err))
		give_up("error", err.msg);
	hw_ready();
	hw_watchdog(30); /* from here on ktstr-work keeps it quiet */

	if (!hw_fw_cfg_open("opt/ktstr/payload", &size))
		give_up("error", "no payload in fw_cfg");
	umask(0); /* the archive says which modes */
	if (cpio_unpack(hw_fw_cfg_next, "/", &err) < 0)
		give_up("error", err.msg);
	hw_say(line, strlen(line));
	run_work(&work);
}
