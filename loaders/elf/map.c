/*
 * The arena, and where an object goes: into a slot when it can, into a mapping of its own with a
 * note that says why when it can't.
 */
#include "loaders/elf/arena.h"

#include "loaders/elf/accept.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_VMA /* Linux 5.17 */
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#ifndef MAP_FIXED_NOREPLACE /* Linux 4.17 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define SLOTS_DEFAULT 8
#define SLOT_BYTES_DEFAULT (UINT64_C(16) << 20)
#define SLOT_BYTES_MAX (UINT64_C(1) << 32)

/* Present when the program is built with -fsanitize=address or =leak. */
extern void __lsan_register_root_region(const void *begin, size_t bytes) __attribute__((weak));
extern void __lsan_unregister_root_region(const void *begin, size_t bytes) __attribute__((weak));

void elf_memory_name(uintptr_t begin, uintptr_t end)
{
	/* A kernel without it loses nothing but the name. */
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, begin, end - begin, "soload variables");
}

static int options_check(struct elf_arena_options *options, struct err *err)
{
	uint64_t unit = 2 * BORDER_ALIGN;

	if (!options->slots)
		options->slots = SLOTS_DEFAULT;
	if (!options->slot_bytes)
		options->slot_bytes = SLOT_BYTES_DEFAULT;
	if (options->slots > ELF_SLOTS_MAX)
		return err_set(err, EINVAL, "at most %d slots", ELF_SLOTS_MAX);
	if (options->slot_bytes > SLOT_BYTES_MAX)
		return err_set(err, EINVAL, "a slot has at most 4 GB of address space");
	if (options->at % BORDER_ALIGN)
		return err_set(err, EINVAL, "address 0x%llx is no multiple of 2 MB",
			       (unsigned long long)options->at);
	options->slot_bytes = (options->slot_bytes + unit - 1) & ~(unit - 1);
	return 0;
}

static void *addresses_reserve(uintptr_t at, size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	return mmap((void *)at, bytes, PROT_NONE, at ? flags | MAP_FIXED_NOREPLACE : flags, -1, 0);
}

static int arena_reserve(struct elf_arena *arena, struct err *err)
{
	uint64_t bytes = arena->options.slots * arena->options.slot_bytes;
	uintptr_t begin;

	if (arena->options.dualmap)
		arena->alias = bytes;
	arena->reserved_bytes = (arena->alias ? 2 : 1) * bytes + BORDER_ALIGN;
	/* A kernel before 4.17 takes the address as a wish: where it lies is looked at, always. */
	arena->reserved = addresses_reserve(arena->options.at, arena->reserved_bytes);
	if (arena->reserved == MAP_FAILED && arena->options.at)
		arena->reserved = addresses_reserve(0, arena->reserved_bytes);
	if (arena->reserved == MAP_FAILED) {
		arena->reserved = NULL;
		return err_sys(err, "reserve %zu bytes of addresses", arena->reserved_bytes);
	}
	begin = ((uintptr_t)arena->reserved + BORDER_ALIGN - 1) & ~(BORDER_ALIGN - 1);
	for (uint64_t i = arena->options.slots; i-- > 0;) {
		struct elf_slot *slot = &arena->slots[i];

		slot->begin = begin + i * arena->options.slot_bytes;
		slot->end = slot->begin + arena->options.slot_bytes;
		slot->fd = -1;
		slot->next = arena->free;
		arena->free = slot;
	}
	return 0;
}

int elf_arena_new(struct elf_arena **ret_arena, const struct elf_arena_options *options,
		  struct err *err)
{
	struct elf_arena *arena = calloc(1, sizeof(*arena));
	int r;

	if (!arena)
		return err_set(err, ENOMEM, "out of memory");
	arena->options = *options;
	arena->page = (uint64_t)sysconf(_SC_PAGESIZE);
	elf_arena_probe(arena);
	pthread_mutex_init(&arena->lock, NULL);
	r = options_check(&arena->options, err);
	if (r == 0 && !options->fresh)
		r = arena_reserve(arena, err);
	if (r == 0 && !options->fresh)
		elf_slots_prepare(arena);
	if (r == 0)
		r = elf_fork_watch(arena, err);
	if (r < 0) {
		elf_arena_free(arena);
		return r;
	}
#if !defined(__x86_64__)
	/* Once per process, or code_publish() could not reach the other threads. */
	arena->unsynced = syscall(SYS_membarrier,
				  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) < 0;
#endif
	*ret_arena = arena;
	return 0;
}

void elf_arena_free(struct elf_arena *arena)
{
	if (!arena)
		return;
	elf_fork_forget(arena);
	elf_objects_free(arena);
	if (arena->pinned || arena->pinned_for_ever)
		return; /* code of it may still run: leaked on purpose */
	for (uint64_t i = 0; i < ELF_SLOTS_MAX; i++) {
		if (arena->slots[i].begin)
			elf_slot_destroy(&arena->slots[i]);
	}
	if (arena->reserved)
		munmap(arena->reserved, arena->reserved_bytes);
	pthread_mutex_destroy(&arena->lock);
	free(arena);
}

static void window_add(struct elf_place *place, uint64_t begin, uint64_t end, uintptr_t write)
{
	if (begin < end)
		place->windows[place->window_count++] =
			(struct elf_window){ .begin = begin, .end = end, .write = write };
}

static void slot_place(const struct elf_file *file, const struct elf_layout *layout,
		       struct elf_slot *slot, struct elf_place *place)
{
	uintptr_t base = slot->border - layout->border;

	place->slot = slot;
	place->base = base;
	if (slot->alias) {
		unsigned char *alias = (unsigned char *)(base + slot->alias);

		/* Straight to the last address: all of it is written here, relocated in place. What
		 * lies between segments is left as it was. */
		elf_image_fill(file, layout->begin, layout->relro, alias + layout->begin,
			       ELF_SEGMENTS);
		elf_image_fill(file, layout->relro, layout->border, alias + layout->relro, ELF_ALL);
		window_add(place, layout->relro, layout->border, (uintptr_t)alias);
	} else {
		elf_image_fill(file, layout->relro, layout->border, slot->scratch, ELF_ALL);
		window_add(place, layout->relro, layout->border,
			   (uintptr_t)slot->scratch - layout->relro);
	}
	elf_image_fill(file, layout->border, layout->end, (unsigned char *)(base + layout->border),
		       ELF_ALL);
	window_add(place, layout->border, layout->end, base);
}

/* Of the windows that are the variables themselves. */
static void variables_name(const struct elf_place *place)
{
	for (size_t i = 0; i < place->window_count; i++) {
		const struct elf_window *window = &place->windows[i];

		if (window->write == place->base)
			elf_memory_name(place->base + window->begin, place->base + window->end);
	}
}

/* While an object is there, what its variables point to is no leak; when it has gone, what is left
 * of them in a slot hides none. */
static void variables_tell(const struct elf_place *place, void (*tell)(const void *, size_t))
{
	for (size_t i = 0; tell && place->announced && i < place->window_count; i++) {
		const struct elf_window *window = &place->windows[i];

		if (window->write == place->base)
			tell((const void *)(place->base + window->begin),
			     window->end - window->begin);
	}
}

static void variables_announce(struct elf_place *place)
{
	place->announced = true;
	variables_tell(place, __lsan_register_root_region);
}

static void variables_withdraw(struct elf_place *place)
{
	variables_tell(place, __lsan_unregister_root_region);
	place->announced = false;
}

static int own_take(struct elf_arena *arena, const struct elf_file *file,
		    const struct elf_layout *layout, struct elf_place *place, struct err *err)
{
	const char *note = arena->options.fresh ? NULL
			   : !layout->border	? "variables lie before code: a mapping of its own"
						: "larger than a slot, or no slot is free: "
						  "a mapping of its own";
	int r = elf_fresh_take(file, layout, place, err);

	if (r == 0) {
		variables_name(place);
		variables_announce(place);
	}
	if (!place->note)
		place->note = note;
	return r;
}

/* layout: what, from where, into what, and the error: each is a thing of its own */
int elf_place_take(struct elf_arena *arena, const struct elf_file *file,
		   const struct elf_layout *layout, struct elf_backing backing,
		   struct elf_place *ret_place, struct err *err)
{
	struct elf_slot *slot;
	int r = -ENOSPC;

	memset(ret_place, 0, sizeof(*ret_place));
	if (backing.fd >= 0) {
		r = elf_direct_take(file, layout, backing, ret_place, err);
		if (r == 0) {
			variables_name(ret_place);
			variables_announce(ret_place);
		}
		if (r != -ENOTSUP)
			return r;
	}
	if (!arena->options.fresh && layout->border) {
		r = elf_slot_take(arena, layout, layout->guarded, &slot, err);
		if (r == 0) {
			slot_place(file, layout, slot, ret_place);
			variables_announce(ret_place);
			if (arena->unsynced && !ret_place->note)
				ret_place->note = "this kernel cannot make other threads discard "
						  "code fetched ahead (membarrier)";
			return 0;
		}
		if (elf_memory_refused(r))
			ret_place->note = "no memory file of a slot's size may be had: "
					  "a mapping of its own";
		else if (r != -ENOSPC)
			return r;
	}
	return own_take(arena, file, layout, ret_place, err);
}

static int slot_write(const struct elf_file *file, const struct elf_layout *layout,
		      struct elf_slot *slot, struct err *err)
{
	uintptr_t base = slot->border - layout->border;
	struct elf_output output = {
		.fd = slot->fd,
		.zero = slot->begin - base,
		.begin = layout->begin,
		.end = layout->border,
		.scratch_begin = layout->relro,
		.scratch = slot->scratch,
	};

	return slot->alias ? 0 : elf_image_write(file, &output, err);
}

/* What is executed and no more: it goes line by line, and between two runs of code nothing may be
 * mapped. */
static void runs_publish(const struct elf_layout *layout, uintptr_t base)
{
	struct code_range ranges[ELF_RUNS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];

		if (run->kind == ELF_RUN_CODE)
			ranges[count++] = (struct code_range){ base + run->begin, base + run->end };
	}
	if (count)
		code_publish(ranges, count);
}

int elf_place_write(const struct elf_file *file, const struct elf_layout *layout,
		    struct elf_place *place, struct err *err)
{
	int r = 0;

	if (place->slot)
		r = slot_write(file, layout, place->slot, err);
	else if (!place->direct)
		r = elf_fresh_write(file, layout, place, err);
	if (r == 0)
		runs_publish(layout, place->base);
	return r;
}

static void place_tidy(struct elf_place *place)
{
	if (place->fd)
		close(place->fd - 1);
	if (place->scratch)
		munmap(place->scratch, place->scratch_bytes);
	place->fd = 0;
	place->scratch = NULL;
}

int elf_place_settle(const struct elf_layout *layout, struct elf_place *place, struct err *err)
{
	place_tidy(place);
	return place->direct ? elf_direct_protect(layout, place, err) : 0;
}

void elf_place_release(struct elf_arena *arena, struct elf_place *place)
{
	place_tidy(place);
	variables_withdraw(place);
	if (place->slot)
		elf_slot_release(arena, place->slot);
	if (place->mapping)
		munmap(place->mapping, place->mapping_bytes);
	place->slot = NULL;
	place->mapping = NULL;
}

const struct elf_window *elf_place_window(const struct elf_place *place, uint64_t address,
					  uint64_t bytes)
{
	for (size_t i = 0; i < place->window_count; i++) {
		const struct elf_window *window = &place->windows[i];
		uint64_t at = address - window->begin, size = window->end - window->begin;

		if (at < size && bytes <= size - at)
			return window;
	}
	return NULL;
}
