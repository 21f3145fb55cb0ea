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

/* Where a byte of the file is in the mapped image; NULL when it is in no segment. Tables do not
 * cross segments, so their first byte decides. */
static const void *byte_rebase(const struct elf_file *file, const void *byte, uintptr_t bias)
{
	uint64_t offset = (uint64_t)((const unsigned char *)byte - file->bytes);

	for (size_t i = 0; byte && i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];

		if (offset >= load->offset && offset - load->offset < load->file_bytes)
			return (const void *)(bias + load->address + (offset - load->offset));
	}
	return NULL;
}

void elf_file_rebase(struct elf_file *file, uintptr_t bias)
{
	struct elf_dynamic *dynamic = &file->dynamic;

	file->headers = byte_rebase(file, file->headers, bias);
	if (!file->headers)
		file->header_count = 0;
	dynamic->entries = byte_rebase(file, dynamic->entries, bias);
	dynamic->strings = byte_rebase(file, dynamic->strings, bias);
	dynamic->symbols = byte_rebase(file, dynamic->symbols, bias);
	dynamic->versions = byte_rebase(file, dynamic->versions, bias);
	dynamic->version_defs = byte_rebase(file, dynamic->version_defs, bias);
	dynamic->version_needs = byte_rebase(file, dynamic->version_needs, bias);
	dynamic->gnu_hash.bloom = byte_rebase(file, dynamic->gnu_hash.bloom, bias);
	dynamic->gnu_hash.buckets = byte_rebase(file, dynamic->gnu_hash.buckets, bias);
	dynamic->gnu_hash.chains = byte_rebase(file, dynamic->gnu_hash.chains, bias);
	dynamic->hash.buckets = byte_rebase(file, dynamic->hash.buckets, bias);
	dynamic->hash.chains = byte_rebase(file, dynamic->hash.chains, bias);
	dynamic->rela = byte_rebase(file, dynamic->rela, bias);
	dynamic->plt_rela = byte_rebase(file, dynamic->plt_rela, bias);
	dynamic->relr = byte_rebase(file, dynamic->relr, bias);
	dynamic->soname = byte_rebase(file, dynamic->soname, bias);
	dynamic->runpath = byte_rebase(file, dynamic->runpath, bias);
	dynamic->rpath = byte_rebase(file, dynamic->rpath, bias);
	file->mapped = true;
	file->bias = bias;
	file->bytes = NULL;
}
