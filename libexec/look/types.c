// SPDX-License-Identifier: GPL-2.0-only
/* A kernel's symbols and types, and their place in the cache: see types.h. */
#include "libexec/look/types.h"
#include "libexec/lib/cache.h"
#include "libexec/lib/digest.h"
#include <bpf/btf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static void index_types(struct kernel_types *k)
{
	uint32_t n = btf__type_cnt(k->btf);

	for (k->size = 1024; k->size < 2 * (size_t)n; k->size *= 2)
		;
	k->by_name = xcalloc(k->size, sizeof(*k->by_name));
	for (uint32_t id = 1; id < n; id++) {
		const struct btf_type *type = btf__type_by_id(k->btf, id);
		const char *name = btf_is_composite(type) ? btf__name_by_offset(k->btf, type->name_off) : "";
		size_t at = kallsyms_hash_name(name) & (k->size - 1);

		while (*name && k->by_name[at])
			at = (at + 1) & (k->size - 1);
		if (*name)
			k->by_name[at] = id;
	}
}

uint32_t kernel_types_find(const struct kernel_types *k, const char *name)
{
	for (size_t at = kallsyms_hash_name(name) & (k->size - 1); k->by_name[at]; at = (at + 1) & (k->size - 1)) {
		const struct btf_type *type = btf__type_by_id(k->btf, k->by_name[at]);

		if (streq(btf__name_by_offset(k->btf, type->name_off), name))
			return k->by_name[at];
	}
	return 0;
}

int kernel_types_read(const char *vmlinux, struct kernel_types *ret, struct kt_err *err)
{
	struct kernel_types k = { 0 };

	if (kallsyms_read(vmlinux, &k.symbols, err))
		return -1;
	k.btf = btf__parse(vmlinux, NULL);
	if (!k.btf) {
		kallsyms_deinit(&k.symbols);
		return kt_fail(err, "the BTF of '%s' cannot be read: %s", vmlinux, strerror(errno));
	}
	index_types(&k);
	*ret = k;
	return 0;
}

/* The file: this, then the five tables, each at a multiple of 8 bytes. */
struct kept {
	char magic[8];
	uint64_t hash;           /* XXH3 of all that follows it */
	uint64_t nr_symbols;     /* struct symbol */
	uint64_t symbol_hashes;  /* uint32_t */
	uint64_t type_hashes;    /* uint32_t */
	uint64_t names, btf;     /* bytes */
};
/* Another layout of the file, or of a table, has another number. */
static const char kept_magic[8] = "ktstrTY1";

enum { TABLES = 5 };

/* Where each table begins in the file, and the size of the file. False: it would be absurdly large. */
static bool place_tables(const struct kept *k, size_t at[TABLES], size_t *size)
{
	static const uint64_t most = UINT64_C(1) << 32;
	const uint64_t n[TABLES] = { k->nr_symbols, k->symbol_hashes, k->type_hashes, k->names, k->btf };
	static const size_t each[TABLES] = { sizeof(struct symbol), sizeof(uint32_t), sizeof(uint32_t), 1, 1 };

	*size = sizeof(*k);
	for (int i = 0; i < TABLES; i++) {
		if (n[i] > most)
			return false;
		at[i] = *size;
		*size += (n[i] * each[i] + 7) & ~(size_t)7;
	}
	return true;
}

static uint64_t hash_kept(const char *file, size_t size)
{
	enum { FROM = offsetof(struct kept, nr_symbols) };

	return XXH3_64bits(file + FROM, size - FROM);
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* The tables stay mapped. */
static bool recall_types(const char *path, struct kernel_types *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct kt_err ignored;
	struct kept k;
	struct stat st;
	size_t at[TABLES], size;

	if (fd < 0 || cache_check_owner(fd, S_IFREG, &ignored) || fstat(fd, &st) || pread(fd, &k, sizeof(k), 0) != sizeof(k) ||
	    memcmp(k.magic, kept_magic, sizeof(k.magic)) || !place_tables(&k, at, &size) || (uint64_t)st.st_size != size ||
	    !is_power_of_two(k.symbol_hashes) || !is_power_of_two(k.type_hashes))
		return false;
	char *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		return false;
	struct btf *btf = hash_kept(file, size) == k.hash ? btf__new(file + at[4], (uint32_t)k.btf) : NULL;
	if (!btf) {
		munmap(file, size);
		return false;
	}
	*ret = (struct kernel_types){
		.symbols = { .v = (void *)(file + at[0]), .n = k.nr_symbols, .hash = (void *)(file + at[1]), .hash_size = k.symbol_hashes,
			     .names = file + at[3] },
		.btf = btf, .by_name = (void *)(file + at[2]), .size = k.type_hashes,
	};
	return true;
}

/* If the file cannot be written, the next run is slower, and not wrong. */
static void keep_types(const char *path, const struct kernel_types *types)
{
	const struct kallsyms *s = &types->symbols;
	uint32_t btf_size;
	const void *btf = btf__raw_data(types->btf, &btf_size);
	struct kept k = { .nr_symbols = s->n, .symbol_hashes = s->hash_size, .type_hashes = types->size, .names = kallsyms_names_size(s),
			  .btf = btf_size };
	size_t at[TABLES], size;

	memcpy(k.magic, kept_magic, sizeof(k.magic));
	if (!btf || !place_tables(&k, at, &size))
		return;
	_cleanup_free_ char *file = xcalloc(size, 1);
	memcpy(file, &k, sizeof(k));
	memcpy(file + at[0], s->v, s->n * sizeof(*s->v));
	memcpy(file + at[1], s->hash, s->hash_size * sizeof(*s->hash));
	memcpy(file + at[2], types->by_name, types->size * sizeof(*types->by_name));
	memcpy(file + at[3], s->names, k.names);
	memcpy(file + at[4], btf, btf_size);
	k.hash = hash_kept(file, size);
	memcpy(file, &k, sizeof(k));
	cache_write(path, file, size, NULL);
}

int kernel_types_recall(const char *vmlinux, struct kernel_types *ret, struct kt_err *err)
{
	_cleanup_close_ int fd = open(vmlinux, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *dir = cache_dir("types", NULL), *path = NULL;
	char digest[SHA256_HEX_SIZE];
	struct kt_err ignored;

	if (fd >= 0 && dir && digest_known_file(fd, digest, &ignored) >= 0)
		path = xasprintf("%s/%s", dir, digest);
	if (path && recall_types(path, ret))
		return 0;
	if (kernel_types_read(vmlinux, ret, err))
		return -1;
	if (path)
		keep_types(path, ret);
	return 0;
}
