/* SPDX-License-Identifier: GPL-2.0-only */
/* libs.h - what the two halves of closure.h share: the list of files, and the search for libraries. */
#ifndef KT_CLOSURE_LIBS_H
#define KT_CLOSURE_LIBS_H

#include "libexec/closure/closure.h"
#include "libexec/closure/dynamic.h"

/* Without ".", "..", or doubled slashes, as text; and below /usr what is there in the guest. Takes an absolute path. */
char *closure_normal(const char *path);
/* Where a real path of this machine is in the guest. */
char *closure_guest_path(const struct closure *c, const char *real);
char *closure_dir_of(const char *path);
/* Add a file under the name it is asked for by, which may be a link to where it is. *real, if given, is to be freed. */
int closure_place(struct closure *c, const char *host, const char *named, char **real, struct kt_err *err);
/* Add the interpreter and the libraries that an ELF file needs. host is its real path. Takes d. */
int closure_add_libraries(struct closure *c, const char *host, struct dynamic d, const char *library_path, struct kt_err *err);
/* Add a library that something opens by its name, with what it needs; one that is not here is left out. */
int closure_add_opened(struct closure *c, const char *name, struct kt_err *err);
/* Add the modules that this nsswitch.conf names. */
int closure_add_name_services(struct closure *c, const char *conf, struct kt_err *err);

#endif
