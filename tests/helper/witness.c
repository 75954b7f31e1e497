// SPDX-License-Identifier: GPL-2.0-only
/*
 * witness - in the guest, in the place of ktstr-work: runs the real one and looks, every 10 ms of guest time from the go of
 * the first worker on, at what it did: for each cgroup what its files say and who is in it, for each of these what /proc
 * says. So a test can tell what a spec came to without believing the program that it tests. Each look is a record of kind "log"
 * and source "witness", with the time it took.
 */
#include "guest/hw.h"
#include "libexec/lib/json.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROOT "/sys/fs/cgroup"
enum { LOOK_NS = 10 * NSEC_PER_MSEC, DEPTH = 3 };

static const char *const files[] = {
	"cpuset.cpus.effective", "cpuset.mems.effective", "cgroup.freeze", "cpu.max", "cpu.weight", "memory.max", "memory.high",
	"memory.low", "memory.swap.max", "io.weight", "pids.max",
};

static FILE *out;

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* All of a small file, its last line break cut off; false when it is not there. */
static bool slurp(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return false;
	buf[n] = '\0';
	if (n && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return true;
}

/* What comes after "key:" and blanks on a line of /proc/PID/status, up to the next blank. */
static json_t *status_of(const char *status, const char *key)
{
	_cleanup_free_ char *lead = xasprintf("\n%s:\t", key);
	const char *p = strstr(status, lead);

	return p ? json_stringn(p + strlen(lead), strcspn(p + strlen(lead), "\t\n")) : json_null();
}

/* Field number n of /proc/PID/stat, counted from 1; from 3 on, behind the name in brackets. */
static int stat_of(const char *stat, int n)
{
	const char *p = strrchr(stat, ')') + 2;

	for (int i = 3; i < n; i++)
		p = strchr(p, ' ') + 1;
	return (int)strtol(p, NULL, 10);
}

static json_t *look_at_process(int pid)
{
	_cleanup_free_ char *status_path = xasprintf("/proc/%d/status", pid), *stat_path = xasprintf("/proc/%d/stat", pid);
	_cleanup_free_ char *numa_path = xasprintf("/proc/%d/numa_maps", pid), *comm_path = xasprintf("/proc/%d/comm", pid);
	char status[4096], stat[1024], numa[256] = "", comm[64];

	if (!slurp(status_path, status, sizeof(status)) || !slurp(stat_path, stat, sizeof(stat)) ||
	    !slurp(comm_path, comm, sizeof(comm)))
		return NULL;
	slurp(numa_path, numa, sizeof(numa)); /* an address, and then the policy */
	const char *policy = numa + strcspn(numa, " ");
	policy += *policy == ' ';
	return KT_PACK("{ss,so,so,so,si,si,si,so,si}", "comm", comm, "uid", status_of(status, "Uid"), "gid",
		       status_of(status, "Gid"), "cpus", status_of(status, "Cpus_allowed_list"), "nice", stat_of(stat, 19),
		       "rt_priority", stat_of(stat, 40), "policy", stat_of(stat, 41), "numa",
		       json_stringn(policy, strcspn(policy, " ")), "parent", stat_of(stat, 4));
}

static json_t *look_at_processes(const char *dir, int parent)
{
	_cleanup_free_ char *path = xasprintf("%s/cgroup.procs", dir);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	json_t *list = json_array();

	for (int pid; f && fscanf(f, "%d", &pid) == 1;) {
		json_t *j = look_at_process(pid);

		if (!parent || json_integer_value(json_object_get(j, "parent")) == parent) {
			json_object_del(j, "parent"); /* a pid */
			json_array_append(list, j);
		}
		json_decref(j);
	}
	return list;
}

static void look_at_cgroups(json_t *all, const char *dir, int depth)
{
	_cleanup_(kt_freep) struct dirent **entries = NULL;
	int n = scandir(dir, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, entries[i]->d_name);
		struct stat st;
		json_t *cg;

		if (entries[i]->d_name[0] != '.' && depth && !stat(path, &st) && S_ISDIR(st.st_mode)) {
			cg = KT_PACK("{so}", "procs", look_at_processes(path, 0));
			for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
				_cleanup_free_ char *file = xasprintf("%s/%s", path, files[k]);
				char text[256];

				if (slurp(file, text, sizeof(text)))
					json_object_set_new(cg, files[k], json_string(text));
			}
			json_object_set_new(all, path + strlen(ROOT "/"), cg);
			look_at_cgroups(all, path, depth - 1);
		}
		free(entries[i]);
	}
}

static void look_at_tsc(uint64_t zero, int work)
{
	json_int_t from = (json_int_t)(clock_now() - zero);
	char online[256] = "", rt[64] = "", irq[256] = "";
	json_t *all = json_object();
	struct kt_err err;

	slurp("/sys/devices/system/cpu/online", online, sizeof(online));
	slurp("/proc/sys/kernel/sched_rt_runtime_us", rt, sizeof(rt));
	slurp("/proc/irq/9/smp_affinity_list", irq, sizeof(irq));
	look_at_cgroups(all, ROOT, DEPTH);
	json_t *runner = look_at_processes(ROOT, work);
	_cleanup_json_ json_t *j = KT_PACK("{ss,ss,sI,sI,ss,ss,ss,so,so}", "kind", "log", "source", "witness", "from_ns", from, "to_ns",
		(json_int_t)(clock_now() - zero), "online", online, "rt_runtime", rt, "irq9", irq, "cgroups", all, "runner", runner);
	if (kt_json_line(out, j, &err) || fflush(out))
		die(KT_TROUBLE, "cannot write");
}

int main(int argc, char **argv)
{
	static char line[1 << 20];
	int fd[2], status;
	uint64_t zero = 0;
	struct kt_err err;
	size_t n = 0;

	(void)argc;
	kt_init("witness");
	if (hw_init(&err))
		die(KT_TROUBLE, "%s", err.msg);
	out = hw_stream();
	json_object_seed(1);
	if (pipe2(fd, O_CLOEXEC) < 0)
		die(KT_TROUBLE, "pipe2: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		execv("/bin/real-work", argv);
		die(KT_EXEC_FAILED, "cannot run the real ktstr-work: %s", strerror(errno));
	}
	close(fd[1]);
	/* A look must be over before the next thing happens. */
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 50 }))
		die(KT_TROUBLE, "sched_setscheduler: %s", strerror(errno));
	struct pollfd p = { .fd = fd[0], .events = POLLIN };
	for (bool end = false; !end;) {
		struct timespec left = { .tv_nsec = LOOK_NS };

		if (ppoll(&p, 1, zero ? &left : NULL, NULL) == 0) {
			look_at_tsc(zero, pid);
			continue;
		}
		ssize_t got = read(fd[0], line + n, sizeof(line) - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		zero = zero ? zero : clock_now(); /* the first record is BASELINE; the others come at the end */
		for (char *nl; (nl = memchr(line, '\n', n)); n -= (size_t)(nl + 1 - line), memmove(line, nl + 1, n)) {
			end = !strncmp(line, "{\"kind\":\"end\"", 13);
			if (end)
				look_at_tsc(zero, pid); /* what is left when it is over */
			fwrite(line, 1, (size_t)(nl + 1 - line), out);
			if (end)
				break;
		}
		fflush(out);
	}
	if (waitpid(pid, &status, 0) != pid)
		die(KT_TROUBLE, "waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : KT_TROUBLE;
}
