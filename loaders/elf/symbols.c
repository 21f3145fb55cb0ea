/*
 * Lookup by name: the GNU hash table with its filter, else the System V one. Chains come from the
 * file: every index is bounded, and a chain that runs in circles ends.
 */
#include "loaders/elf/symbols.h"

#include <string.h>

static uint32_t hash_gnu(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

uint32_t elf_hash_sysv(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= hash >> 24 & 0xf0;
	}
	return hash & 0x0fffffff;
}

/* As dlsym: defined, global or weak, of a type with an address, and not a hidden version. */
static bool symbol_matches(const struct elf_file *file, size_t index, const char *name, bool any)
{
	const elf_sym *symbol = &file->dynamic.symbols[index];
	unsigned int bind = ELF64_ST_BIND(symbol->st_info), type = ELF64_ST_TYPE(symbol->st_info);
	const char *own = elf_string(file, symbol->st_name);

	if (!own || strcmp(own, name) != 0 || !elf_symbol_defined(symbol))
		return false;
	if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE)
		return false;
	if (type > STT_COMMON && type != STT_TLS && type != STT_GNU_IFUNC)
		return false;
	if (type == STT_SECTION || type == STT_FILE)
		return false;
	return any || index >= file->dynamic.version_max ||
	       !(file->dynamic.versions[index] & 0x8000) ||
	       (file->dynamic.versions[index] & 0x7fff) < 2;
}

static const elf_sym *find_gnu(const struct elf_file *file, const char *name, bool any)
{
	const struct elf_hash_gnu *table = &file->dynamic.gnu_hash;
	uint32_t hash = hash_gnu(name), index;
	uint64_t word = table->bloom[hash / 64 & table->bloom_mask];

	if (!(word >> (hash & 63) & word >> (hash >> table->bloom_shift & 63) & 1))
		return NULL;
	index = table->buckets[hash % table->bucket_count];
	if (index < table->first_symbol)
		return NULL;
	for (uint32_t at = index - table->first_symbol; at < table->chain_max; at++) {
		if ((table->chains[at] | 1) == (hash | 1) &&
		    symbol_matches(file, (size_t)at + table->first_symbol, name, any))
			return &file->dynamic.symbols[at + table->first_symbol];
		if (table->chains[at] & 1)
			break;
	}
	return NULL;
}

static const elf_sym *find_sysv(const struct elf_file *file, const char *name, bool any)
{
	const struct elf_hash_sysv *table = &file->dynamic.hash;
	uint32_t index = table->buckets[elf_hash_sysv(name) % table->bucket_count];

	for (uint32_t step = 0; step < table->chain_count; step++) {
		if (index == STN_UNDEF || index >= table->chain_count)
			break;
		if (symbol_matches(file, index, name, any))
			return &file->dynamic.symbols[index];
		index = table->chains[index];
	}
	return NULL;
}

static const elf_sym *find(const struct elf_file *file, const char *name, bool any)
{
	if (file->dynamic.gnu_hash.bucket_count)
		return find_gnu(file, name, any);
	if (file->dynamic.hash.bucket_count)
		return find_sysv(file, name, any);
	return NULL;
}

const elf_sym *elf_symbol_find(const struct elf_file *file, const char *name)
{
	return find(file, name, false);
}

const elf_sym *elf_symbol_find_any(const struct elf_file *file, const char *name)
{
	return find(file, name, true);
}

/* The program headers in the mapped image; NULL when they are not all in one segment. */
static const elf_phdr *headers_rebase(const struct elf_file *file, uintptr_t bias)
{
	uint64_t offset = (uint64_t)((const unsigned char *)file->headers - file->bytes);
	uint64_t bytes = file->header_count * sizeof(*file->headers);

	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t at = offset - load->offset; /* huge when before */

		if (at <= load->file_bytes && bytes <= load->file_bytes - at)
			return (const elf_phdr *)(bias + load->address + at);
	}
	return NULL;
}

/* A view of the file at an address of the object, or of what follows there; NULL stays NULL. */
#define REBASE(view, address) ((view) = (view) ? (const void *)(bias + (address)) : NULL)

static void tables_rebase(struct elf_dynamic *dynamic, uintptr_t bias)
{
	const struct elf_dynamic_at *at = &dynamic->at;
	const char *strings = dynamic->strings;
	struct elf_hash_gnu *gnu = &dynamic->gnu_hash;
	struct elf_hash_sysv *sysv = &dynamic->hash;
	uint64_t buckets = at->gnu_hash + 16 + ((uint64_t)gnu->bloom_mask + 1) * 8;

	REBASE(dynamic->soname, at->strings + (uint64_t)(dynamic->soname - strings));
	REBASE(dynamic->runpath, at->strings + (uint64_t)(dynamic->runpath - strings));
	REBASE(dynamic->rpath, at->strings + (uint64_t)(dynamic->rpath - strings));
	REBASE(dynamic->strings, at->strings);
	REBASE(dynamic->entries, at->entries);
	REBASE(dynamic->symbols, at->symbols);
	REBASE(dynamic->versions, at->versions);
	REBASE(dynamic->version_defs, at->version_defs);
	REBASE(dynamic->version_needs, at->version_needs);
	REBASE(dynamic->rela, at->rela);
	REBASE(dynamic->plt_rela, at->plt_rela);
	REBASE(dynamic->relr, at->relr);
	REBASE(gnu->bloom, at->gnu_hash + 16);
	REBASE(gnu->buckets, buckets);
	REBASE(gnu->chains, buckets + (uint64_t)gnu->bucket_count * 4);
	REBASE(sysv->buckets, at->hash + 8);
	REBASE(sysv->chains, at->hash + 8 + (uint64_t)sysv->bucket_count * 4);
}

void elf_file_rebase(struct elf_file *file, uintptr_t bias)
{
	file->headers = headers_rebase(file, bias);
	if (!file->headers)
		file->header_count = 0;
	tables_rebase(&file->dynamic, bias);
	file->mapped = true;
	file->bias = bias;
	file->bytes = NULL;
}
