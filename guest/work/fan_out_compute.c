// SPDX-License-Identifier: GPL-2.0-only
/*
 * FanOutCompute: a messenger wakes all of its receivers; each thinks (sleeps) for a while, then multiplies matrices: a
 * request and its work, as schbench has them.
 */
#include "guest/work/fan_out.h"
#include "guest/work/matrix.h"

struct compute { unsigned fan_out, footprint_kib, operations; int64_t sleep_ns; };

static unsigned fan_out_compute_group_size(const void *args)
{
	return ((const struct compute *)args)->fan_out + 1;
}

static int fan_out_compute_prepare(struct worker *w, const void *args, struct kt_err *err)
{
	unsigned dim = matrix_dim(((const struct compute *)args)->footprint_kib);

	if (fan_out_is_messenger(w))
		return 0;
	if (work_alloc(w, matrix_bytes(dim), err))
		return -1;
	matrix_fill(w->own, dim);
	return 0;
}

static void message_loop(struct worker *w, const struct compute *a)
{
	while (worker_running(w)) {
		fan_out_send(w);
		if (!fan_out_gather(w, a->fan_out))
			break;
		w->iterations++;
		worker_tick(w, 1);
	}
}

/* False: cut short by the stop. */
static bool do_request(struct worker *w, const struct compute *a, unsigned dim)
{
	if (a->sleep_ns)
		worker_sleep(w, a->sleep_ns);
	for (unsigned i = 0; i < a->operations; i++) {
		if (!matrix_multiply(w, w->own, dim))
			return false;
		worker_tick(w, 0);
	}
	return true;
}

static void receive_loop(struct worker *w, const struct compute *a)
{
	unsigned dim = matrix_dim(a->footprint_kib);
	uint32_t round = 0;

	while (worker_running(w) && fan_out_receive(w, &round)) {
		if (!do_request(w, a, dim))
			break;
		fan_out_done(w, a->fan_out);
		w->iterations++;
		worker_tick(w, 1);
	}
	w->wrong = w->work_units && !matrix_right(w->own, dim);
}

static void fan_out_compute_run(struct worker *w, const void *args)
{
	if (fan_out_is_messenger(w))
		message_loop(w, args);
	else
		receive_loop(w, args);
}

static int fan_out_compute_verify(const struct worker *group, unsigned n, const void *args, struct kt_err *err)
{
	return work_verify_right(group, n, args, err) ? -1 : fan_out_verify(group, n, args, err);
}

static const struct row rows[] = {
	{ .name = "fan_out", .kind = ROW_UINT, .offset = offsetof(struct compute, fan_out), .min = 1, .max = 1023, .def = 4,
	  .help = "receivers of a messenger" },
	{ .name = "cache_footprint_kib", .kind = ROW_UINT, .offset = offsetof(struct compute, footprint_kib), .min = 1,
	  .max = 65536, .type = "integer (KiB)", .def = 256, .help = "size of a receiver's three matrices" },
	{ .name = "operations", .kind = ROW_UINT, .offset = offsetof(struct compute, operations), .min = 1, .max = 1e6,
	  .def = 5, .help = "products of matrices for a request" },
	{ .name = "sleep_us", .alias = "sleep_usec", .kind = ROW_NS, .offset = offsetof(struct compute, sleep_ns), .max = 1e9,
	  .def = 100, .help = "the receiver's sleep before its work; 0: none" },
	{ 0 }
};

const struct work_type work_fan_out_compute = {
	.name = "FanOutCompute",
	.summary = "A messenger wakes receivers, which sleep, then multiply matrices: requests that fan out and have a cache footprint.",
	.unit = "one round: of a receiver, one request",
	.gap = "the receivers' sleep that was asked for; beyond it counts, and so does waiting for the others",
	.latency = "of receivers: from just before the messenger wakes them to the return from the wait, when it waited by then",
	.args = rows,
	.args_size = sizeof(struct compute),
	.group_size = fan_out_compute_group_size,
	.role = fan_out_role,
	.prepare = fan_out_compute_prepare,
	.run = fan_out_compute_run,
	.verify = fan_out_compute_verify,
};
