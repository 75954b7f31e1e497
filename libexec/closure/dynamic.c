// SPDX-License-Identifier: GPL-2.0-only
/* Dynamic sections: see dynamic.h. */
#include "libexec/closure/dynamic.h"
#include <fcntl.h>
#include <gelf.h>

static void push_string(char ***list, size_t *n, char *owned)
{
	*list = xrealloc(*list, *n + 2, sizeof(**list));
	(*list)[(*n)++] = owned;
	(*list)[*n] = NULL;
}

static bool is_host_machine(Elf *elf, GElf_Ehdr *eh)
{
	return gelf_getehdr(elf, eh) && eh->e_ident[EI_CLASS] == ELFCLASS64 && eh->e_ident[EI_DATA] == ELFDATA2LSB &&
	       eh->e_machine == EM_X86_64 && (eh->e_type == ET_EXEC || eh->e_type == ET_DYN);
}

/* The section of strings that a dynamic section points to; through the section headers, which no linker leaves out. */
static int read_section(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct dynamic *d, size_t *n)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Dyn dyn;

	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag != DT_NEEDED && dyn.d_tag != DT_RPATH && dyn.d_tag != DT_RUNPATH)
			continue;
		const char *text = elf_strptr(elf, sh->sh_link, dyn.d_un.d_val);
		if (!text)
			return -1;
		if (dyn.d_tag == DT_NEEDED)
			push_string(&d->needed, n, xstrdup(text));
		else if (dyn.d_tag == DT_RPATH && !d->rpath)
			d->rpath = xstrdup(text);
		else if (dyn.d_tag == DT_RUNPATH && !d->runpath)
			d->runpath = xstrdup(text);
	}
	return data ? 0 : -1;
}

/* The symbols that others are to define. */
static int read_symbols(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct dynamic *d)
{
	static const char *const unwinding[] = { "pthread_exit", "pthread_cancel", "thrd_exit", "backtrace" };
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Sym sym;

	for (int i = 1; data && !d->unwinds && gelf_getsym(data, i, &sym); i++) {
		const char *name = sym.st_shndx == SHN_UNDEF ? elf_strptr(elf, sh->sh_link, sym.st_name) : NULL;

		for (size_t k = 0; name && k < ARRAY_SIZE(unwinding); k++)
			d->unwinds |= streq(name, unwinding[k]);
	}
	return data ? 0 : -1;
}

static int read_elf(Elf *elf, struct dynamic *d)
{
	Elf_Scn *scn = NULL;
	size_t n = 0, phnum;
	GElf_Shdr sh;
	GElf_Phdr ph;
	bool dynamic = false, found = false;
	size_t size;
	const char *file = elf_rawfile(elf, &size);

	if (!file || elf_getphdrnum(elf, &phnum))
		return -1;
	for (size_t i = 0; i < phnum && gelf_getphdr(elf, (int)i, &ph); i++) {
		dynamic |= ph.p_type == PT_DYNAMIC;
		if (ph.p_type != PT_INTERP || d->interp)
			continue;
		if (ph.p_offset >= size || ph.p_filesz > size - ph.p_offset || !memchr(file + ph.p_offset, 0, ph.p_filesz))
			return -1;
		d->interp = xstrdup(file + ph.p_offset);
	}
	while ((scn = elf_nextscn(elf, scn)) && gelf_getshdr(scn, &sh)) {
		if (sh.sh_type == SHT_DYNSYM && read_symbols(elf, scn, &sh, d))
			return -1;
		if (sh.sh_type != SHT_DYNAMIC)
			continue;
		found = true;
		if (read_section(elf, scn, &sh, d, &n))
			return -1;
	}
	if (d->runpath) {
		free(d->rpath);
		d->rpath = NULL;
	}
	return dynamic && !found ? -1 : 0;
}

int dynamic_read(const char *path, struct dynamic *ret, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct dynamic d = { .needed = xcalloc(1, sizeof(char *)) };
	GElf_Ehdr eh;
	int bad = 0;

	if (fd < 0) {
		dynamic_deinit(&d);
		return kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
	}
	if (elf_version(EV_CURRENT) == EV_NONE)
		BUG("libelf is older than its header");
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		d.kind = is_host_machine(elf, &eh) ? DYNAMIC_OURS : DYNAMIC_FOREIGN;
		bad = d.kind == DYNAMIC_OURS && read_elf(elf, &d);
	}
	elf_end(elf);
	if (bad) {
		dynamic_deinit(&d);
		return kt_fail(err, "'%s' is ELF, but its dynamic section cannot be read", path);
	}
	*ret = d;
	return 0;
}

void dynamic_deinit(struct dynamic *d)
{
	for (char **p = d->needed; p && *p; p++)
		free(*p);
	free(d->needed);
	free(d->interp);
	free(d->rpath);
	free(d->runpath);
	*d = (struct dynamic){ 0 };
}
