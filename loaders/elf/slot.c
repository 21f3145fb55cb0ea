/*
 * Slots: which one fits, and the pages under it. Pages are brought in before the object is copied,
 * grow from the border in both directions, and stay.
 */
#include "loaders/elf/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef PROT_BTI /* aarch64, Linux 5.8 */
#define PROT_BTI 0
#endif

static bool slot_fits(const struct elf_slot *slot, const struct elf_layout *layout,
		      uintptr_t border, bool guarded)
{
	uint64_t below = layout->border - layout->begin, above = layout->end - layout->border;

	if (border - slot->begin < below || slot->end - border < above)
		return false;
	if ((border - layout->border) & (layout->align - 1))
		return false;
	return !slot->border || slot->guarded == guarded;
}

/* Where the border must be in a slot without pages: the middle, shifted so that the bias is aligned
 * as the object asks. 0 when it cannot be. */
static uintptr_t border_place(const struct elf_slot *slot, const struct elf_layout *layout)
{
	uint64_t below = layout->border - layout->begin;
	uintptr_t border = slot->begin + (slot->end - slot->begin) / 2;

	if (border - slot->begin < below)
		border = (slot->begin + below + BORDER_ALIGN - 1) & ~(BORDER_ALIGN - 1);
	border += (layout->border - border) & (layout->align - 1);
	return border < slot->end && slot_fits(slot, layout, border, slot->guarded) ? border : 0;
}

static void slot_unlink(struct elf_arena *arena, struct elf_slot *slot)
{
	struct elf_slot **at = &arena->free;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	slot->used = true;
}

/* The free slot that puts the object where it is wanted, or NULL. */
static struct elf_slot *slot_wanted(const struct elf_arena *arena, const struct elf_layout *layout,
				    bool guarded)
{
	for (struct elf_slot *slot = arena->free; slot; slot = slot->next) {
		bool keeps = slot->border && !slot->shared &&
			     slot_fits(slot, layout, slot->border, guarded);
		uintptr_t border = keeps ? slot->border : border_place(slot, layout);

		if (border && border - layout->border == layout->wanted)
			return slot;
	}
	return NULL;
}

/* The one that is wanted, else a free slot with pages of the right shape, else one without pages,
 * else any. */
static struct elf_slot *slot_choose(struct elf_arena *arena, const struct elf_layout *layout,
				    bool guarded)
{
	struct elf_slot *empty = NULL, *other = NULL, *found = NULL;

	pthread_mutex_lock(&arena->lock);
	if (layout->wanted)
		found = slot_wanted(arena, layout, guarded);
	for (struct elf_slot *slot = arena->free; slot && !found; slot = slot->next) {
		if (slot->border && !slot->shared && slot_fits(slot, layout, slot->border, guarded))
			found = slot;
		else if (!border_place(slot, layout))
			continue;
		else if (!slot->border)
			empty = slot;
		else
			other = slot;
	}
	if (!found)
		found = empty ? empty : other;
	if (found)
		slot_unlink(arena, found);
	pthread_mutex_unlock(&arena->lock);
	return found;
}

static int addresses_reserve(uintptr_t begin, uintptr_t end, struct err *err)
{
	if (mmap((void *)begin, end - begin, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return err_sys(err, "reserve a slot's addresses again");
	return 0;
}

/* Drops the pages and keeps the addresses reserved. */
static int slot_empty(struct elf_slot *slot, struct err *err)
{
	uintptr_t alias = slot->alias;
	int r;

	if (!slot->border)
		return 0;
	elf_slot_destroy(slot);
	r = addresses_reserve(slot->begin, slot->end, err);
	if (r == 0 && alias)
		r = addresses_reserve(slot->begin + alias, slot->end + alias, err);
	return r;
}

static int slot_map(struct elf_slot *slot, uintptr_t border, uintptr_t alias, struct err *err)
{
	int code = PROT_READ | PROT_EXEC | (slot->guarded ? PROT_BTI : 0);
	size_t below = border - slot->begin;
	int r = elf_memory_file(below, &slot->fd, err);

	if (r < 0)
		return r;
	slot->border = slot->code_low = slot->write_high = border;
	slot->alias = alias;
	slot->shared = false;
	if (mmap((void *)slot->begin, below, code, MAP_SHARED | MAP_FIXED, slot->fd, 0) ==
	    MAP_FAILED)
		return err_sys(err, "map a memory file executable");
	if (mmap((void *)border, slot->end - border, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return err_sys(err, "map a slot's variables");
	if (alias && mmap((void *)(slot->begin + alias), below, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, slot->fd, 0) == MAP_FAILED)
		return err_sys(err, "map the writable alias");
	elf_memory_name(border, slot->end);
	return 0;
}

/* Brings the pages of [begin, end) in. Touching is what every kernel understands. */
static void pages_touch(uintptr_t begin, uintptr_t end, uint64_t page, bool write)
{
	for (uintptr_t at = begin; at < end; at += page) {
		volatile unsigned char *byte = (volatile unsigned char *)at;

		if (write)
			*byte = 0;
		else
			(void)*byte;
	}
}

static int slot_scratch(struct elf_slot *slot, uint64_t bytes, uint64_t page, struct err *err)
{
	void *grown;

	if (slot->alias || bytes <= slot->scratch_bytes)
		return 0;
	bytes = (bytes + 65535) & ~UINT64_C(65535);
	grown = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (grown == MAP_FAILED)
		return err_sys(err, "map a scratch buffer");
	pages_touch((uintptr_t)grown, (uintptr_t)grown + bytes, page, true);
	if (slot->scratch)
		munmap(slot->scratch, slot->scratch_bytes);
	slot->scratch = grown;
	slot->scratch_bytes = bytes;
	return 0;
}

/* Memory that cannot be had is an error here and would be a signal when touched. */
static int memory_get(const struct elf_slot *slot, uintptr_t low, struct err *err)
{
	size_t bytes = slot->code_low - low;
	int r;

	do
		r = fallocate(slot->fd, 0, (off_t)(low - slot->begin), (off_t)bytes);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(err, "get memory for %zu bytes of code", bytes) : 0;
}

/* Grows what the layout needs more than any before it. */
static int slot_grow(struct elf_slot *slot, const struct elf_layout *layout, uint64_t page,
		     struct err *err)
{
	uintptr_t low = slot->border - (layout->border - layout->begin);
	uintptr_t high = slot->border + (layout->end - layout->border);
	int r;

	if (low < slot->code_low) {
		r = memory_get(slot, low, err);
		if (r < 0)
			return r;
		pages_touch(low, slot->code_low, page, false);
		if (slot->alias)
			pages_touch(low + slot->alias, slot->code_low + slot->alias, page, true);
		slot->code_low = low;
	}
	if (high > slot->write_high) {
		pages_touch(slot->write_high, high, page, true);
		slot->write_high = high;
	}
	return slot_scratch(slot, layout->border - layout->relro, page, err);
}

int elf_slot_take(struct elf_arena *arena, const struct elf_layout *layout, bool guarded,
		  struct elf_slot **ret_slot, struct err *err)
{
	struct elf_slot *slot = slot_choose(arena, layout, guarded);
	int r = 0;

	if (!slot)
		return err_set(err, ENOSPC, "no free slot is large enough");
	if (!slot->border || slot->shared || !slot_fits(slot, layout, slot->border, guarded)) {
		r = slot_empty(slot, err);
		slot->guarded = guarded;
		if (r == 0)
			r = slot_map(slot, border_place(slot, layout), arena->alias, err);
	}
	if (r == 0)
		r = slot_grow(slot, layout, arena->page, err);
	if (r < 0) {
		slot_empty(slot, NULL);
		elf_slot_release(arena, slot);
		return r;
	}
	*ret_slot = slot;
	return 0;
}

void elf_slots_prepare(struct elf_arena *arena)
{
	for (uint64_t i = 0; i < arena->options.slots; i++) {
		struct elf_slot *slot = &arena->slots[i];

		if (slot_map(slot, slot->begin + (slot->end - slot->begin) / 2, arena->alias,
			     NULL) < 0)
			slot_empty(slot, NULL);
	}
}

void elf_slot_release(struct elf_arena *arena, struct elf_slot *slot)
{
	pthread_mutex_lock(&arena->lock);
	slot->used = false;
	slot->next = arena->free;
	arena->free = slot;
	pthread_mutex_unlock(&arena->lock);
}

void elf_slot_destroy(struct elf_slot *slot)
{
	if (slot->fd >= 0)
		close(slot->fd);
	if (slot->scratch)
		munmap(slot->scratch, slot->scratch_bytes);
	slot->fd = -1;
	slot->scratch = NULL;
	slot->scratch_bytes = 0;
	slot->border = 0;
}
