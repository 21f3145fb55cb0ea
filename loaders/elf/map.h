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

#define ELF_SLOTS_MAX 64

struct elf_arena;
struct elf_slot;

struct elf_arena_options {
	uint64_t slots; /* 0 = default (8), at most ELF_SLOTS_MAX */
	uint64_t
		slot_bytes; /* address space of one slot, rounded up to 4 MB; 0 = default (16 MB) */
	uint64_t at;	    /* address to reserve, a multiple of 2 MB; 0, or taken: anywhere */
	bool dualmap;	    /* a writable alias of the code instead of pwritev */
	bool fresh;	    /* no slots: every load gets a mapping of its own */
};

/* Reserves addresses only; pages come with the first loads and stay. */
int elf_arena_new(struct elf_arena **ret_arena, const struct elf_arena_options *options,
		  struct err *err);
/* Every object of it must have been unloaded; with pinned ones, their slots and the arena stay
 * until the process ends. */
void elf_arena_free(struct elf_arena *arena);

/* Where a range of the object's addresses is written during a load: address A at `write` + A, as
 * numbers (the bias may be negative). */
struct elf_window {
	uint64_t begin, end;
	uintptr_t write;
};

#define ELF_WINDOWS_MAX 8

/* Where one object lives. Zeroed = nowhere. */
struct elf_place {
	uintptr_t base;	       /* the load bias */
	struct elf_slot *slot; /* NULL = a mapping of its own */
	void *mapping;	       /* of its own: all of it */
	size_t mapping_bytes;
	int fd;	       /* + 1, of the memory file its own mapping is written through; 0 = none */
	void *scratch; /* RELRO of its own mapping while it is computed */
	size_t scratch_bytes;
	bool direct; /* relocated in place, in the caller's file or plain memory: RELRO is closed at
			commit */
	bool announced;	     /* LeakSanitizer looks into its variables */
	size_t window_count; /* what relocations may write, ascending */
	struct elf_window windows[ELF_WINDOWS_MAX];
	const char *note; /* why it is not in a slot, or another oddity, or NULL; static */
};

/* A file to map from instead of copying; fd -1 = none. */
struct elf_backing {
	int fd;
	off_t offset;
};

/*
 * Takes memory for the object and copies into its windows what relocations will find there. Nothing
 * has to be released after a failure.
 */
int elf_place_take(struct elf_arena *arena, const struct elf_file *file,
		   const struct elf_layout *layout, struct elf_backing backing,
		   struct elf_place *ret_place, struct err *err);

/* Makes what was computed the object's memory: code and RELRO are written, and published to the
 * instruction caches. May be called again after further writes to the windows. */
int elf_place_write(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_place *place, struct err *err);

/* The last step: RELRO is closed, and what only a load needs. */
int elf_place_settle(const struct elf_layout *layout, struct elf_place *place, struct err *err);

void elf_place_release(struct elf_arena *arena, struct elf_place *place);

/* The window that holds `bytes` bytes at an address, NULL when none does: they may not be written.
 */
const struct elf_window *elf_place_window(const struct elf_place *place, uint64_t address,
					  uint64_t bytes);

/*
 * New code in these ranges of the executable mapping is visible to every thread's instruction fetch
 * when this returns. The one place that knows what a machine needs for it. All of them can be read.
 */
struct code_range {
	uintptr_t begin, end;
};
void code_publish(const struct code_range *ranges, size_t count);

#endif
