/* The names an ELF file has for its functions: symbol tables, compressed ones, and markers. */
#ifndef SOLOAD_PROBES_NAMES_H
#define SOLOAD_PROBES_NAMES_H

#include "base/err.h"
#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

struct Elf;

struct names_file {
	struct file_bytes bytes;
	struct Elf *elf;
	unsigned int machine; /* EM_* */
};

typedef void (*names_take)(void *to, const char *name, uint64_t address);

int names_open(struct names_file *file, const char *path, struct err *err);
void names_close(struct names_file *file);

/* Hex, or "" where there is none. */
void names_build_id(const struct names_file *file, char *ret_text, size_t size);

/* Where a virtual address lies in the file, in an executable segment, and how many bytes are left
 * there. */
int names_offset(const struct names_file *file, uint64_t address, uint64_t *ret_offset,
		 size_t *ret_left);

/* Every defined function of a section of this type (SHT_SYMTAB, SHT_DYNSYM). */
int names_symbols(const struct names_file *file, unsigned int type, names_take take, void *to);

/* The same for the symbol table inside .gnu_debugdata. -ENOTSUP without liblzma. */
int names_debugdata(const struct names_file *file, names_take take, void *to);

/* Every marker of this provider in .note.stapsdt, with the address of its instruction. */
int names_markers(const struct names_file *file, const char *provider, names_take take, void *to);

/* PT_INTERP, or "". */
void names_interpreter(const struct names_file *file, char *ret_path, size_t size);

#endif
