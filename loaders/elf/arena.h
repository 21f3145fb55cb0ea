/* Inside of the arena, for the files that place objects in it: map.c, slot.c, fresh.c, direct.c. */
#ifndef SOLOAD_LOADERS_ELF_ARENA_H
#define SOLOAD_LOADERS_ELF_ARENA_H

#include "loaders/elf/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#ifndef PROT_BTI /* aarch64, Linux 5.8 */
#define PROT_BTI 0
#endif

#define BORDER_ALIGN (UINT64_C(2) << 20) /* of the border in an unused slot: any usual p_align */

struct elf_slot {
	uintptr_t begin, end; /* its reserved addresses */
	uintptr_t border;     /* 0 = holds no pages yet */
	uintptr_t code_low;   /* pages from here to the border are there */
	uintptr_t write_high; /* pages from the border to here are there */
	uintptr_t alias; /* what to add to an address below the border to write it; 0 = strict */
	int fd;		 /* the memory file below the border, offset 0 = `begin`; -1 = none */
	bool guarded;	 /* its code is mapped so that only marked branch targets work (BTI) */
	bool shared;	 /* a forked process sees its code: new pages before the next load */
	bool used;
	unsigned char *scratch; /* RELRO while it is computed; strict only, kept */
	size_t scratch_bytes;
	struct elf_slot *next; /* free, the last released first */
};

struct elf_object;

struct elf_arena {
	pthread_mutex_t lock; /* of the lists below and the slots' `used` */
	struct elf_arena_options options;
	uint64_t page;
	void *reserved; /* all slots, then (dual map) all aliases */
	size_t reserved_bytes;
	uintptr_t alias; /* of address 0, 0 = strict */
	struct elf_slot slots[ELF_SLOTS_MAX];
	struct elf_slot *free;
	struct elf_object *spare;  /* objects to be used again */
	struct elf_object *pinned; /* unloaded, but not let go */
	atomic_uint pinned_count;  /* of that list; looked at without the lock */
	unsigned int pinned_for_ever;
	bool unsynced;		/* other threads cannot be told of new code; never on x86_64 */
	bool shadow_stack;	/* x86_64: this program runs with one */
	bool branch_guard;	/* aarch64: this machine has BTI */
	struct elf_arena *next; /* all arenas, for fork */
};

/* Takes a slot the layout fits into and makes sure of its pages. -ENOSPC when there is none (a
 * reason in `err`), other errors when pages cannot be had. */
int elf_slot_take(struct elf_arena *arena, const struct elf_layout *layout, bool guarded,
		  struct elf_slot **ret_slot, struct err *err);
/* Maps all slots, without pages, so that what a process has open and mapped does not grow with use.
 * What can't be had now is tried again by the load that needs it. */
void elf_slots_prepare(struct elf_arena *arena);
void elf_slot_release(struct elf_arena *arena, struct elf_slot *slot);
void elf_slot_destroy(struct elf_slot *slot);

/* What of a range is written besides the file's bytes. */
enum elf_filled {
	ELF_BYTES,    /* nothing: the memory is zero already */
	ELF_SEGMENTS, /* zeroes where a segment has none in the file; not what lies between segments
		       */
	ELF_ALL,      /* zeroes everywhere else */
};

/* Copies the part of the object's file image in [begin, end) of its addresses to `to`. */
void elf_image_fill(const struct elf_file *file, uint64_t begin, uint64_t end, unsigned char *to,
		    enum elf_filled filled);

/* Writes [begin, end) of the object's addresses into a memory file, address `zero` at its offset 0;
 * what lies in [scratch_begin, scratch_end) comes from `scratch`. */
struct elf_output {
	int fd;
	uint64_t zero;
	uint64_t begin, end;
	uint64_t scratch_begin;
	const unsigned char *scratch;
	bool zeroed; /* the file is new: it reads as zeroes where nothing was written */
};
int elf_image_write(const struct elf_file *file, const struct elf_output *output, struct err *err);

/* A memory file that may be mapped executable, whatever vm.memfd_noexec says. */
int elf_memory_file(uint64_t bytes, int *ret_fd, struct err *err);

/* Whether that failure to make or map one is this process's lot, so that another way is needed. */
bool elf_memory_refused(int r);

/* Unloads pinned objects whose threads have ended, and those this thread had an exception of;
 * `last`: of any thread, nobody uses the arena any more. */
void elf_objects_reap(struct elf_arena *arena, bool last);

/* Frees the objects the arena keeps for use again. */
void elf_objects_free(struct elf_arena *arena);

/* Memory that holds objects' variables has a name in /proc/PID/maps. */
void elf_memory_name(uintptr_t begin, uintptr_t end);

/* All arenas, so that a fork never lets two processes write to one slot. */
int elf_fork_watch(struct elf_arena *arena, struct err *err);
void elf_fork_forget(struct elf_arena *arena);

/* Addresses for all runs, the bias a multiple of layout->align; no pages. */
int elf_place_reserve(const struct elf_layout *layout, struct elf_place *place, struct err *err);

/* A mapping of its own for the object, without a memory file where there may be none. */
int elf_fresh_take(const struct elf_file *file, const struct elf_layout *layout,
		   struct elf_place *place, struct err *err);
int elf_fresh_write(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_place *place, struct err *err);

/* A mapping of the caller's own file; -ENOTSUP, and the reason as the place's note, when the file
 * is too short or offsets do not allow it. */
int elf_direct_take(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_backing backing, struct elf_place *place, struct err *err);
int elf_direct_protect(const struct elf_layout *layout, struct elf_place *place, struct err *err);

#endif
