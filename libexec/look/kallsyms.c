// SPDX-License-Identifier: GPL-2.0-only
/* A kernel's symbols out of its kallsyms: see kallsyms.h. Nothing in the image is trusted. */
#include "libexec/look/kallsyms.h"
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Tables are aligned to 4 bytes, or 8. */
enum { TABLE_ALIGN = 4, PAD_MAX = 8 };
enum { TOKENS = 256, TOKEN_MAX = 128, CHUNK = 256, NAME_MAX_LEN = 512, SYMBOLS_MAX = 1 << 22 };
static const uint64_t kernel_text = UINT64_C(0xffffffff80000000);

/* A mapped piece of the image. */
struct image {
	const unsigned char *p;
	size_t size;
	uint64_t address;
};

/* Where the tables are in it. */
struct tables {
	size_t names, markers, nr_markers, tokens, index, nr;
};

static uint16_t get16(const struct image *m, size_t at) { uint16_t v; memcpy(&v, m->p + at, sizeof(v)); return v; }
static uint32_t get32(const struct image *m, size_t at) { uint32_t v; memcpy(&v, m->p + at, sizeof(v)); return v; }
static uint64_t get64(const struct image *m, size_t at) { uint64_t v; memcpy(&v, m->p + at, sizeof(v)); return v; }
static size_t aligned(size_t at) { return (at + TABLE_ALIGN - 1) & ~(size_t)(TABLE_ALIGN - 1); }

/* 256 offsets that rise, each at most a token away. */
static bool is_token_index(const struct image *m, size_t at)
{
	if (get16(m, at) || at + 2 * TOKENS > m->size)
		return false;
	for (size_t i = 1; i < TOKENS; i++) {
		uint16_t was = get16(m, at + 2 * (i - 1)), is = get16(m, at + 2 * i);
		if (is <= was + 1 || is > was + TOKEN_MAX)
			return false;
	}
	return true;
}

/* The tokens end where their index begins, but for the alignment. */
static bool find_tokens(const struct image *m, struct tables *t)
{
	size_t last = get16(m, t->index + 2 * (TOKENS - 1));

	for (size_t size = aligned(last + 2); size < MIN(last + TOKEN_MAX + PAD_MAX, t->index); size += TABLE_ALIGN) {
		const char *tokens = (const char *)m->p + t->index - size;
		size_t len = strnlen(tokens + last, size - last);
		bool fits = len < size - last && size - (last + len + 1) < PAD_MAX;

		for (size_t i = 1; fits && i < TOKENS; i++)
			fits = !tokens[get16(m, t->index + 2 * i) - 1];
		t->tokens = t->index - size;
		if (fits)
			return true;
	}
	return false;
}

/* Every 256th name's offset: they rise, and the first is 0. They end where the tokens begin, but for the alignment. */
static bool find_markers(const struct image *m, struct tables *t, size_t pad)
{
	size_t at = t->tokens - pad;

	if (at < 8 || (pad && get32(m, at)))
		return false;
	for (t->nr_markers = 1, at -= 4; at >= 4 && get32(m, at); at -= 4, t->nr_markers++)
		if (get32(m, at - 4) >= get32(m, at))
			return false;
	t->markers = at;
	return t->nr_markers > 1 && t->nr_markers < SYMBOLS_MAX / CHUNK;
}

/* Returns the size of the name that is packed there, and where its tokens begin; 0: it goes beyond the end. */
static size_t packed(const struct image *m, size_t at, size_t end, size_t *ret)
{
	size_t len = at < end ? m->p[at++] : 0;

	if (len & 0x80) {
		if (at >= end)
			return 0;
		len = (len & 0x7f) | (size_t)m->p[at++] << 7;
	}
	*ret = at;
	return len <= end - at ? len : 0;
}

/* Do the names from there lead to the markers, as these say? Then so many they are; 0: they do not. */
static size_t names_that_fit(const struct image *m, const struct tables *t)
{
	size_t at = t->names, n = 0;

	for (; at < t->markers && m->p[at]; n++) {
		if (n % CHUNK == 0 && (n / CHUNK == t->nr_markers || at - t->names != get32(m, t->markers + 4 * (n / CHUNK))))
			return 0;
		size_t len = packed(m, at, t->markers, &at);
		if (!len)
			return 0;
		at += len;
	}
	return t->markers - at < PAD_MAX && (n + CHUNK - 1) / CHUNK == t->nr_markers ? n : 0;
}

/* The names are before the markers, and the last marker says about where they begin. */
static bool find_names(const struct image *m, struct tables *t)
{
	size_t last = get32(m, t->markers + 4 * (t->nr_markers - 1));
	size_t high = t->markers - MIN(last, t->markers), low = high - MIN(high, (size_t)CHUNK * NAME_MAX_LEN);

	for (t->names = high & ~(size_t)(TABLE_ALIGN - 1); t->names > low; t->names -= TABLE_ALIGN)
		if ((t->nr = names_that_fit(m, t)))
			return true;
	return false;
}

static bool find_tables(const struct image *m, struct tables *t)
{
	for (t->index = TABLE_ALIGN; t->index + 2 * TOKENS + 2 * PAD_MAX < m->size; t->index += TABLE_ALIGN)
		if (is_token_index(m, t->index) && find_tokens(m, t) &&
		    (find_markers(m, t, 0) || find_markers(m, t, 4)) && find_names(m, t) &&
		    t->nr < (m->size - t->index - 2 * TOKENS - 2 * PAD_MAX) / 4)
			return true;
	return false;
}

uint32_t kallsyms_hash_name(const char *name)
{
	uint32_t h = 2166136261;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619;
	return h;
}

static void unpack_names(const struct image *m, const struct tables *t, struct kallsyms *s)
{
	size_t at = t->names, used = 0, cap = 0;

	for (size_t i = 0; i < t->nr; i++) {
		size_t len = packed(m, at, t->markers, &at);

		if (cap - used < len * TOKEN_MAX + 1) {
			cap = cap * 2 + len * TOKEN_MAX + 1;
			s->names = xrealloc(s->names, cap, 1);
		}
		s->v[i].name = (uint32_t)used + 1; /* the type comes first */
		for (size_t k = 0; k < len; k++) {
			const char *token = (const char *)m->p + t->tokens + get16(m, t->index + 2 * m->p[at + k]);
			size_t n = strlen(token);

			memcpy(s->names + used, token, n);
			used += n;
		}
		s->names[used++] = '\0';
		s->v[i].type = s->names[s->v[i].name - 1];
		at += len;
	}
}

static void fill_hash(struct kallsyms *s)
{
	for (s->hash_size = 1024; s->hash_size < 2 * s->n; s->hash_size *= 2)
		;
	s->hash = xcalloc(s->hash_size, sizeof(*s->hash));
	for (size_t i = 0; i < s->n; i++) {
		size_t at = kallsyms_hash_name(kallsyms_name(s, &s->v[i])) & (s->hash_size - 1);

		while (s->hash[at])
			at = (at + 1) & (s->hash_size - 1);
		s->hash[at] = (uint32_t)i + 1;
	}
}

enum layout { FROM_ITSELF, FROM_BASE, FROM_BASE_BUT_PER_CPU, LAYOUTS };

/* The addresses by one of the layouts. False: they do not rise, or the kernel's text does not begin where the image does. */
static bool place_addresses(const struct image *m, const struct tables *t, enum layout layout, struct kallsyms *s)
{
	size_t offsets = t->index + 2 * TOKENS;
	uint64_t base = get64(m, (offsets + 4 * t->nr + 7) & ~(size_t)7);

	for (size_t i = 0; i < t->nr; i++) {
		uint32_t u = get32(m, offsets + 4 * i);
		int32_t v = (int32_t)u;
		uint64_t *to = &s->v[i].address;

		switch (layout) {
		case FROM_ITSELF: *to = m->address + offsets + 4 * i + (uint64_t)(int64_t)v; break;
		case FROM_BASE: *to = base + u; break;
		case FROM_BASE_BUT_PER_CPU: *to = v >= 0 ? (uint64_t)v : base - 1 - (uint64_t)(int64_t)v; break;
		default: return false;
		}
		if (i && *to < s->v[i - 1].address)
			return false;
	}
	return kallsyms_address(s, "_text") == m->address;
}

static int read_image(const struct image *m, struct kallsyms *ret)
{
	struct tables t = { 0 };
	struct kallsyms s = { 0 };

	if (!find_tables(m, &t))
		return -1;
	s.n = t.nr;
	s.v = xcalloc(s.n, sizeof(*s.v));
	unpack_names(m, &t, &s);
	fill_hash(&s);
	for (enum layout l = 0; l < LAYOUTS; l++)
		if (place_addresses(m, &t, l, &s)) {
			*ret = s;
			return 0;
		}
	kallsyms_deinit(&s);
	return -1;
}

/* The file as it is in memory. NULL and err; else to be unmapped. */
static void *map_file(const char *path, size_t *size, struct kt_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		kt_fail(err, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	*size = (size_t)st.st_size;
	void *p = *size < sizeof(Elf64_Ehdr) ? MAP_FAILED : mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	const Elf64_Ehdr *h = p;
	if (p == MAP_FAILED) {
		kt_fail(err, "'%s' is no vmlinux", path);
		return NULL;
	}
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64 ||
	    h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff > *size || (*size - h->e_phoff) / sizeof(Elf64_Phdr) < h->e_phnum) {
		munmap(p, *size);
		kt_fail(err, "'%s' is no vmlinux: not an x86-64 ELF file", path);
		return NULL;
	}
	return p;
}

int kallsyms_read(const char *vmlinux, struct kallsyms *ret, struct kt_err *err)
{
	size_t size;
	unsigned char *file = map_file(vmlinux, &size, err);
	int r = -1;

	if (!file)
		return -1;
	const Elf64_Ehdr *h = (void *)file;
	for (size_t i = 0; r && i < h->e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, file + h->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD && ph.p_offset < size && ph.p_vaddr >= kernel_text)
			r = read_image(&(struct image){ file + ph.p_offset, MIN(ph.p_filesz, size - ph.p_offset), ph.p_vaddr }, ret);
	}
	munmap(file, size);
	return r ? kt_fail(err, "'%s' has no kallsyms that ktstr understands", vmlinux) : 0;
}

void kallsyms_deinit(struct kallsyms *s)
{
	free(s->v);
	free(s->names);
	free(s->hash);
	*s = (struct kallsyms){ 0 };
}

size_t kallsyms_names_size(const struct kallsyms *s)
{
	return s->n ? s->v[s->n - 1].name + strlen(kallsyms_name(s, &s->v[s->n - 1])) + 1 : 0;
}

const char *kallsyms_name(const struct kallsyms *s, const struct symbol *sym)
{
	return s->names + sym->name;
}

const struct symbol *kallsyms_find(const struct kallsyms *s, const char *name, bool *several)
{
	const struct symbol *found = NULL;
	size_t mask = s->hash_size - 1;

	if (several)
		*several = false;
	for (size_t at = s->hash_size ? kallsyms_hash_name(name) & mask : 0; s->hash_size && s->hash[at]; at = (at + 1) & mask) {
		const struct symbol *sym = &s->v[s->hash[at] - 1];

		if (!streq(kallsyms_name(s, sym), name))
			continue;
		if (found && several)
			*several = true;
		if (!found || sym->address < found->address)
			found = sym;
	}
	return found;
}

uint64_t kallsyms_address(const struct kallsyms *s, const char *name)
{
	const struct symbol *sym = kallsyms_find(s, name, NULL);

	return sym ? sym->address : 0;
}

const struct symbol *kallsyms_at(const struct kallsyms *s, uint64_t address)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->v[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || address < kernel_text || s->v[low - 1].address < kernel_text || low == s->n)
		return NULL;
	for (low--; low && s->v[low - 1].address == s->v[low].address; low--)
		;
	return &s->v[low];
}

/* The section an address is in, by vmlinux's own headers; SHN_ABS: in none. */
static uint16_t section_of(const Elf64_Shdr *sh, size_t n, uint64_t address)
{
	for (size_t i = 1; i < n; i++)
		if (sh[i].sh_flags & SHF_ALLOC && address >= sh[i].sh_addr && address - sh[i].sh_addr < sh[i].sh_size)
			return (uint16_t)i;
	return SHN_ABS;
}

static Elf64_Sym elf_symbol(const struct kallsyms *s, size_t i, const Elf64_Shdr *sh, size_t n)
{
	const struct symbol *sym = &s->v[i];
	uint64_t end = sym->address;

	for (size_t k = i + 1; k < s->n && end == sym->address; k++)
		end = s->v[k].address;
	uint16_t section = section_of(sh, n, sym->address);
	/* Not by the type letter: in some builds .data may be executed, and nm takes all of it for text. */
	bool code = section != SHN_ABS && (sh[section].sh_flags & (SHF_EXECINSTR | SHF_WRITE)) == SHF_EXECINSTR;
	if (section != SHN_ABS)
		end = MIN(end, sh[section].sh_addr + sh[section].sh_size);
	return (Elf64_Sym){ .st_name = sym->name, .st_value = sym->address, .st_shndx = section,
			    .st_size = section == SHN_ABS ? 0 : end - sym->address,
			    .st_info = ELF64_ST_INFO(sym->type >= 'a' ? STB_LOCAL : STB_GLOBAL, code ? STT_FUNC : STT_OBJECT) };
}

/* The symbols: local ones first, as ELF wants it. */
static Elf64_Sym *elf_symbols(const struct kallsyms *s, const Elf64_Shdr *sh, size_t n, size_t *locals)
{
	Elf64_Sym *all = xcalloc(s->n + 1, sizeof(*all));
	size_t used = 1;

	*locals = 0;
	for (int global = 0; global < 2; global++) {
		for (size_t i = 0; i < s->n; i++)
			if ((s->v[i].type < 'a') == global)
				all[used++] = elf_symbol(s, i, sh, n);
		if (!global)
			*locals = used;
	}
	return all;
}

static bool sections_fit(const unsigned char *file, size_t size)
{
	const Elf64_Ehdr *h = (const void *)file;

	return h->e_shnum > 1 && h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shoff <= size && h->e_shstrndx < h->e_shnum &&
		(size - h->e_shoff) / sizeof(Elf64_Shdr) >= h->e_shnum;
}

static void write_elf(const struct kallsyms *s, const unsigned char *file, const char *section_names, size_t names_size, FILE *to)
{
	const Elf64_Ehdr *was = (const void *)file;
	size_t n = was->e_shnum, locals, strings = kallsyms_names_size(s);
	_cleanup_free_ Elf64_Shdr *sh = xcalloc(n + 2, sizeof(*sh));
	Elf64_Ehdr h = *was;

	memcpy(sh, file + was->e_shoff, n * sizeof(*sh));
	_cleanup_free_ Elf64_Sym *symbols = elf_symbols(s, sh, n, &locals);
	for (size_t i = 1; i < n; i++)
		if (i == was->e_shstrndx)
			sh[i].sh_offset = sizeof(h);
		else
			sh[i] = (Elf64_Shdr){ .sh_name = sh[i].sh_name, .sh_type = SHT_NOBITS, .sh_flags = sh[i].sh_flags & SHF_ALLOC ?
				sh[i].sh_flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR) : 0, .sh_addr = sh[i].sh_addr,
				.sh_size = sh[i].sh_size, .sh_addralign = sh[i].sh_addralign };
	/* Their names are in none of vmlinux's strings: consumers go by the type. */
	sh[n] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB, .sh_offset = sizeof(h) + names_size, .sh_size = (s->n + 1) * sizeof(*symbols),
			      .sh_link = (uint32_t)n + 1, .sh_info = (uint32_t)locals, .sh_addralign = 1, .sh_entsize = sizeof(*symbols) };
	sh[n + 1] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = sh[n].sh_offset + sh[n].sh_size, .sh_size = strings, .sh_addralign = 1 };
	h.e_phoff = h.e_phnum = 0;
	h.e_shnum = (uint16_t)(n + 2);
	h.e_shoff = sh[n + 1].sh_offset + strings;
	fwrite(&h, sizeof(h), 1, to);
	fwrite(section_names, names_size, 1, to);
	fwrite(symbols, sizeof(*symbols), s->n + 1, to);
	fwrite(s->names, strings, 1, to);
	fwrite(sh, sizeof(*sh), n + 2, to);
}

int kallsyms_write_elf(const struct kallsyms *s, const char *vmlinux, FILE *to, struct kt_err *err)
{
	size_t size;
	unsigned char *file = map_file(vmlinux, &size, err);
	Elf64_Shdr names;

	if (!file)
		return -1;
	const Elf64_Ehdr *h = (void *)file;
	bool fits = sections_fit(file, size);
	if (fits) {
		memcpy(&names, file + h->e_shoff + h->e_shstrndx * sizeof(names), sizeof(names));
		fits = names.sh_offset <= size && names.sh_size <= size - names.sh_offset;
	}
	if (fits)
		write_elf(s, file, (char *)file + names.sh_offset, names.sh_size, to);
	munmap(file, size);
	return fits ? 0 : kt_fail(err, "'%s' has no section headers", vmlinux);
}
