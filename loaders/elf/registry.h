/*
 * Which loaded object an address belongs to: for unwinders (at any time, also in a signal handler),
 * for destructors that name their object by an address, and for debuggers.
 */
#ifndef SOLOAD_LOADERS_ELF_REGISTRY_H
#define SOLOAD_LOADERS_ELF_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_object;

struct elf_mapped {
	uintptr_t begin, end; /* addresses of the object; 0 = a free entry */
	uintptr_t frames;     /* its PT_GNU_EH_FRAME, 0 = none */
	struct elf_object *object;
};

/* -1 without memory. An object that nobody finds must not run: its thread-exit destructors would
 * not be counted. */
int elf_registry_add(const struct elf_mapped *mapped);

/* Before the object's memory goes: waits for those who visit it, so never called in a visit. */
void elf_registry_remove(int entry);

/* No lock, no allocation. */
bool elf_registry_find(uintptr_t address, struct elf_mapped *ret_mapped);

/* Calls `visit` for each object, in no order, until it returns a value that is not 0. */
int elf_registry_walk(int (*visit)(void *context, const struct elf_mapped *mapped), void *context);

/* As walk, for functions of others, at any time: no object goes while it is visited. They may leave
 * by an exception or pthread_exit(). */
int elf_registry_visit(int (*visit)(void *context, const struct elf_mapped *mapped), void *context);

void elf_registry_lock(void); /* for fork */
void elf_registry_unlock(void);
void elf_registry_forget_visitors(void); /* in the child: they are not here */

#endif
