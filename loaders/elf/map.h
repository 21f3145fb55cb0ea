/*
 * Memory for objects: an arena of slots that stay mapped between loads, and mappings of their own
 * for what does not fit.
 *
 * A slot is a fixed range of addresses with a border in it. Below the border is a shared mapping of
 * a memory file, readable and executable; above it are private writable pages. An object is placed
 * so that its last read-only page ends at the border. What is below the border is written through
 * the memory file: strictly with pwritev(2), so that no writable alias of executable memory ever
 * exists; or, on request, through a second, writable mapping (dual map), which costs no system
 * call. Either way the next load changes no page table entry.
 */
#ifndef SOLOAD_LOADERS_ELF_MAP_H
#define SOLOAD_LOADERS_ELF_MAP_H

#include "base/err.h"
#include "loaders/elf/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct elf_arena;
struct elf_slot;

struct elf_arena_options {
	unsigned int slots; /* 0 = default (8), at most 64 */
	uint64_t
		slot_bytes; /* address space of one slot, rounded up to 2 MB; 0 = default (16 MB) */
	bool dualmap;	    /* a writable alias of the code instead of pwritev */
	bool fresh;	    /* no slots: every load gets a mapping of its own */
};

/* Reserves addresses only; pages come with the first loads and stay. */
int elf_arena_new(struct elf_arena **ret_arena, const struct elf_arena_options *options,
		  struct err *err);
/* Every object of it must be unloaded; pinned ones keep the arena's memory until the process ends.
 */
void elf_arena_free(struct elf_arena *arena);

/* Where relocations write a range of addresses: at `write` + (address - begin). */
struct elf_window {
	uint64_t begin, end;
	unsigned char *write;
};

#define ELF_WINDOWS_MAX 8

/* Where one object lives. */
struct elf_place {
	uint64_t base;	       /* the load bias */
	struct elf_slot *slot; /* NULL = a mapping of its own */
	void *mapping;	       /* of its own: begin and size */
	size_t mapping_bytes;
	int fd;		      /* the memory file to write to, -1 = none */
	unsigned char *alias; /* where address 0 of the object is in the writable alias, or NULL */
	unsigned char *scratch; /* RELRO pages while they are computed, or NULL */
	size_t scratch_bytes;
	size_t window_count;
	struct elf_window windows[ELF_WINDOWS_MAX];
	const char *note; /* why it is not in a slot, or NULL; static */
};

#endif
