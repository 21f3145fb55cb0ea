/*
 * A library as the judge reads it in the file: which symbols can be compared between two loaders,
 * which words relocations fill, and which of those nobody changes afterwards.
 */
#ifndef SOLOAD_TESTS_LIBRARIES_LIBRARY_H
#define SOLOAD_TESTS_LIBRARIES_LIBRARY_H

#include "base/file.h"
#include "loaders/elf/file.h"

struct library {
	const char *path;
	struct file_bytes file;
	struct elf_file elf;
	uint32_t *symbols; /* indices of the exported ones */
	uint64_t *slots;   /* addresses relocated words have */
	uint32_t symbol_count, slot_count;
	unsigned char *relocated; /* one bit per word of the object's addresses */
};

/* On failure library_close() is due all the same. */
int library_open(struct library *library, const char *path, struct err *err);
void library_close(struct library *library);

/* The name of the i-th of the symbols to compare. */
const char *library_symbol(const struct library *library, uint32_t i);

#endif
