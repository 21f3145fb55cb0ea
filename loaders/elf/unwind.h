/*
 * Exceptions and backtraces through loaded code.
 *
 * Unwinders look for the frame tables of an address with _dl_find_object() (glibc 2.35 and a libgcc
 * or libunwind that uses it) or dl_iterate_phdr(). A program that links interpose.c and exports its
 * _dl_find_object answers them for loaded objects too: nothing has to be registered. Elsewhere each
 * object is registered with __register_frame(), which costs microseconds per load and more at the
 * first throw; and libgcc's look-up then takes a lock, so that a signal handler that wants a
 * backtrace may wait for ever for the exception it interrupted.
 */
#ifndef SOLOAD_LOADERS_ELF_UNWIND_H
#define SOLOAD_LOADERS_ELF_UNWIND_H

#include "loaders/elf/file.h"

#include <stdint.h>

/* Frames that were registered, and how the unwinder that has them forgets them; begin NULL = none.
 */
struct elf_frames {
	void *begin;
	void (*remove)(void *begin);
};

/* Registers the frames when nothing else makes them known. When none were registered, `ret_note`
 * says why when unwinding will not work. */
struct elf_frames elf_unwind_add(const struct elf_file *file, uintptr_t base,
				 const char **ret_note);
void elf_unwind_remove(struct elf_frames *frames);

void elf_unwind_lock(void); /* for fork */
void elf_unwind_unlock(void);

/* What objects get for these names, so that unwinders linked into them find them. */
int elf_unwind_find_object(void *address, void *ret_found);
struct dl_phdr_info;
int elf_unwind_iterate(int (*visit)(struct dl_phdr_info *object, size_t size, void *context),
		       void *context);

#endif
