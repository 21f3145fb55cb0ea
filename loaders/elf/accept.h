/* Which objects this loader takes, and a sentence for each it does not. */
#ifndef SOLOAD_LOADERS_ELF_ACCEPT_H
#define SOLOAD_LOADERS_ELF_ACCEPT_H

#include "loaders/elf/arena.h"
#include "loaders/elf/file.h"

struct elf_arch;

/* Fills in the machine; -ENOEXEC with the reason when anything the object asks for is unknown, or
 * would be ignored by loading it. */
int elf_file_accept(const struct elf_file *file, const struct elf_arena *arena,
		    const struct elf_arch **ret_arch, struct err *err);

/* Whether its code may be mapped so that indirect branches land on marked instructions only. */
bool elf_file_guarded(const struct elf_file *file, const struct elf_arena *arena);

/* What of that the machine and the program have; asked once. */
void elf_arena_probe(struct elf_arena *arena);

#endif
