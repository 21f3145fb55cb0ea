/*
 * What the hash and version tables say: the number of symbols, the names of versions. Lists of
 * offsets inside the file, so every step is checked, and every list only goes forward, so it ends.
 */
#include "loaders/elf/file.h"

#include <errno.h>

typedef Elf64_Verdef elf_verdef __attribute__((aligned(1)));
typedef Elf64_Verdaux elf_verdaux __attribute__((aligned(1)));
typedef Elf64_Verneed elf_verneed __attribute__((aligned(1)));
typedef Elf64_Vernaux elf_vernaux __attribute__((aligned(1)));

typedef int version_visit(void *context, const struct elf_version *version);

#define VERSIONS_MAX 0x8000 /* an index has 15 bits; overlapping lists could go on for hours */

size_t elf_symbol_count(const struct elf_file *file)
{
	const struct elf_hash_gnu *hash = &file->dynamic.gnu_hash;
	uint32_t last = 0;

	if (file->dynamic.hash.bucket_count)
		return file->dynamic.hash.chain_count;
	for (uint32_t i = 0; i < hash->bucket_count; i++) {
		if (hash->buckets[i] > last)
			last = hash->buckets[i];
	}
	if (last < hash->first_symbol)
		return hash->first_symbol < file->dynamic.symbol_max ? hash->first_symbol
								     : file->dynamic.symbol_max;
	for (uint64_t at = last - hash->first_symbol; at < hash->chain_max; at++) {
		if (hash->chains[at] & 1)
			return (size_t)(at + hash->first_symbol + 1);
	}
	return (size_t)hash->chain_max + hash->first_symbol;
}

/* A table of records, and how far it has been read. */
struct table {
	const unsigned char *bytes;
	size_t size, read;
};

/* A record of `bytes` bytes at `at`, or NULL. */
static const void *record_at(struct table *table, uint64_t at, size_t bytes)
{
	if (at > table->size || bytes > table->size - at)
		return NULL;
	if (at + bytes > table->read)
		table->read = at + bytes;
	return table->bytes + at;
}

static int table_broken(const char *name, struct err *err)
{
	return err_set(err, ENOEXEC, "%s is broken: an entry or a name lies outside", name);
}

/* One walk: what is called, and how often it still may be. */
struct walk {
	const struct elf_file *file;
	struct table needs, defs;
	version_visit *visit;
	void *context;
	unsigned int left;
};

static int walk_visit(struct walk *walk, const struct elf_version *version, struct err *err)
{
	if (walk->left == 0)
		return err_set(err, ENOEXEC, "more than %d symbol versions", VERSIONS_MAX);
	walk->left--;
	return walk->visit(walk->context, version);
}

static int need_walk(struct walk *walk, uint64_t at, struct err *err)
{
	const struct elf_file *file = walk->file;
	const elf_verneed *need = record_at(&walk->needs, at, sizeof(*need));
	uint16_t left = need->vn_cnt;
	uint64_t aux = at + need->vn_aux;
	struct elf_version version = { .from = elf_string(file, need->vn_file) };
	const elf_vernaux *entry;
	int r;

	if (!left)
		return table_broken("DT_VERNEED", err);
	for (; left; left--) {
		entry = record_at(&walk->needs, aux, sizeof(*entry));
		/* The dynamic linker goes by vna_next alone. */
		if (!entry || !version.from || (entry->vna_next == 0) != (left == 1))
			return table_broken("DT_VERNEED", err);
		version.name = elf_string(file, entry->vna_name);
		version.index = entry->vna_other & 0x7fff;
		version.weak = entry->vna_flags & VER_FLG_WEAK;
		if (!version.name)
			return table_broken("DT_VERNEED", err);
		r = walk_visit(walk, &version, err);
		if (r)
			return r;
		aux += entry->vna_next;
	}
	return 0;
}

static int needs_walk(struct walk *walk, struct err *err)
{
	const elf_verneed *need;
	uint64_t at = 0;
	int r;

	for (;;) {
		need = record_at(&walk->needs, at, sizeof(*need));
		if (!need || need->vn_version != VER_NEED_CURRENT)
			return table_broken("DT_VERNEED", err);
		r = need_walk(walk, at, err);
		if (r || need->vn_next == 0)
			return r;
		at += need->vn_next;
	}
}

static int defs_walk(struct walk *walk, struct err *err)
{
	const struct elf_file *file = walk->file;
	struct elf_version version = { 0 };
	const elf_verdaux *aux;
	const elf_verdef *def;
	uint64_t at = 0;
	int r;

	for (;;) {
		def = record_at(&walk->defs, at, sizeof(*def));
		if (!def || def->vd_version != VER_DEF_CURRENT)
			return table_broken("DT_VERDEF", err);
		aux = record_at(&walk->defs, at + def->vd_aux, sizeof(*aux));
		version.name = aux ? elf_string(file, aux->vda_name) : NULL;
		if (!version.name)
			return table_broken("DT_VERDEF", err);
		version.index = def->vd_ndx & 0x7fff;
		version.weak = def->vd_flags & VER_FLG_WEAK;
		version.base = def->vd_flags & VER_FLG_BASE;
		r = walk_visit(walk, &version, err);
		if (r || def->vd_next == 0)
			return r;
		at += def->vd_next;
	}
}

static int tables_walk(struct walk *walk, struct err *err)
{
	const struct elf_dynamic *dynamic = &walk->file->dynamic;
	int r = 0;

	walk->needs = (struct table){ dynamic->version_needs, dynamic->version_need_bytes, 0 };
	walk->defs = (struct table){ dynamic->version_defs, dynamic->version_def_bytes, 0 };
	walk->left = VERSIONS_MAX;
	if (walk->needs.bytes)
		r = needs_walk(walk, err);
	if (r == 0 && walk->defs.bytes)
		r = defs_walk(walk, err);
	return r;
}

int elf_versions(const struct elf_file *file, version_visit *visit, void *context, struct err *err)
{
	struct walk walk = { .file = file, .visit = visit, .context = context };

	return tables_walk(&walk, err);
}

static int nothing_visit(void *context, const struct elf_version *version)
{
	(void)context;
	(void)version;
	return 0;
}

int elf_versions_span(const struct elf_file *file, size_t *ret_need_bytes, size_t *ret_def_bytes)
{
	struct walk walk = { .file = file, .visit = nothing_visit };
	int r = tables_walk(&walk, NULL);

	if (r == 0) {
		*ret_need_bytes = walk.needs.read;
		*ret_def_bytes = walk.defs.read;
	}
	return r;
}
