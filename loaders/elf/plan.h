/*
 * Plans: what the names of an object were bound to, kept with the tables that asked for them. An
 * object whose tables ask the same, as code does that was generated or built anew, has all its
 * answers by comparing a few kilobytes, and not a name at a time. Everything here between
 * elf_imports_begin() and elf_imports_end().
 */
#ifndef SOLOAD_LOADERS_ELF_PLAN_H
#define SOLOAD_LOADERS_ELF_PLAN_H

#include "loaders/elf/imports.h"

struct elf_answer {
	uintptr_t address;
	bool known;	/* false: not asked for yet */
	bool elsewhere; /* the address is what the symbol stands for, whatever the object has */
};

struct elf_plan {
	size_t count; /* symbols 0 … count - 1 are those of the object it was made for */
	struct elf_answer *answers;
};

/* A load begins: how often plans are used is counted in loads. */
void elf_plans_load(void);

/* Whether plans were made or are gone since `*stamp`, which is brought up to date; 0 = never seen.
 * While none were, a pointer to one stays good, whoever had the lock meanwhile. */
bool elf_plans_moved(uint64_t *stamp);

/* The plan of an object with these names, versions and needed libraries; NULL = none. */
struct elf_plan *elf_plan_find(const struct elf_file *file, const struct elf_scope *scope);

/*
 * A new plan, without an answer yet: `asked` relocations ask for some of the first `count` symbols.
 * NULL where comparing would cost more than it saves, where all plans there may be are in use, or
 * without memory; nothing is lost then but time.
 */
struct elf_plan *elf_plan_make(const struct elf_file *file, const struct elf_scope *scope,
			       size_t count, size_t asked);

/* The libraries have changed: no answer is true any more. */
void elf_plans_forget(void);

#endif
