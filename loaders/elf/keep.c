/* The pristine copy, and putting it back. */
#include "loaders/elf/keep.h"

#include "loaders/elf/imports.h"
#include "loaders/elf/init.h"
#include "loaders/elf/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Above this, giving zero pages back is cheaper than writing them. */
#define ZERO_BYTES_MAX ((size_t)512 << 10)

/* Up to the last byte that is not zero, in whole words. */
static size_t used_bytes(const unsigned char *begin, size_t bytes)
{
	const uint64_t *words = (const uint64_t *)(const void *)begin;
	size_t count = bytes / sizeof(*words);

	while (count > 0 && words[count - 1] == 0)
		count--;
	return count * sizeof(*words);
}

/* What of [begin, end) lies below the limit. */
static uint64_t higher(uint64_t high, uint64_t begin, uint64_t end, uint64_t limit)
{
	if (begin >= limit)
		return high;
	if (end > limit)
		end = limit;
	return end > high ? end : high;
}

static uint64_t table_high(const elf_rela *table, size_t count, uint64_t high, uint64_t limit)
{
	for (size_t i = 0; i < count; i++)
		high = higher(high, table[i].r_offset, table[i].r_offset + 2 * sizeof(uint64_t),
			      limit);
	return high;
}

static uint64_t packed_high(const struct elf_dynamic *dynamic, uint64_t high, uint64_t limit)
{
	uint64_t at = 0;

	for (size_t i = 0; i < dynamic->relr_count; i++) {
		uint64_t entry = dynamic->relr[i], begin = entry & 1 ? at : entry;

		at = begin + (entry & 1 ? 63 : 1) * sizeof(uint64_t);
		high = higher(high, begin, at, limit);
	}
	return high;
}

/*
 * Behind it all is zero: the end of the file's bytes, or of the last word a relocation wrote.
 * Looking at the memory itself would bring in every page of a large .bss; only an object whose own
 * resolvers have run may have written anywhere.
 */
static uint64_t run_high(const struct elf_object *object, const struct elf_run *run)
{
	const struct elf_file *file = &object->file;
	uint64_t high = run->begin;

	if (object->indirect)
		return run->end;
	for (size_t i = 0; i < file->load_count; i++) {
		const struct elf_segment *load = &file->loads[i];
		uint64_t end = load->address + load->file_bytes;

		high = higher(high, load->address, (end + 7) & ~UINT64_C(7), run->end);
	}
	high = table_high(file->dynamic.rela, file->dynamic.rela_count, high, run->end);
	high = table_high(file->dynamic.plt_rela, file->dynamic.plt_rela_count, high, run->end);
	return packed_high(&file->dynamic, high, run->end);
}

static void runs_find(const struct elf_object *object, struct elf_keep *keep)
{
	const struct elf_layout *layout = &object->layout;
	size_t total = 0;

	for (size_t i = 0; i < layout->run_count; i++) {
		const struct elf_run *run = &layout->runs[i];
		struct elf_kept_run *kept = &keep->runs[keep->run_count];

		if (run->kind != ELF_RUN_WRITE)
			continue;
		kept->to = (unsigned char *)(object->base + run->begin);
		kept->at = total;
		kept->bytes = used_bytes(kept->to, run_high(object, run) - run->begin);
		kept->zero_bytes = run->end - run->begin - kept->bytes;
		total += kept->bytes;
		keep->run_count++;
	}
}

static size_t kept_bytes(const struct elf_keep *keep)
{
	const struct elf_kept_run *last = &keep->runs[keep->run_count];

	return keep->run_count ? last[-1].at + last[-1].bytes : 0;
}

int elf_keep_new(struct elf_object *object, struct elf_keep *ret_keep)
{
	struct elf_keep *keep = ret_keep;

	keep->object = NULL;
	keep->pristine = NULL;
	keep->run_count = 0;
	if (object->file.dynamic.flags_1 & DF_1_NODELETE || elf_tls_reset(object->tls_module) < 0)
		return -ENOTSUP;
	runs_find(object, keep);
	keep->pristine = malloc(kept_bytes(keep) + 1);
	if (!keep->pristine)
		return -ENOMEM;
	for (size_t i = 0; i < keep->run_count; i++)
		memcpy(keep->pristine + keep->runs[i].at, keep->runs[i].to, keep->runs[i].bytes);
	keep->object = object;
	return 0;
}

void elf_keep_free(struct elf_keep *keep)
{
	free(keep->pristine);
	keep->pristine = NULL;
	keep->object = NULL;
}

bool elf_keep_current(const struct elf_keep *keep)
{
	return keep->object->libraries == elf_imports_now();
}

/* Whole pages of a private anonymous mapping come back as zeros. */
static void zero_fill(unsigned char *begin, size_t bytes, size_t page)
{
	size_t head = (size_t)(-(uintptr_t)begin & (page - 1));

	if (bytes <= ZERO_BYTES_MAX || madvise(begin + head, bytes - head, MADV_DONTNEED) < 0)
		head = bytes;
	memset(begin, 0, head);
}

void elf_keep_restore(const struct elf_keep *keep)
{
	for (size_t i = 0; i < keep->run_count; i++) {
		const struct elf_kept_run *run = &keep->runs[i];

		memcpy(run->to, keep->pristine + run->at, run->bytes);
		zero_fill(run->to + run->bytes, run->zero_bytes, keep->object->layout.page);
	}
}

void elf_keep_start(const struct elf_keep *keep)
{
	keep->object->started = true;
	elf_init_run(keep->object);
}

enum elf_unloaded elf_keep_stop(const struct elf_keep *keep)
{
	struct elf_object *object = keep->object;

	if (atomic_load(&object->pending))
		return ELF_PINNED_THREADS;
	if (object->started) {
		object->started = false;
		elf_fini_run(object);
	}
	if (atomic_load(&object->pending)) /* a destructor made a thread-local variable */
		return ELF_PINNED_THREADS;
	/* Destructors may have touched them once more. */
	(void)elf_tls_reset(object->tls_module);
	return ELF_UNLOADED;
}
