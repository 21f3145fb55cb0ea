/* The object's own dynamic symbols, by name through its hash tables. */
#ifndef SOLOAD_LOADERS_ELF_SYMBOLS_H
#define SOLOAD_LOADERS_ELF_SYMBOLS_H

#include "loaders/elf/file.h"

/* The defined symbol of that name, in its default version; NULL when there is none. */
const elf_sym *elf_symbol_find(const struct elf_file *file, const char *name);

/* The hash of the System V ABI, by which versions are told apart, too. */
uint32_t elf_hash_sysv(const char *name);

/* The same in any version, also one that only references with a version should find. */
const elf_sym *elf_symbol_find_any(const struct elf_file *file, const char *name);

/* The tables that begin with these words, which are believed: chain_max is the caller's to bound.
 */
static inline struct elf_hash_gnu elf_hash_gnu_view(const elf_word *words)
{
	return (struct elf_hash_gnu){
		.bucket_count = words[0],
		.first_symbol = words[1],
		.bloom_mask = words[2] - 1,
		.bloom_shift = words[3],
		.chain_max = UINT32_MAX,
		.bloom = (const elf_xword *)(words + 4),
		.buckets = words + 4 + (size_t)words[2] * 2,
		.chains = words + 4 + (size_t)words[2] * 2 + words[0],
	};
}

static inline struct elf_hash_sysv elf_hash_sysv_view(const elf_word *words)
{
	return (struct elf_hash_sysv){
		.bucket_count = words[0],
		.chain_count = words[1],
		.buckets = words + 2,
		.chains = words + 2 + words[0],
	};
}

/* Whether a symbol is a definition others may bind to. */
static inline bool elf_symbol_defined(const elf_sym *symbol)
{
	return symbol->st_shndx != SHN_UNDEF &&
	       (symbol->st_value != 0 || symbol->st_shndx == SHN_ABS ||
		ELF64_ST_TYPE(symbol->st_info) == STT_TLS);
}

/* Points all views into the image mapped with that bias, so that the bytes the object was loaded
 * from are not needed any more. */
void elf_file_rebase(struct elf_file *file, uintptr_t bias);

#endif
