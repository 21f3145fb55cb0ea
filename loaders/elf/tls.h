/*
 * Thread-local storage of loaded objects.
 *
 * Every object with PT_TLS is a module. Its general, local and descriptor accesses reach a block
 * that a thread gets when it first asks, through this library's own __tls_get_addr and descriptor
 * resolver. Initial-exec accesses need one offset from the thread pointer for all threads: the
 * dynamic linker provides it, see carrier.h.
 */
#ifndef SOLOAD_LOADERS_ELF_TLS_H
#define SOLOAD_LOADERS_ELF_TLS_H

#include "base/err.h"
#include "loaders/elf/file.h"

#include <stdatomic.h>

#define ELF_TLS_MODULES_MAX 1024 /* live objects with PT_TLS; an index of 0 is no module */

/* Makes a module of the object's PT_TLS, its initial image in the mapped object at `base`. */
int elf_tls_add(const struct elf_file *file, uintptr_t base, uint32_t *ret_module, struct err *err);

/* Once the object is in place: refuses what only now turns out not to be possible. */
int elf_tls_settle(uint32_t module, struct err *err);

/* Frees the module's block in every thread. No thread may use the object any more. 0 is fine. */
void elf_tls_remove(uint32_t module);

/* Frees the blocks, as remove does, and keeps the module: every thread starts from the initial
 * image again. -ENOTSUP for one with initial-exec accesses, whose blocks belong to the dynamic
 * linker. */
int elf_tls_reset(uint32_t module);

/* The calling thread's copy of a module's variable; NULL when there is no memory for it. */
void *elf_tls_address(uint32_t module, uint64_t offset);

/* The words relocations ask for; `module` is this library's, `foreign` the dynamic linker's. */
uint64_t elf_tls_word(uint32_t module);
struct elf_tls_place {
	uint32_t module;
	const struct elf_file *file;
	const void *image; /* initial bytes, as far as they are relocated */
	uint64_t offset;
};
int elf_tls_static(const struct elf_tls_place *place, uint64_t *ret_word, struct err *err);
int elf_tls_static_foreign(uint64_t foreign, uint64_t offset, uint64_t *ret_word, struct err *err);
int elf_tls_descriptor(uint32_t module, uint64_t foreign, uint64_t offset, uint64_t ret_words[2],
		       struct err *err);
void elf_tls_descriptor_absent(uint64_t addend, uint64_t ret_words[2]);

/* What objects get for __tls_get_addr. */
struct elf_tls_index {
	uint64_t module, offset;
};
void *elf_tls_get_addr(const struct elf_tls_index *index);

void elf_tls_lock(void); /* for fork */
void elf_tls_unlock(void);

#endif
