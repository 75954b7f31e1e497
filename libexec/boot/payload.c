// SPDX-License-Identifier: GPL-2.0-only
/* What the guest is given: see inputs.h. */
#include "libexec/boot/inputs.h"
#include "libexec/lib/cpio.h"
#include <sys/mman.h>

static int add_json(FILE *f, const char *name, const json_t *j, struct kt_err *err)
{
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (!text)
		BUG("json_dumps failed");
	return cpio_add(f, name, 0100644, text, strlen(text), err);
}

/* The payloads' checks are the judge's. */
static void drop_checks(json_t *spec)
{
	json_t *payloads = json_copy(json_object_get(spec, "payloads")), *payload;
	const char *name;

	if (!payloads)
		return;
	json_object_foreach(payloads, name, payload) {
		payload = json_copy(payload);
		json_object_del(payload, "checks");
		json_object_set_new(payloads, name, payload);
	}
	json_object_set_new(spec, "payloads", payloads);
}

/* The seed is in them, before the guest is told it: such a spec is set up for each anew. */
static bool draws_affinities(const struct spec *s)
{
	for (size_t i = 0; i < s->nr_batches; i++)
		if (s->batches[i].work->affinity.kind == AFFINITY_RANDOM_SUBSET)
			return true;
	return false;
}

int boot_make_payload(struct boot_inputs *in, struct kt_err *err)
{
	_cleanup_close_ int fd = memfd_create("payload", MFD_CLOEXEC);
	_cleanup_free_ char *args = xasprintf("--guest\n%s%s--plan\nplan.json\n--seed\n%lld\nspec.json\n",
					      in->vm_config.virtual_clock ? "--virtual-clock\n" : "",
					      in->compute == COMPUTE_MODEL ? "--model-compute\n" : "",
					      (long long)(draws_affinities(&in->spec) ? in->seed : 0));
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	json_auto_t *spec = json_copy(in->spec.json);
	char own[SHA256_HEX_SIZE];

	/* Each byte that the guest reads shifts the schedule, and a threshold must not change what it judges. */
	json_object_del(spec, "seed"); /* the guest asks for it: vm_args() */
	json_object_del(spec, "compute"); /* the guest is told how it has been settled */
	json_object_del(spec, "assert");
	json_object_del(spec, "description");
	json_object_del(spec, "expect");
	json_object_del(spec, "required_flags");
	json_object_del(spec, "excluded_flags");
	drop_checks(spec);
	if (!f)
		return kt_fail(err, "cannot make the payload: %s", strerror(errno));
	int r = boot_pack_schedulers(&in->schedulers, &in->spec, in->profile, &in->kernel, spec, f, err) < 0 ||
		add_json(f, "run/ktstr/plan.json", in->plan_json, err) < 0 ||
		add_json(f, "run/ktstr/spec.json", spec, err) < 0 ||
		cpio_add(f, "run/ktstr/args", 0100644, args, strlen(args), err) < 0;
	if (!r)
		r = fflush(f) ? kt_fail(err, "cannot make the payload: %s", strerror(errno)) : digest_file(fd, own, err);
	/* The archive is written where the copy of its descriptor stands. */
	if (!r && lseek(fd, 0, SEEK_END) < 0)
		r = kt_fail(err, "cannot make the payload: %s", strerror(errno));
	r = r || closure_pack(&in->programs, f, err) < 0 || cpio_end(f, err) < 0;
	if (fclose(f) && !r)
		r = kt_fail(err, "cannot make the payload: %s", strerror(errno));
	if (r)
		return -1;
	/* The programs were hashed as they were packed: that takes long enough to be done once. */
	_cleanup_free_ char *manifest = closure_manifest(&in->programs), *all = xasprintf("%s\n%s", own, manifest);
	digest_text(all, in->payload_sha256);
	return take_fd(fd);
}
