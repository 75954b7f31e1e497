// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: closure BASE PROGRAM [LIBRARY_PATH [FILE...]]
 *
 * closure.h for the tests: packs PROGRAM, with the FILEs, as a cpio archive to stdout, and says on stderr what is in it:
 * the guest's path, then the file here, or "->" and the target of a link. Exits 129 when something is missing.
 */
#include "libexec/closure/closure.h"
#include "libexec/lib/cpio.h"

int main(int argc, char **argv)
{
	struct kt_err err;

	kt_init("closure");
	if (argc < 3)
		die_usage("a directory and a program are needed");
	_cleanup_(closure_deinit) struct closure c = closure_init(argv[1]);
	_cleanup_free_ char *guest = NULL;
	int bad = closure_add_program(&c, argv[2], argc > 3 && *argv[3] ? argv[3] : NULL, &guest, &err);

	for (int i = 4; i < argc && !bad; i++)
		bad = closure_add_file(&c, argv[i], &err);
	if (bad)
		die(KT_USAGE, "%s", err.msg);
	if (closure_pack(&c, stdout, &err) || cpio_end(stdout, &err))
		die(KT_TROUBLE, "%s", err.msg);
	fprintf(stderr, "run\t%s\n", guest);
	for (size_t i = 0; i < c.n; i++)
		fprintf(stderr, "%s\t%s\n", c.files[i].guest, c.files[i].host ? c.files[i].host : c.files[i].target);
	return KT_OK;
}
