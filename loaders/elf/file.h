/*
 * An ELF shared object in memory, checked: the one place where bounds are.
 *
 * elf_file_check() is the only maker of a `struct elf_file`. Every pointer, count and range in it
 * lies inside the bytes that were given, so the files that take a `const struct elf_file *` read
 * without asking again. What a table refers to (a symbol's name, a relocation's symbol, a version)
 * is checked where it is followed, through the functions below. Nothing here depends on the machine
 * the object is for, and section headers are never read.
 *
 * The views have alignment 1: `bytes` may lie anywhere, and so may a table in a hostile file.
 */
#ifndef SOLOAD_LOADERS_ELF_FILE_H
#define SOLOAD_LOADERS_ELF_FILE_H

#include "base/err.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef Elf64_Phdr elf_phdr __attribute__((aligned(1)));
typedef Elf64_Dyn elf_dyn __attribute__((aligned(1)));
typedef Elf64_Sym elf_sym __attribute__((aligned(1)));
typedef Elf64_Rela elf_rela __attribute__((aligned(1)));
typedef uint16_t elf_half __attribute__((aligned(1)));
typedef uint32_t elf_word __attribute__((aligned(1)));
typedef uint64_t elf_xword __attribute__((aligned(1)));

#ifndef DT_RELR /* elf.h before glibc 2.36; values of the generic ABI */
#define DT_RELRSZ 35
#define DT_RELR 36
#define DT_RELRENT 37
#endif

#define ELF_NEEDED_MAX 1024 /* more is refused */
#define ELF_LOADS_MAX \
	32 /* PT_LOADs that are not empty; the largest seen in a distribution is 9 \
	    */
#define ELF_ADDRESS_MAX \
	(UINT64_C(1) << 47) /* exclusive: half of the smallest 64-bit user space \
			     */

/* A PT_LOAD (or PT_TLS) as the rest reads it: file_bytes <= memory_bytes, all inside the file,
 * `align` a power of two. */
struct elf_segment {
	uint64_t address; /* p_vaddr, from the object's own zero */
	uint64_t memory_bytes;
	uint64_t file_bytes;
	uint64_t offset; /* into the file */
	uint64_t align;
	uint32_t flags; /* PF_R, PF_W, PF_X */
};

/* A range of the object's addresses, inside one PT_LOAD; bytes 0 = absent. */
struct elf_span {
	uint64_t address, bytes;
};

struct elf_hash_sysv {
	uint32_t bucket_count, chain_count; /* 0 buckets = absent or empty */
	const elf_word *buckets, *chains;
};

struct elf_hash_gnu {
	uint32_t bucket_count; /* 0 = absent or empty */
	uint32_t first_symbol;
	uint32_t bloom_mask; /* words - 1, a power of two minus one */
	uint32_t bloom_shift;
	uint32_t chain_max; /* chain words that may be read: for symbols first_symbol and up */
	const elf_xword *bloom;
	const elf_word *buckets, *chains;
};

/* Addresses of tables: where their views are once the object is mapped. */
struct elf_dynamic_at {
	uint64_t entries, strings, symbols, hash, gnu_hash;
	uint64_t versions, version_defs, version_needs;
	uint64_t rela, plt_rela, relr;
};

/* The dynamic section, resolved. Absent tables have count 0; absent addresses and flags are 0. */
struct elf_dynamic {
	struct elf_dynamic_at at;
	const elf_dyn *entries; /* up to DT_NULL, which must exist */
	size_t count;
	const char *strings; /* ends with a NUL, so every string inside it ends */
	size_t string_bytes;
	const elf_sym *symbols;
	size_t symbol_max; /* symbols that may be read; their number is elf_symbol_count() */
	struct elf_hash_sysv hash;
	struct elf_hash_gnu gnu_hash;
	const elf_half *versions; /* DT_VERSYM */
	size_t version_max;
	const unsigned char *version_defs, *version_needs; /* walk them with elf_versions() */
	size_t version_def_bytes, version_need_bytes;	   /* that may be read */
	const elf_rela *rela, *plt_rela;
	size_t rela_count, plt_rela_count;
	const elf_xword *relr;
	size_t relr_count;
	uint64_t init, fini; /* addresses of functions */
	struct elf_span init_array, fini_array, preinit_array;
	const char *soname, *runpath, *rpath;
	size_t needed_count;
	uint64_t flags, flags_1; /* DT_FLAGS, DT_FLAGS_1 */
	bool text_relocations, symbolic, bind_now;
	bool relocations_without_addend; /* DT_REL: no 64-bit machine this project knows has it */
	bool unknown;			 /* at least one tag is not understood, the first is */
	int64_t unknown_tag;
};

struct elf_file {
	const unsigned char *bytes;
	size_t size;
	uint16_t machine; /* EM_* */
	uint8_t os_abi;	  /* ELFOSABI_* */
	uint32_t flags;	  /* e_flags */
	uint64_t entry;
	const elf_phdr *headers;
	size_t header_count;
	struct elf_segment loads[ELF_LOADS_MAX]; /* ascending, not overlapping, none empty */
	size_t load_count;			 /* at least 1 */
	uint64_t begin, end;			 /* of the addresses of all loads */
	uint64_t align;				 /* the largest of all loads */
	struct elf_segment tls;			 /* memory_bytes 0 = none */
	struct elf_span relro, eh_frame_hdr;
	bool stack_executable; /* PT_GNU_STACK asks for it */
	bool interpreter;      /* PT_INTERP: a program, or libc */
	struct elf_dynamic dynamic;
	bool mapped;	/* the views are of the image mapped with `bias`, see elf_file_rebase() */
	uintptr_t bias; /* in addresses */
};

/*
 * Checks `size` bytes and fills in the views; `bytes` must stay as they are while `ret_file` is
 * used. -ENOEXEC with a sentence when it is not a 64-bit little-endian ELF shared object, or when
 * anything points outside of what it may. `ret_file` is worthless then. No allocation.
 */
int elf_file_check(struct elf_file *ret_file, const void *bytes, size_t size, struct err *err);

/* The end of the last byte a loader needs: [0, loadable_bytes) of the file is enough to load it
 * (when e_shoff, e_shnum and e_shstrndx are zeroed). The program headers are inside. */
size_t elf_loadable_bytes(const struct elf_file *file);

/* What is mapped in bytes: the sum of the PT_LOADs' file_bytes. */
uint64_t elf_load_bytes(const struct elf_file *file);

/* `bytes` bytes at an address of the object, as they are in the file; NULL when they are not all
 * inside the file's part of one PT_LOAD. */
const void *elf_bytes_at(const struct elf_file *file, uint64_t address, uint64_t bytes);

/* The PT_LOAD that holds all of a range, memory included; NULL when none does. */
const struct elf_segment *elf_load_at(const struct elf_file *file, uint64_t address,
				      uint64_t bytes);

/* The string at an offset into the string table, NULL when outside. */
static inline const char *elf_string(const struct elf_file *file, uint64_t offset)
{
	return offset < file->dynamic.string_bytes ? file->dynamic.strings + offset : NULL;
}

/* The number of dynamic symbols, counted through the hash tables (or 0 without any). */
size_t elf_symbol_count(const struct elf_file *file);

/* The i-th DT_NEEDED, i < needed_count; NULL when its name is outside the string table. */
const char *elf_needed(const struct elf_file *file, size_t i);

/* One entry of the version tables; the strings are inside the string table. */
struct elf_version {
	const char *name;
	const char *from; /* DT_VERNEED: the file expected to have it; NULL in DT_VERDEF */
	uint16_t index;	  /* as used in DT_VERSYM, without the hidden bit */
	bool weak;	  /* VER_FLG_WEAK */
	bool base;	  /* VER_FLG_BASE: the name of the object, not a version */
};

/*
 * Calls `visit` for each version the object needs, then for each it defines; stops at and returns
 * its first value that is not 0. -ENOEXEC with a sentence when a table is broken.
 */
int elf_versions(const struct elf_file *file,
		 int (*visit)(void *context, const struct elf_version *version), void *context,
		 struct err *err);

/* How many bytes of either table such a walk looks at; -ENOEXEC when a table is broken. */
int elf_versions_span(const struct elf_file *file, size_t *ret_need_bytes, size_t *ret_def_bytes);

/* The GNU build id: its bytes inside the file and their number, or 0 when there is none. */
size_t elf_build_id(const struct elf_file *file, const unsigned char **ret_bytes);

/* The 32-bit value of a GNU property (GNU_PROPERTY_X86_FEATURE_1_AND …), 0 when absent. */
uint32_t elf_property(const struct elf_file *file, uint32_t type);

/* "x86_64", "aarch64", … or "machine 243" written to `buffer`, which is returned or not used. */
const char *elf_machine_name(uint16_t machine, char *buffer, size_t size);

#endif
