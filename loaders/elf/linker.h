/* Questions to the dynamic linker, answered as it would bind the same name itself. */
#ifndef SOLOAD_LOADERS_ELF_LINKER_H
#define SOLOAD_LOADERS_ELF_LINKER_H

#include "loaders/elf/imports.h"

/* Looks in the global scope, then in the libraries of `scope`, after what this library substitutes.
 */
enum elf_found elf_linker_ask(const struct elf_scope *scope, const struct elf_name *name,
			      uintptr_t *ret_address);

/* The library an address is in stays for the life of the process. */
void elf_linker_keep(uintptr_t address);

/* How many libraries are in the global scope. 0 where the C library is not one that tells: then one
 * that is loaded already and becomes global goes unnoticed. */
uint32_t elf_linker_global_count(void);

#endif
