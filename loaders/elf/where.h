/* What an address of loaded code or data is, for whoever has to say it in a signal handler. */
#ifndef SOLOAD_LOADERS_ELF_WHERE_H
#define SOLOAD_LOADERS_ELF_WHERE_H

#include <stdbool.h>
#include <stdint.h>

struct elf_where {
	uintptr_t base;	    /* the object's load bias */
	const char *object; /* the name it came with, never NULL */
	const char *symbol; /* NULL = none begins at or before the address */
	uintptr_t symbol_address;
};

/* False when the address is in no object. No lock, no allocation, no system call; the strings are
 * the object's. */
bool elf_where(uintptr_t address, struct elf_where *ret_where);

#endif
