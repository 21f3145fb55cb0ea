/* The dynamic section's part of the check; called by elf_file_check() alone, once the segments are
 * known to be sound. */
#ifndef SOLOAD_LOADERS_ELF_DYNAMIC_H
#define SOLOAD_LOADERS_ELF_DYNAMIC_H

#include "loaders/elf/file.h"

/* Fills in file->dynamic from the PT_DYNAMIC at `span`. */
int elf_dynamic_check(struct elf_file *file, struct elf_span span, struct err *err);

#endif
