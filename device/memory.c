/*
 * The allocator is a sorted array of blocks that cover all of the memory without a gap; each is
 * free or in use. Some dozen blocks are alive in a round, so a walk from the front is first fit and
 * nothing needs an index.
 */
#include "device/memory.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct block {
	uint64_t offset, bytes;
	bool used;
};

struct memory {
	int fd;
	uint64_t bytes, base;
	struct memory_usage usage;
	unsigned int count;
	struct block blocks[MEMORY_BLOCKS_MAX];
};

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static int memory_create(struct memory *memory, uint64_t bytes, struct err *err)
{
	memory->fd = fd_shared("soload-device-memory", bytes, err);
	if (memory->fd < 0)
		return memory->fd;
	memory->bytes = bytes;
	memory->count = 1;
	memory->blocks[0] = (struct block){ .bytes = bytes };
	return 0;
}

int memory_open(struct memory **ret_memory, uint64_t bytes, struct err *err)
{
	struct memory *memory;
	int r;

	if (bytes == 0 || bytes > INT64_MAX - MEMORY_PAGE_ALIGN)
		return err_set(err, EINVAL, "device memory of %llu bytes is not possible",
			       (unsigned long long)bytes);
	memory = calloc(1, sizeof(*memory));
	if (!memory)
		return err_set(err, ENOMEM, "out of memory");
	r = memory_create(memory, round_up(bytes, MEMORY_PAGE_ALIGN), err);
	if (r < 0) {
		memory_close(memory);
		return r;
	}
	*ret_memory = memory;
	return 0;
}

void memory_close(struct memory *memory)
{
	if (!memory)
		return;
	if (memory->fd >= 0)
		close(memory->fd);
	free(memory);
}

int memory_fd(const struct memory *memory)
{
	return memory->fd;
}

uint64_t memory_bytes(const struct memory *memory)
{
	return memory->bytes;
}

uint64_t memory_base(const struct memory *memory)
{
	return memory->base;
}

void memory_agree(struct memory *memory, uint64_t base)
{
	memory->base = base;
}

/* Makes room for a new block at `index`. The caller has checked the capacity. */
static void blocks_insert(struct memory *memory, unsigned int index, struct block block)
{
	memmove(&memory->blocks[index + 1], &memory->blocks[index],
		(memory->count - index) * sizeof(block));
	memory->blocks[index] = block;
	memory->count++;
}

static void blocks_remove(struct memory *memory, unsigned int index)
{
	memory->count--;
	memmove(&memory->blocks[index], &memory->blocks[index + 1],
		(memory->count - index) * sizeof(memory->blocks[0]));
}

/* Turns part of the free block at `index` into one in use; what is left before and behind stays
 * free.
 */
static uint64_t block_take(struct memory *memory, unsigned int index, uint64_t pad, uint64_t bytes)
{
	struct block whole = memory->blocks[index];
	uint64_t rest = whole.bytes - pad - bytes;

	if (pad > 0) {
		memory->blocks[index].bytes = pad;
		blocks_insert(memory, ++index, (struct block){ .offset = whole.offset + pad });
	}
	memory->blocks[index].bytes = bytes;
	memory->blocks[index].used = true;
	if (rest > 0)
		blocks_insert(
			memory, index + 1,
			(struct block){ .offset = whole.offset + pad + bytes, .bytes = rest });
	return whole.offset + pad;
}

static void usage_add(struct memory_usage *usage, uint64_t bytes)
{
	usage->blocks++;
	usage->bytes += bytes;
	if (usage->bytes > usage->peak_bytes)
		usage->peak_bytes = usage->bytes;
}

static int alloc_full(const struct memory *memory, uint64_t bytes, struct err *err)
{
	char wanted[32], used[32], all[32];

	return err_set(err, ENOMEM,
		       "device memory is exhausted: %s wanted, %s of %s in use in %u allocations",
		       text_bytes(bytes, wanted, sizeof(wanted)),
		       text_bytes(memory->usage.bytes, used, sizeof(used)),
		       text_bytes(memory->bytes, all, sizeof(all)), memory->usage.blocks);
}

static int alloc_check(const struct memory *memory, uint64_t bytes, uint64_t align, struct err *err)
{
	if (memory->base == 0)
		return err_set(err, EINVAL, "no device has mapped its memory yet");
	if (bytes == 0)
		return err_set(err, EINVAL, "a device allocation of no bytes");
	if (align < MEMORY_ALIGN || (align & (align - 1)) != 0)
		return err_set(err, EINVAL, "a device allocation aligned to %llu bytes",
			       (unsigned long long)align);
	if (memory->count + 2 > MEMORY_BLOCKS_MAX)
		return err_set(err, ENOSPC, "more than %d device allocations", MEMORY_BLOCKS_MAX);
	if (bytes > memory->bytes)
		return alloc_full(memory, bytes, err);
	return 0;
}

int memory_alloc(struct memory *memory, uint64_t bytes, uint64_t align, uint64_t *ret_address,
		 struct err *err)
{
	uint64_t size;
	int r;

	align = align ? align : MEMORY_ALIGN;
	r = alloc_check(memory, bytes, align, err);
	if (r < 0)
		return r;
	size = round_up(bytes, MEMORY_ALIGN);
	for (unsigned int i = 0; i < memory->count; i++) {
		const struct block *block = &memory->blocks[i];
		uint64_t address = memory->base + block->offset;
		uint64_t pad = round_up(address, align) - address;

		if (block->used || block->bytes < pad || block->bytes - pad < size)
			continue;
		*ret_address = memory->base + block_take(memory, i, pad, size);
		usage_add(&memory->usage, size);
		return 0;
	}
	return alloc_full(memory, bytes, err);
}

/* The blocks are sorted: the one that begins at `offset`, or -1. */
static int block_find(const struct memory *memory, uint64_t offset)
{
	unsigned int low = 0, high = memory->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (memory->blocks[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == memory->count || memory->blocks[low].offset != offset)
		return -1;
	return (int)low;
}

/* A free block and a free one behind it become one. */
static void block_join(struct memory *memory, unsigned int index)
{
	struct block *block = &memory->blocks[index];

	if (index + 1 >= memory->count || block->used || block[1].used)
		return;
	block->bytes += block[1].bytes;
	blocks_remove(memory, index + 1);
}

int memory_free(struct memory *memory, uint64_t address, struct err *err)
{
	int index = address < memory->base ? -1 : block_find(memory, address - memory->base);

	if (index < 0 || !memory->blocks[index].used)
		return err_set(err, EINVAL, "0x%llx is not an allocation of device memory",
			       (unsigned long long)address);
	memory->blocks[index].used = false;
	memory->usage.blocks--;
	memory->usage.bytes -= memory->blocks[index].bytes;
	block_join(memory, (unsigned int)index);
	if (index > 0)
		block_join(memory, (unsigned int)index - 1);
	return 0;
}

struct memory_usage memory_usage(const struct memory *memory)
{
	return memory->usage;
}

int memory_map(int fd, uint64_t bytes, uint64_t base, void **ret_mapping, struct err *err)
{
	int flags = MAP_SHARED | MAP_NORESERVE | (base ? MAP_FIXED_NOREPLACE : 0);
	void *wanted = (void *)(uintptr_t)(base ? base : MEMORY_BASE_WANTED);
	void *mapping = mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (mapping == MAP_FAILED)
		return err_sys(err, "map device memory (%llu bytes at 0x%llx)",
			       (unsigned long long)bytes, (unsigned long long)base);
	/* Kernels before 4.17 take MAP_FIXED_NOREPLACE for a hint. */
	if (base && (uintptr_t)mapping != base) {
		munmap(mapping, bytes);
		return err_set(err, EEXIST, "device memory: 0x%llx is not free in the new AICPU",
			       (unsigned long long)base);
	}
	*ret_mapping = mapping;
	return 0;
}
