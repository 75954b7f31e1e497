// SPDX-License-Identifier: GPL-2.0-only
/*
 * QMP, the part of vm.h that talks to QEMU: one JSON value a line each way. The commands and their answers are in
 * QEMU's docs/interop/qmp-spec.
 */
#include "libexec/vm/vm.h"
#include <fcntl.h>
#include <sys/socket.h>

/* A run needs some dozens of messages; a guest can have QEMU send events without end. */
enum { QMP_MAX_LINE = 1 << 20, QMP_MAX_MESSAGES = 1000 };

/* A whole message that is there already, or NULL; *bad when it is none. */
static json_t *buffered_message(struct vm *vm, bool *bad, struct kt_err *err)
{
	const char *line;
	size_t n;

	*bad = true;
	bool there = lines_take(&vm->qmp_lines, &line, &n) && !vm->qmp_lines.cut;
	if (vm->qmp_lines.too_long) {
		kt_fail(err, "QMP: a line of more than %d bytes", QMP_MAX_LINE);
		return NULL;
	}
	if (vm->qmp_lines.n > QMP_MAX_MESSAGES) {
		kt_fail(err, "QEMU sent more than %d messages: the guest causes events without end", QMP_MAX_MESSAGES);
		return NULL;
	}
	json_t *msg = there ? kt_json_loads(line, n, "QMP", err) : NULL;
	*bad = there && !msg;
	return msg;
}

static void fill_buffer(struct vm *vm)
{
	vm->qmp_lines.fd = vm->qmp;
	vm->qmp_lines.max = QMP_MAX_LINE;
	if (lines_read(&vm->qmp_lines, NULL) >= 0 && !vm->qmp_lines.eof)
		return;
	/* QEMU is going; its exit says why. */
	close(vm->qmp);
	vm->qmp = -1;
}

/* The next message, or NULL and err. */
static json_t *receive_message(struct vm *vm, int64_t deadline_ns, struct kt_err *err)
{
	char reason[700];

	for (;;) {
		bool bad;
		json_t *msg = buffered_message(vm, &bad, err);

		if (msg || bad)
			return msg;
		switch (vm_wait(vm, false, deadline_ns)) {
		case VM_EV_QMP:
			fill_buffer(vm);
			break;
		case VM_EV_EXIT:
			kt_fail(err, "%s", vm_exit_reason(vm, reason, sizeof(reason)));
			return NULL;
		case VM_EV_SIGNAL:
			kt_fail(err, "interrupted");
			return NULL;
		case VM_EV_TIMEOUT:
			kt_fail(err, "time is up");
			return NULL;
		case VM_EV_OUT:
		case VM_EV_STOP:
			BUG("out was not asked for");
		}
	}
}

/* A message that is no answer: an event, or the greeting. */
static void keep_event(struct vm *vm, json_t *msg)
{
	int major, minor, micro;

	if (!json_unpack(msg, "{s{s{s{si,si,si}}}}", "QMP", "version", "qemu", "major", &major, "minor", &minor, "micro", &micro))
		snprintf(vm->qemu_version, sizeof(vm->qemu_version), "%d.%d.%d", major, minor, micro);
	const char *name = json_string_value(json_object_get(msg, "event"));

	/* A MIGRATION event is told apart by its status. */
	const char *status = json_string_value(json_object_get(json_object_get(msg, "data"), "status"));
	_cleanup_free_ char *event = xasprintf("%s%s%s", name ? name : "", status ? ":" : "", status ? status : "");
	if (name && !vm_qmp_saw(vm, event))
		strv_add(&vm->qmp_events, "%s", event);
}

/* QEMU went before it could be told anything: its exit says why. */
static int why_gone(struct vm *vm, const char *command, int64_t deadline_ns, struct kt_err *err)
{
	json_t *msg;

	while ((msg = receive_message(vm, deadline_ns, err)))
		json_decref(msg);
	return kt_context(err, "QMP %s", command);
}

static int await_answer(struct vm *vm, const char *command, int64_t deadline_ns, struct kt_err *err)
{
	for (;;) {
		json_auto_t *msg = receive_message(vm, deadline_ns, err);
		const char *desc = json_string_value(json_object_get(json_object_get(msg, "error"), "desc"));

		if (!msg)
			return kt_context(err, "QMP %s", command);
		if (desc)
			return kt_fail(err, "QMP %s: %s", command, desc);
		if (json_object_get(msg, "return"))
			return 0;
		keep_event(vm, msg);
	}
}

/* Send text, and a descriptor with it if fd is not -1. */
static int send_text(struct vm *vm, const char *command, char *text, int fd, struct kt_err *err)
{
	union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec iov = { text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		control.h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (sendmsg(vm->qmp, &msg, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return kt_fail(err, "QMP %s: cannot send: %s", command, strerror(errno));
	return 0;
}

int vm_qmp(struct vm *vm, const char *command, json_t *args, int64_t deadline_ns, struct kt_err *err)
{
	return vm_qmp_fd(vm, command, args, -1, deadline_ns, err);
}

int vm_qmp_fd(struct vm *vm, const char *command, json_t *args, int fd, int64_t deadline_ns, struct kt_err *err)
{
	json_auto_t *request = KT_PACK("{ss}", "execute", command);

	if (args)
		json_object_set_new(request, "arguments", args);
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	if (!text)
		BUG("json_dumps failed");
	if (send_text(vm, command, text, fd, err) < 0)
		return errno == EPIPE ? why_gone(vm, command, deadline_ns, err) : -1;
	return await_answer(vm, command, deadline_ns, err);
}

int vm_qmp_cont(struct vm *vm, int64_t deadline_ns, struct kt_err *err)
{
	if (send_text(vm, "cont", (char []){ "{\"execute\":\"cont\"}" }, -1, err) < 0)
		return errno == EPIPE ? why_gone(vm, "cont", deadline_ns, err) : -1;
	return vm_qmp_event(vm, "RESUME", deadline_ns, err);
}

int vm_qmp_greeting(struct vm *vm, const char *want, int64_t deadline_ns, struct kt_err *err)
{
	while (!*vm->qemu_version) {
		json_auto_t *msg = receive_message(vm, deadline_ns, err);
		if (!msg)
			return -1;
		keep_event(vm, msg);
	}
	if (*want && !streq(vm->qemu_version, want))
		return kt_fail(err, "the plan was made for QEMU %s, but this is QEMU %s: make it again with ktstr-topo", want,
			       vm->qemu_version);
	return 0;
}

int vm_qmp_hello(struct vm *vm, const char *want, int64_t deadline_ns, struct kt_err *err)
{
	if (vm_qmp(vm, "qmp_capabilities", KT_PACK("{s[s]}", "enable", "oob"), deadline_ns, err) < 0 ||
	    vm_qmp_greeting(vm, want, deadline_ns, err) < 0)
		return -1;
	/* The main loop runs, since it has answered; the greeting may come before there is a vCPU. */
	if (!vm_clock_holds(vm, SHIM_HAS_THREAD, err))
		return -1;
	return vm_qmp(vm, "migrate-set-capabilities", KT_PACK("{s[{ss,sb},{ss,sb}]}", "capabilities",
		      "capability", "x-ignore-shared", "state", true, "capability", "events", "state", true), deadline_ns, err);
}

int vm_qmp_event(struct vm *vm, const char *event, int64_t deadline_ns, struct kt_err *err)
{
	for (;;) {
		for (size_t i = 0; i < vm->qmp_events.n; i++) {
			if (streq(vm->qmp_events.v[i], event)) {
				strv_deinit(&vm->qmp_events);
				return 0;
			}
			if (streq(vm->qmp_events.v[i], "MIGRATION:failed"))
				return kt_fail(err, "the migration failed");
		}
		json_auto_t *msg = receive_message(vm, deadline_ns, err);
		const char *desc = json_string_value(json_object_get(json_object_get(msg, "error"), "desc"));
		if (!msg || desc)
			return msg ? kt_fail(err, "QMP: %s", desc) : kt_context(err, "waiting for %s", event);
		keep_event(vm, msg);
	}
}

/* QEMU 11 writes its state to a file only if it may open the file by a name, which that of a set of descriptors is. */
static bool wants_file_uri(const struct vm *vm)
{
	return strtol(vm->qemu_version, NULL, 10) >= 11;
}

static int save_to(struct vm *vm, int to, int64_t deadline_ns, struct kt_err *err)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", to);

	if (!wants_file_uri(vm))
		return vm_qmp_fd(vm, "getfd", KT_PACK("{ss}", "fdname", "state"), to, deadline_ns, err) < 0 ? -1 :
			vm_qmp(vm, "migrate", KT_PACK("{ss}", "uri", "fd:state"), deadline_ns, err);
	_cleanup_close_ int writes = open(path, O_WRONLY | O_CLOEXEC); /* as QEMU asks for it */
	if (writes < 0)
		return kt_fail(err, "%s", strerror(errno));
	return vm_qmp_fd(vm, "add-fd", KT_PACK("{si}", "fdset-id", 1), writes, deadline_ns, err) < 0 ? -1 :
		vm_qmp(vm, "migrate", KT_PACK("{ss}", "uri", "file:/dev/fdset/1"), deadline_ns, err);
}

int vm_save(struct vm *vm, int to, int64_t deadline_ns, struct kt_err *err)
{
	if (!vm_clock_holds(vm, SHIM_GIVES_TURNS, err))
		return -1;
	/* On the virtual clock it waits to be told (libexec/vm/shim-ask.c); else QEMU stops by itself. */
	if ((vm->turns >= 0 && vm_qmp(vm, "stop", NULL, deadline_ns, err)) || vm_qmp_event(vm, "STOP", deadline_ns, err))
		return kt_context(err, "the guest does not stop");
	if (save_to(vm, to, deadline_ns, err) < 0 || vm_qmp_event(vm, "MIGRATION:completed", deadline_ns, err) < 0)
		return kt_context(err, "cannot save the guest's state");
	return 0;
}

int vm_load(struct vm *vm, int64_t deadline_ns, struct kt_err *err)
{
	const char *by = wants_file_uri(vm) ? "file:/proc/self/fd/" : "fd:";

	if (vm_qmp(vm, "migrate-incoming", KT_PACK("{so}", "uri", json_sprintf("%s%d", by, VM_FD_STATE)), deadline_ns, err) < 0 ||
	    vm_qmp_event(vm, "MIGRATION:completed", deadline_ns, err) < 0)
		return kt_context(err, "cannot load the checkpoint");
	return 0;
}

int vm_qmp_listen(struct vm *vm, struct kt_err *err)
{
	bool bad;

	if (vm->qmp >= 0)
		fill_buffer(vm);
	for (json_t *msg; (msg = buffered_message(vm, &bad, err));) {
		keep_event(vm, msg);
		json_decref(msg);
	}
	return bad ? -1 : 0;
}

bool vm_qmp_saw(const struct vm *vm, const char *event)
{
	for (size_t i = 0; i < vm->qmp_events.n; i++)
		if (streq(vm->qmp_events.v[i], event))
			return true;
	return false;
}
