// SPDX-License-Identifier: GPL-2.0-only
/*
 * init - PID 1 of the guest. Mounts, reads back the topology, rings the host to say that it is ready (the checkpoint
 * is taken there), then unpacks the payload, runs ktstr-work and passes its records on to the host.
 *
 * Kernel command line: ktstr_metronome=RATE (hw.h; 0 or absent: off), ktstr_settle_ms=N.
 */
#include "cpio.h"
#include "hw.h"
#include "json.h"
#include "topology.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define RUN_DIR "/run/ktstr"

static void say_record(json_t *record)
{
	_cleanup_free_ char *line = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(15));

	json_decref(record);
	if (!line)
		BUG("json_dumps failed");
	hw_say(line, strlen(line));
	hw_say("\n", 1);
}

static _Noreturn void power_off(void)
{
	reboot(RB_POWER_OFF);
	/* Not reached where ACPI works; a dead PID 1 panics, and that ends QEMU too. */
	_exit(0);
}

static _Noreturn void give_up(const char *outcome, const char *reason)
{
	say_record(KT_PACK("{ss,ss,ss}", "kind", "end", "outcome", outcome, "reason", reason));
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

static char *slurp(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;
	ssize_t n = f ? getdelim(&text, &cap, '\0', f) : -1;

	if (n <= 0) {
		free(text);
		return xstrdup("");
	}
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static json_t *guest_record(const struct topo *seen)
{
	_cleanup_free_ char *clocksource = slurp("/sys/devices/system/clocksource/clocksource0/current_clocksource");
	_cleanup_free_ char *controllers = slurp("/sys/fs/cgroup/cgroup.controllers");
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

/* The arguments of ktstr-work, one a line. */
static char **read_args(void)
{
	_cleanup_fclose_ FILE *f = fopen(RUN_DIR "/args", "re");
	char **argv = xcalloc(2, sizeof(*argv)), *line = NULL;
	size_t n = 1, cap = 0;
	ssize_t len;

	argv[0] = "ktstr-work";
	while (f && (len = getline(&line, &cap, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		argv = xrealloc(argv, n + 2, sizeof(*argv));
		argv[n++] = xstrdup(line);
		argv[n] = NULL;
	}
	free(line);
	return argv;
}

static _Noreturn void child(int out)
{
	char **argv = read_args();

	if (dup2(out, STDOUT_FILENO) < 0 || chdir(RUN_DIR) < 0)
		die(KT_TROUBLE, "cannot set up ktstr-work: %s", strerror(errno));
	execv("/bin/ktstr-work", argv);
	die(KT_EXEC_FAILED, "cannot run ktstr-work: %s", strerror(errno));
}

/* Pass the records on; remember whether the last one was there. Reaps whatever PID 1 is handed. */
static void run_work(void)
{
	static char buf[65536];
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		give_up("error", "the guest cannot start ktstr-work");
	if (!pid)
		child(fd[1]);
	close(fd[1]);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		hw_say(buf, n > 0 ? n : 0);
	for (pid_t gone; (gone = wait(&status)) != pid;)
		if (gone < 0)
			give_up("error", "ktstr-work is gone without a trace");
	/* The host takes the first end record; this one is for a ktstr-work that could not write its own. */
	if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
		_cleanup_free_ char *why = xasprintf("ktstr-work %s %d in the guest", WIFSIGNALED(status) ?
			"was killed by signal" : "exited with", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		give_up("error", why);
	}
	give_up("error", "ktstr-work ended without an end record");
}

int main(void)
{
	struct kt_err err;
	struct topo seen;
	size_t size;

	kt_init("init");
	if (hw_init(&err) < 0)
		die(KT_TROUBLE, "%s", err.msg);
	mount_or_die("devtmpfs", "/dev");
	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("tmpfs", "/run");
	mount_or_die("tmpfs", "/tmp");
	mount_or_die("tmpfs", "/dev/shm");
	mount_or_die("cgroup2", "/sys/fs/cgroup");
	/* Boot-time kernel work (workqueues, RCU, probes) comes to rest before the checkpoint. */
	int settle_ms = env_int("ktstr_settle_ms");
	nanosleep(&(struct timespec){ settle_ms / 1000, settle_ms % 1000 * NSEC_PER_MSEC }, NULL);
	if (topo_from_sysfs("", &seen, &err) < 0)
		give_up("error", err.msg);
	json_t *record = guest_record(&seen);

	if (env_int("ktstr_metronome"))
		hw_metronome(env_int("ktstr_metronome"));
	hw_ready();

	_cleanup_free_ char *payload = hw_fw_cfg("opt/ktstr/payload", &size);
	if (!payload)
		give_up("error", "no payload in fw_cfg");
	mkdir(RUN_DIR, 0755);
	if (cpio_unpack(payload, size, RUN_DIR, &err) < 0)
		give_up("error", err.msg);
	say_record(record);
	run_work();
}
