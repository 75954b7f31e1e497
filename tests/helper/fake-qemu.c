// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: fake-qemu QEMU-ARGUMENT...
 * In the place of QEMU where a guest adds nothing to a test but time: speaks as much QMP as ktstr-boot does, makes a
 * small state to be saved, refuses one that is not of its own kernel, image and arguments, and says what a guest would.
 *
 * environment, which tells it what to do:
 *   FAKE_STARTS   file: gets a line for every start: save, set-up, warm or cold, with -kvm if so, and the process id
 *   FAKE_GATE     FIFO: the guest is not ready to be saved before somebody has opened it for writing
 *   FAKE_MIB      how much of the memory the boot fills (1)
 *   FAKE_SAYS     file: the guest's records
 *   FAKE_CONSOLE  text: what it writes on the console
 *   FAKE_VERSION  of the QEMU that this is (7.2.22)
 *   FAKE_KVM      how it is under KVM: boots, dies (what QEMU says first where there is none), hangs
 *
 * It exports nothing of QEMU's, so ktstr-turns.so, preloaded, leaves it alone, and it says itself in the page of shim.h that there are turns.
 */
#include "libexec/lib/json.h"
#include "libexec/vm/vm.h"
#include <endian.h>
#include <fcntl.h>
#include <regex.h>
#include <sha2.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { FAILED = 1, MIB = 1 << 20, STATE_MAX = 4096 };

static char **args;
static bool kvm;
static enum vm_start start;
static const char *kvm_is;
static int passed = -1; /* the descriptor that came last */

static const char *env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value ? value : otherwise;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		die(FAILED, "cannot open '%s': %s", path, strerror(errno));
	return fd;
}

static void put_bytes(int fd, const void *buf, size_t len, const char *what)
{
	if (kt_write_all(fd, buf, len))
		die(FAILED, "cannot write %s: %s", what, strerror(errno));
}

static bool given(const char *arg)
{
	for (char **a = args; *a; a++)
		if (streq(*a, arg))
			return true;
	return false;
}

/* The next value of an option, from *at on, which moves behind it; NULL after the last. */
static const char *next_of(const char *option, char ***at)
{
	for (char **a = *at; a[0] && a[1]; a++)
		if (streq(a[0], option)) {
			*at = a + 2;
			return a[1];
		}
	return NULL;
}

/* What the state depends on: what files hold in place of their names, and nothing that tells one start from another. */

static void add_argument(SHA2_CTX *sha, const regex_t *varies, const char *arg)
{
	for (regmatch_t m; !regexec(varies, arg, 1, &m, 0); arg += m.rm_eo)
		SHA256Update(sha, (const uint8_t *)arg, (size_t)m.rm_so);
	SHA256Update(sha, (const uint8_t *)arg, strlen(arg) + 1);
}

static void identify(char ret[SHA256_DIGEST_STRING_LENGTH])
{
	SHA2_CTX sha;
	regex_t varies;

	if (regcomp(&varies, "share=(on|off)|panic=(pause|none)|shift=[0-9]+|seed,string=[0-9]+", REG_EXTENDED))
		BUG("regcomp failed");
	SHA256Init(&sha);
	for (char **a = args; *a; a++)
		if ((streq(*a, "-kernel") || streq(*a, "-initrd")) && a[1]) {
			if (!SHA256File(*++a, ret))
				die(FAILED, "cannot read '%s': %s", *a, strerror(errno));
			add_argument(&sha, &varies, ret);
		} else if (!streq(*a, "-S") && !streq(*a, "-incoming") && !streq(*a, "defer")) {
			add_argument(&sha, &varies, *a);
		}
	SHA256End(&sha, ret);
	regfree(&varies);
}

/* The time is the same at every scale: so many instructions, each of 2^shift ns, and what is to be added. */
static size_t make_state(char ret[STATE_MAX])
{
	const uint64_t insns = 1 << 20, ns = 1ULL << 40;
	char hash[SHA256_DIGEST_STRING_LENGTH], **at = args;
	const char *icount = next_of("-icount", &at);
	size_t n = 0;
	unsigned shift;

#define ADD(p, size) (memcpy(ret + n, p, size), n += (size))
	identify(hash);
	ADD(hash, strlen(hash));
	if (!icount)
		return n;
	if (sscanf(icount, "shift=%u", &shift) != 1)
		die(FAILED, "-icount %s: no shift", icount);
	ADD("\x0ctimer/icount\0\0\0\1", 17);
	ADD(&(uint64_t){ htobe64(ns - (insns << shift)) }, sizeof(uint64_t));
	ADD(&(uint64_t){ htobe64(insns) }, sizeof(uint64_t));
	ADD("\x7e", 1);
#undef ADD
	return n;
}

/* Open the next node's memory as QEMU does: for writing, even where it never writes. -1 after the last. */
static int open_ram(char ***at, unsigned *mib)
{
	for (const char *object; (object = next_of("-object", at));) {
		_cleanup_free_ char *path = NULL;

		if (sscanf(object, "memory-backend-file,id=ram%*u,size=%uM,mem-path=%m[^,]", mib, &path) == 2)
			return open_file(path, O_RDWR);
	}
	return -1;
}

static void load_state(void)
{
	char state[STATE_MAX], saved[STATE_MAX], **at = args, first;
	ssize_t n = read(VM_FD_STATE, saved, sizeof(saved));
	unsigned mib;

	if (n < 0 || (size_t)n != make_state(state) || memcmp(state, saved, (size_t)n))
		die(FAILED, "this state is of something else");
	for (int fd; (fd = open_ram(&at, &mib)) >= 0; close(fd))
		if (read(fd, &first, 1) != 1 || first != 1)
			die(FAILED, "this memory is not what was saved");
}

/* QMP: a JSON value each way. */

static void tell_client(json_t *message)
{
	_cleanup_json_ json_t *owned = message;
	_cleanup_free_ char *text = json_dumps(message, JSON_COMPACT);
	_cleanup_free_ char *line = xasprintf("%s\r\n", text);

	put_bytes(VM_FD_QMP, line, strlen(line), "QMP");
}

/* data is taken. */
static void tell_event(const char *name, json_t *data)
{
	tell_client(KT_PACK("{ss,so,s{si,si}}", "event", name, "data", data, "timestamp", "seconds", 0, "microseconds", 0));
}

static void greet(const char *version)
{
	int major, minor, micro;

	if (sscanf(version, "%d.%d.%d", &major, &minor, &micro) != 3)
		die(FAILED, "FAKE_VERSION '%s' is no version", version);
	tell_client(KT_PACK("{s{s{s{si,si,si},ss},s[s]}}", "QMP", "version", "qemu", "major", major, "minor", minor,
		     "micro", micro, "package", "", "capabilities", "oob"));
}

/* One byte at a time: nothing is taken of the next message, nor a descriptor that comes with it. */
static size_t receive_byte(void *buf, size_t size, void *data)
{
	union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int))]; } c;
	struct iovec byte = { buf, 1 };
	struct msghdr msg = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };

	(void)size, (void)data;
	if (recvmsg(VM_FD_QMP, &msg, MSG_CMSG_CLOEXEC) != 1)
		return 0;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(passed));
	return 1;
}

/* What the guest does. */

static void fill_memory(void)
{
	static char block[MIB];
	char **at = args;
	struct kt_err err;
	int64_t limit;
	unsigned mib;

	if (kt_parse_i64(env("FAKE_MIB", "1"), "FAKE_MIB", 0, INT32_MAX, &limit, &err))
		die(FAILED, "%s", err.msg);
	for (int fd; (fd = open_ram(&at, &mib)) >= 0; close(fd))
		for (int i = 0; i < MIN(mib, limit); i++) {
			memset(block, i % 255 + 1, sizeof(block));
			put_bytes(fd, block, sizeof(block), "the memory");
		}
}

static void say_records(void)
{
	static char block[MIB];
	_cleanup_close_ int fd = open_file(env("FAKE_SAYS", ""), O_RDONLY);
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		put_bytes(VM_FD_OUT, block, (size_t)n, "the records");
	if (n)
		die(FAILED, "cannot read the records: %s", strerror(errno));
}

static void boot(void)
{
	const char *console = env("FAKE_CONSOLE", "fake console\n"), *gate = env("FAKE_GATE", "");

	put_bytes(VM_FD_CONSOLE, console, strlen(console), "the console");
	while (kvm && streq(kvm_is, "hangs"))
		pause();
	if (start != VM_BOOT) {
		say_records();
		return;
	}
	fill_memory();
	if (*gate)
		close(open_file(gate, O_RDONLY));
	tell_event("GUEST_PANICKED", KT_PACK("{ss}", "action", given("-icount") ? "run" : "pause"));
	if (!given("-icount"))
		tell_event("STOP", json_object());
}

static void obey_command(const char *command)
{
	char state[STATE_MAX];

	if (streq(command, "migrate"))
		put_bytes(passed, state, make_state(state), "the state");
	if (streq(command, "migrate-incoming"))
		load_state();
	if (streq(command, "cont"))
		tell_event("RESUME", json_object());
	if (streq(command, "stop"))
		tell_event("STOP", json_object());
	tell_client(KT_PACK("{s{}}", "return"));
	if (streq(command, "migrate") || streq(command, "migrate-incoming"))
		tell_event("MIGRATION", KT_PACK("{ss}", "status", "completed"));
	if (streq(command, "cont"))
		boot();
}

static void note_start(const char *path)
{
	static const char *const names[] = { [VM_COLD] = "cold", [VM_BOOT] = "save", [VM_SET_UP] = "set-up", [VM_RUN] = "warm" };
	_cleanup_close_ int fd = open_file(path, O_WRONLY | O_APPEND | O_CREAT);
	_cleanup_free_ char *line = xasprintf("%s%s %d\n", names[start], kvm ? "-kvm" : "", (int)getpid());

	put_bytes(fd, line, strlen(line), path);
}

static void give_turns(void)
{
	/* Not MAP_SHARED, which ktstr-turns.so takes for the guest's memory. */
	struct shim_page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, VM_FD_SHIM, 0);

	if (page == MAP_FAILED)
		die(KT_TROUBLE, "cannot map the page that is shared with the host: %s", strerror(errno));
	page->state = SHIM_GIVES_TURNS;
}

int main(int argc, char **argv)
{
	const char *version = env("FAKE_VERSION", "7.2.22"), *starts = env("FAKE_STARTS", "");

	kt_init("fake-qemu");
	args = argv + 1;
	if (argc == 2 && (streq(args[0], "-version") || streq(args[0], "--version"))) {
		printf("QEMU emulator version %s\n", version);
		return KT_OK;
	}
	start = given("-incoming") ? (getenv("KTSTR_SAVES") ? VM_SET_UP : VM_RUN) : given("-S") ? VM_BOOT : VM_COLD;
	kvm = given("kvm");
	kvm_is = env("FAKE_KVM", "dies");
	if (*starts)
		note_start(starts);
	if (kvm && streq(kvm_is, "dies"))
		die(FAILED, "error: failed to set MSR 0x10a to 0x0");
	if (given("-icount"))
		give_turns();
	greet(version);
	if (start == VM_COLD)
		boot();
	for (json_t *m; (m = json_load_callback(receive_byte, NULL, JSON_DISABLE_EOF_CHECK, NULL)); json_decref(m))
		obey_command(json_string_value(json_object_get(m, "execute")) ?: "");
	return KT_OK;
}
