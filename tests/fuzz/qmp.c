// SPDX-License-Identifier: GPL-2.0-only
/*
 * What QEMU says by QMP. The first byte of the input says what it is asked first, and in what pieces the rest comes; then everything
 * else is asked. It ends, and the answers are the same whatever the pieces.
 */
#include "tests/fuzz/fuzz.h"
#include "libexec/vm/vm.h"

#include <sys/socket.h>

/* QEMU's end, and what it has still to say. */
static struct { int fd; const uint8_t *data; size_t left, piece; } qemu;

/* Wait for QEMU: it says its next piece, or goes. */
enum vm_event __wrap_vm_wait(struct vm *vm, bool want_out, int64_t deadline_ns);
enum vm_event __wrap_vm_wait(struct vm *vm, bool want_out, int64_t deadline_ns)
{
	size_t n = MIN(qemu.left, qemu.piece);

	if (want_out || deadline_ns != 1)
		BUG("waits for something else");
	if (vm->qmp < 0)
		return VM_EV_EXIT;
	if (n ? send(qemu.fd, qemu.data, n, MSG_NOSIGNAL) != (ssize_t)n : shutdown(qemu.fd, SHUT_WR))
		BUG("socket: %s", strerror(errno));
	qemu.data += n;
	qemu.left -= n;
	return VM_EV_QMP;
}

static int ask(struct vm *vm, unsigned what, struct kt_err *err)
{
	switch (what % 7) {
	case 0: return vm_qmp_greeting(vm, "7.2.22", 1, err);
	case 1: return vm_qmp_hello(vm, "", 1, err);
	case 2: return vm_qmp(vm, "stop", KT_PACK("{ss}", "a", "b"), 1, err);
	case 3: return vm_qmp_cont(vm, 1, err);
	case 4: return vm_qmp_event(vm, "STOP", 1, err);
	case 5: return vm_save(vm, qemu.fd, 1, err);
	default: return vm_load(vm, 1, err);
	}
}

static json_t *talk(unsigned what, const uint8_t *data, size_t size, size_t piece)
{
	int fds[2];
	struct vm vm;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		BUG("socketpair: %s", strerror(errno));
	_cleanup_close_ int end = fds[1];
	qemu = (typeof(qemu)){ end, data, size, piece };
	vm_init(&vm);
	vm.qmp = fds[0];
	json_t *said = json_array();
	for (unsigned i = 0; i < 7; i++) {
		struct kt_err err = { .msg = "" };
		int rc = ask(&vm, what + i, &err);

		if ((rc != 0 && rc != -1) || !rc != !*err.msg)
			BUG("%d, and '%s'", rc, err.msg);
		json_t *msg = json_string(err.msg);
		json_array_append_new(said, msg ? msg : json_null());
	}
	json_array_append_new(said, json_string(vm.qemu_version));
	vm_deinit(&vm);
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	_cleanup_json_ json_t *whole = talk(data[0], data + 1, size - 1, 1 << 15);
	_cleanup_json_ json_t *pieces = talk(data[0], data + 1, size - 1, 4 * data[0] + 1U);

	if (!json_equal(whole, pieces))
		BUG("other answers in pieces");
	return 0;
}
