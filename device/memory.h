/*
 * Device memory ("HBM"): one shared, sparse memory file and the allocator the host uses for it.
 *
 * A device address is the address at which the AICPU has mapped the memory; to the host it is an
 * opaque number that only dma.h can turn into bytes. The base is agreed when the first AICPU starts
 * and the same for every later one. Pages come into being when they are first touched and stay
 * until memory_close(), as real device memory would.
 */
#ifndef SOLOAD_DEVICE_MEMORY_H
#define SOLOAD_DEVICE_MEMORY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define MEMORY_ALIGN 512	/* of every allocation, as the vendor's rtMalloc */
#define MEMORY_PAGE_ALIGN 65536 /* the largest page size of the systems we know */
#define MEMORY_BLOCKS_MAX 4096
#define MEMORY_BASE_WANTED UINT64_C(0x7e9000000000) /* free on Linux with 47 bits; a wish */

struct memory;

/* `bytes` is rounded up to MEMORY_PAGE_ALIGN. */
int memory_open(struct memory **ret_memory, uint64_t bytes, struct err *err);
void memory_close(struct memory *memory); /* NULL is fine */

int memory_fd(const struct memory *memory); /* owned by the memory */
uint64_t memory_bytes(const struct memory *memory);

/* 0 until memory_agree(), which is called once. */
uint64_t memory_base(const struct memory *memory);
void memory_agree(struct memory *memory, uint64_t base);

/*
 * First fit. `align` is a power of two of at least MEMORY_ALIGN, or 0 for that. Fresh memory holds
 * whatever its last owner left. -EINVAL for no bytes, -ENOMEM with the figures in words when
 * nothing fits, -ENOSPC when the table of blocks is full.
 */
int memory_alloc(struct memory *memory, uint64_t bytes, uint64_t align, uint64_t *ret_address,
		 struct err *err);

/* -EINVAL for an address that memory_alloc() did not return or that was freed before. */
int memory_free(struct memory *memory, uint64_t address, struct err *err);

struct memory_usage {
	uint64_t bytes, peak_bytes; /* as allocated, rounding included */
	unsigned int blocks;
};

struct memory_usage memory_usage(const struct memory *memory);

/* The device's side: maps the file at `base` exactly, or where it likes best when `base` is 0. */
int memory_map(int fd, uint64_t bytes, uint64_t base, void **ret_mapping, struct err *err);

#endif
