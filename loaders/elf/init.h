/* Constructors and destructors of an object, and those it registers while it runs. */
#ifndef SOLOAD_LOADERS_ELF_INIT_H
#define SOLOAD_LOADERS_ELF_INIT_H

#include "loaders/elf/object.h"

/* When a constructor leaves by an exception, elf_object_abandon() is called while it passes. */
void elf_init_run(struct elf_object *object);
void elf_fini_run(struct elf_object *object);

/*
 * What an object gets instead of the process's function of that name, NULL when it gets that one:
 * the few that must know the object to which an address belongs.
 */
uintptr_t elf_substitute_find(const char *name, size_t length);

#endif
