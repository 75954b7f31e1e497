// SPDX-License-Identifier: GPL-2.0-only
/* Runs that boot nothing: see boot.h. */
#include "libexec/boot/boot.h"
#include "libexec/boot/profile.h"

int boot_dry_run(bool cold, const struct boot_inputs *in)
{
	struct strv args = { 0 };

	vm_args(&in->vm_config, cold ? VM_COLD : VM_RUN, &args);
	_cleanup_free_ char *line = strv_shell(&args);
	printf("%s\n", line);
	printf("# descriptors: %d QMP, %d records, %d console, %d payload, %d saved state, %d ktstr-turns.so, "
	       "%d.. memory, %d answers, %d the shim's page, %d its fingerprints, %d its stops, %d its trace, %d taps\n", VM_FD_QMP, VM_FD_OUT, VM_FD_CONSOLE, VM_FD_PAYLOAD, VM_FD_STATE, VM_FD_TURNS, VM_FD_RAM0,
	       VM_FD_ANSWER, VM_FD_SHIM, VM_FD_FINGERPRINT, VM_FD_STOP, VM_FD_TRACE, VM_FD_TAPS);
	printf("# payload: plan.json spec.json args");
	for (size_t i = 0; i < in->programs.n; i++)
		printf(" %s", in->programs.files[i].guest);
	putchar('\n');
	strv_deinit(&args);
	return KT_OK;
}

int boot_list_profiles(const struct boot_options *o)
{
	struct spec_dirs dirs;
	json_auto_t *doc = boot_load_spec(&o->spec, &dirs);
	struct kt_errs errs = { 0 };
	struct spec spec;

	if (spec_from_json(doc, o->spec.path, NULL, &spec, &errs) < 0) {
		kt_errs_print(&errs);
		return KT_USAGE;
	}
	boot_print_profiles(&spec, &o->profile);
	return KT_OK;
}
