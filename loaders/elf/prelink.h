/*
 * Relocating on the host for a device: where it is agreed where an object will lie, the host adds
 * the base once, and the device only maps the bytes and binds imports.
 *
 * The result is still a sound object for every loader: a RELATIVE word is computed from its addend
 * in the table, so one that lies elsewhere simply computes it again. Packed ones (DT_RELR) are left
 * to the device, because their only addend is the word itself.
 */
#ifndef SOLOAD_LOADERS_ELF_PRELINK_H
#define SOLOAD_LOADERS_ELF_PRELINK_H

#include "loaders/elf/map.h"

/* What the device tells at its start: the first slots of its arena, one behind the other, and its
 * kernel's page size. Zeroed: nothing is agreed. */
struct elf_prelink_target {
	uint64_t slot_begin, slot_bytes, page;
	uint64_t asked_at; /* where it was to put the first slot, 0 = anywhere */
	uint32_t slots;	   /* over which a host may spread objects that stay loaded; 0 = none */
};

/* Of that many of its slots. -ENOTSUP for an arena that does not have them. */
int elf_prelink_target(const struct elf_arena *arena, unsigned int slots,
		       struct elf_prelink_target *ret_target, struct err *err);

/*
 * Where the object lies in that arena when its slot `index` is free. -EINVAL for figures that no
 * arena has: a target may come from another machine. -ENOTSUP when the object would not go into a
 * slot. Either with the reason in words.
 */
int elf_prelink_base(const struct elf_file *file, const struct elf_prelink_target *target,
		     unsigned int index, uint64_t *ret_base, struct err *err);

/*
 * Applies the RELATIVE relocations for `base` to `copy`, which holds the bytes of the checked file;
 * nothing else is written. `ret_words` counts them. -ENOTSUP when one of them is not in the file's
 * bytes; `copy` is worthless then. Hand it on with so.linked_at = base.
 */
int elf_prelink(const struct elf_file *file, uint64_t base, unsigned char *copy, size_t *ret_words,
		struct err *err);

#endif
