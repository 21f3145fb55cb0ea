/* Pure functions over a checked file, for any machine the tables know. */
#include "loaders/elf/prelink.h"

#include "loaders/elf/arch.h"
#include "loaders/elf/arena.h"

#include <errno.h>
#include <string.h>

#define PAGE_MIN UINT64_C(4096)
#define PAGE_MAX UINT64_C(65536)
#define ADDRESS_MAX (UINT64_C(1) << 56)

int elf_prelink_target(const struct elf_arena *arena, unsigned int slots,
		       struct elf_prelink_target *ret_target, struct err *err)
{
	if (arena->options.fresh || arena->options.slots < slots)
		return err_set(err, ENOTSUP, "no address can be agreed without %u slots", slots);
	ret_target->slot_begin = arena->slots[0].begin;
	ret_target->slot_bytes = arena->options.slot_bytes;
	ret_target->page = arena->page;
	ret_target->asked_at = arena->options.at;
	ret_target->slots = slots;
	return 0;
}

static bool target_is_sound(const struct elf_prelink_target *target, unsigned int index)
{
	return target->slots <= ELF_SLOTS_MAX && index < target->slots && target->slot_begin &&
	       target->slot_begin < ADDRESS_MAX && target->slot_begin % BORDER_ALIGN == 0 &&
	       target->slot_bytes && target->slot_bytes <= ELF_IMAGE_MAX &&
	       target->slot_bytes % (2 * BORDER_ALIGN) == 0 && target->page >= PAGE_MIN &&
	       target->page <= PAGE_MAX && (target->page & (target->page - 1)) == 0;
}

int elf_prelink_base(const struct elf_file *file, const struct elf_prelink_target *target,
		     unsigned int index, uint64_t *ret_base, struct err *err)
{
	uint64_t half = target->slot_bytes / 2, border, base;
	struct elf_layout layout;
	int r;

	if (!target_is_sound(target, index))
		return err_set(err, EINVAL, "no arena has such slots: %llu bytes at 0x%llx",
			       (unsigned long long)target->slot_bytes,
			       (unsigned long long)target->slot_begin);
	r = elf_layout_plan(file, target->page, &layout, err);
	if (r < 0)
		return r;
	border = target->slot_begin + index * target->slot_bytes + half;
	base = border - layout.border;
	if (!layout.border || layout.border - layout.begin > half ||
	    layout.end - layout.border > half || base & (layout.align - 1))
		return err_set(err, ENOTSUP, "the object will not lie in a slot of that arena");
	*ret_base = base;
	return 0;
}

static int table_prelink(const struct elf_file *file, const elf_rela *table, size_t count,
			 uint64_t base, unsigned char *copy)
{
	const struct elf_arch *arch = elf_arch_find(file->machine);
	int words = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t value = base + (uint64_t)table[i].r_addend;
		const unsigned char *word;

		if (table[i].r_info != arch->relative)
			continue;
		word = elf_bytes_at(file, table[i].r_offset, sizeof(value));
		if (!word || words == INT32_MAX)
			return -ENOTSUP;
		memcpy(copy + (word - file->bytes), &value, sizeof(value));
		words++;
	}
	return words;
}

int elf_prelink(const struct elf_file *file, uint64_t base, unsigned char *copy, size_t *ret_words,
		struct err *err)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	int words, more;

	if (!elf_arch_find(file->machine))
		return err_set(err, ENOTSUP, "machine %u is not known", file->machine);
	words = table_prelink(file, dynamic->rela, dynamic->rela_count, base, copy);
	more = table_prelink(file, dynamic->plt_rela, dynamic->plt_rela_count, base, copy);
	if (words < 0 || more < 0)
		return err_set(err, ENOTSUP,
			       "a relative relocation writes where the file has no bytes");
	*ret_words = (size_t)words + (size_t)more;
	return 0;
}
