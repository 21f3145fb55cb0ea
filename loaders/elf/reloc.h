/* Relocations: one walk for all machines. */
#ifndef SOLOAD_LOADERS_ELF_RELOC_H
#define SOLOAD_LOADERS_ELF_RELOC_H

#include "loaders/elf/object.h"

/* Applies everything but what needs the object's own resolvers to run, which it reports in
 * object->indirect. Imports are bound. */
int elf_reloc_apply(struct elf_object *object, struct err *err);

/* Runs the object's resolvers and writes their answers; code must be in place. */
int elf_reloc_resolve(struct elf_object *object, struct err *err);

/* Calls a resolver function (STT_GNU_IFUNC) as this machine's C library does. */
uintptr_t elf_resolver_run(uintptr_t function);

#endif
