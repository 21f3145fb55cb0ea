/*
 * Keeping an object between loads: what it takes to make one that has run as new again. Its code
 * and what RELRO protects cannot have changed; its variables are set back to what they were after
 * relocation, before the first constructor; every thread's copy of its thread-local ones goes.
 */
#ifndef SOLOAD_LOADERS_ELF_KEEP_H
#define SOLOAD_LOADERS_ELF_KEEP_H

#include "loaders/elf/object.h"

/* The variables of one run of writable pages: `bytes` of them are not zero (up to the last one that
 * is not), the rest is. */
struct elf_kept_run {
	unsigned char *to;
	size_t bytes, zero_bytes;
	size_t at; /* of its bytes in `pristine` */
};

struct elf_keep {
	struct elf_object *object;
	unsigned char *pristine;
	size_t run_count;
	struct elf_kept_run runs[ELF_RUNS_MAX / 2 + 1];
};

/*
 * Remembers an object that is committed and not started. -ENOTSUP when it is one that cannot be
 * made new again (initial-exec variables, never to be unloaded), -ENOMEM.
 */
int elf_keep_new(struct elf_object *object, struct elf_keep *ret_keep);
void elf_keep_free(struct elf_keep *keep); /* the object stays as it is */

/* Whether its imports are still what a load would bind now. */
bool elf_keep_current(const struct elf_keep *keep);

/* Puts the variables back. The object must not be started. */
void elf_keep_restore(const struct elf_keep *keep);

/* Constructors of an object that was started before, after elf_keep_restore(). */
void elf_keep_start(const struct elf_keep *keep);

/* As elf_object_stop(), but the object stays registered for unwinders. What is pinned must be given
 * to elf_object_unload(). */
enum elf_unloaded elf_keep_stop(const struct elf_keep *keep);

#endif
