// SPDX-License-Identifier: GPL-2.0-only
/* What is in a vmlinux: see vmlinux.h. Nothing in the file is trusted: libelf checks the structures, we the rest. */
#include "libexec/kernel/vmlinux.h"

#include <ctype.h>
#include <gelf.h>
#include <sha2.h>
#include <sys/stat.h>

enum {
	SCAN_CHUNK = 1 << 20,
	SCAN_KEEP = 256,          /* what is kept of the last chunk; no pattern with what follows it is longer */
	PVH_ENTRY = 18,           /* XEN_ELFNOTE_PHYS32_ENTRY */
	NOTES_MAX = 1 << 20,      /* read of all note segments together: they are held in memory */
};

static const char BANNER[] = "Linux version ";

static void elf_endp(Elf **elf) { elf_end(*elf); }

bool release_copy(const char *text, size_t len, char ret[RELEASE_SIZE])
{
	size_t n = 0;

	while (n < len && text[n] && text[n] != ' ')
		n++;
	if (!n || n >= RELEASE_SIZE || !isdigit((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._+~-", text[i]))
			return false;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return true;
}

/* The note that tells QEMU where to jump to. */
static bool has_pvh_note(Elf *elf, const GElf_Phdr *ph)
{
	Elf_Data *data;
	GElf_Nhdr note;
	size_t name, desc;

	data = elf_getdata_rawchunk(elf, ph->p_offset, ph->p_filesz, ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	for (size_t at = 0; data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;)
		if (note.n_type == PVH_ENTRY && note.n_namesz == 4 && !memcmp((char *)data->d_buf + name, "Xen", 4) &&
		    (note.n_descsz == 4 || note.n_descsz == 8))
			return true;
	return false;
}

static bool has_section(Elf *elf, const char *wanted)
{
	size_t strings;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &strings))
		return false;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		const char *name = gelf_getshdr(s, &sh) ? elf_strptr(elf, strings, sh.sh_name) : NULL;
		if (name && streq(name, wanted) && sh.sh_type != SHT_NOBITS && sh.sh_size)
			return true;
	}
	return false;
}

static int probe_elf(int fd, const char *name, struct vmlinux *ret, struct kt_err *err)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	bool load = false, pvh = false;
	GElf_Ehdr eh;
	struct stat st;
	GElf_Phdr ph;
	size_t n;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) || elf_getphdrnum(elf, &n))
		return kt_fail(err, "'%s' is not a kernel: not a whole ELF file: %s", name, elf_errmsg(-1));
	if (gelf_getclass(elf) != ELFCLASS64 || eh.e_machine != EM_X86_64 || eh.e_type != ET_EXEC)
		return kt_fail(err, "'%s' is not a kernel: not an x86-64 executable", name);
	/* The section headers come last in the file. */
	if (fstat(fd, &st) || eh.e_shoff > (uint64_t)st.st_size ||
	    (uint64_t)st.st_size - eh.e_shoff < (uint64_t)eh.e_shnum * eh.e_shentsize)
		return kt_fail(err, "'%s' is not a kernel: cut short", name);
	for (size_t i = 0, notes = 0; i < n && gelf_getphdr(elf, i, &ph); i++) {
		load |= ph.p_type == PT_LOAD;
		if (ph.p_type == PT_NOTE && !pvh && ph.p_filesz <= NOTES_MAX && (notes += ph.p_filesz) <= NOTES_MAX)
			pvh = has_pvh_note(elf, &ph);
	}
	if (!load)
		return kt_fail(err, "'%s' is not a kernel: it has nothing to load", name);
	if (!pvh)
		return kt_fail_as(err, KT_CANNOT_TELL, "'%s' has no PVH entry: a kernel built with CONFIG_PVH=y is needed", name);
	ret->btf = has_section(elf, ".BTF");
	return 0;
}

/* What one pass looks for. */
struct scan {
	char release[RELEASE_SIZE];
	bool sched_ext, cgroup2;
};

/*
 * A release that the end of the buffer cuts off must not pass for a whole one. Before the last buffer, a banner so
 * near the end is left alone: it is in what is kept, and found again with what follows it.
 */
static void scan_buffer(struct scan *scan, const char *buf, size_t len, bool last)
{
	static const char ops[] = "\0sched_ext_ops", cg[] = "\0cgroup2"; /* whole strings: with both NULs */
	const char *end = buf + len, *at = buf;

	while (!scan->release[0] && (at = memmem(at, end - at, BANNER, strlen(BANNER)))) {
		at += strlen(BANNER);
		if (last || end - at >= RELEASE_SIZE)
			release_copy(at, end - at, scan->release);
	}
	scan->sched_ext |= memmem(buf, len, ops, sizeof(ops)) != NULL;
	scan->cgroup2 |= memmem(buf, len, cg, sizeof(cg)) != NULL;
}

static int scan_file(int fd, const char *name, struct scan *scan, char sha256[SHA256_HEX_SIZE], struct kt_err *err)
{
	_cleanup_free_ char *buf = xcalloc(1, SCAN_KEEP + SCAN_CHUNK);
	size_t kept = 0;
	off_t off = 0;
	ssize_t n;
	SHA2_CTX sha;

	SHA256Init(&sha);
	while ((n = pread(fd, buf + kept, SCAN_CHUNK, off)) > 0) {
		SHA256Update(&sha, (uint8_t *)buf + kept, n);
		scan_buffer(scan, buf, kept + n, false);
		size_t keep = MIN(kept + n, (size_t)SCAN_KEEP);
		memmove(buf, buf + kept + n - keep, keep);
		kept = keep;
		off += n;
	}
	if (n < 0)
		return kt_fail(err, "cannot read '%s': %s", name, strerror(errno));
	scan_buffer(scan, buf, kept, true);
	SHA256End(&sha, sha256);
	return 0;
}

int vmlinux_probe(int fd, const char *name, struct vmlinux *ret, struct kt_err *err)
{
	struct vmlinux v = { 0 };
	struct scan scan = { 0 };

	if (probe_elf(fd, name, &v, err) || scan_file(fd, name, &scan, v.sha256, err))
		return -1;
	if (!scan.release[0])
		return kt_fail(err, "'%s' is not a kernel: it has no '%s' line", name, BANNER);
	memcpy(v.release, scan.release, sizeof(v.release));
	v.sched_ext = !v.btf ? TRI_UNKNOWN : scan.sched_ext ? TRI_YES : TRI_NO;
	v.cgroup2 = scan.cgroup2 ? TRI_YES : TRI_UNKNOWN;
	*ret = v;
	return 0;
}
