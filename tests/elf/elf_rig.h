/*
 * What the tests of the in-memory ELF loader share: an arena, an object in it, what that answers.
 * Where one of them cannot be had the test, or its group's setup, fails in words.
 */
#ifndef SOLOAD_TESTS_ELF_RIG_H
#define SOLOAD_TESTS_ELF_RIG_H

#include "base/file.h"
#include "loaders/elf/object.h"

struct elf_arena *rig_arena(struct elf_arena_options options);

/* Its bytes alone, no file. `name` may be NULL. */
struct elf_object *rig_load(struct elf_arena *arena, const struct file_bytes *bytes,
			    const char *name);

void *rig_symbol(struct elf_object *object, const char *name);

/* What `probe` of tests/fixtures/elf answers. */
long rig_call(struct elf_object *object);

#endif
