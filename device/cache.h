/*
 * The AICPU's data cache, as far as a program can reach it. On A2 and A3 the host's DMA does not
 * snoop it (simpler, docs/hardware/cache-coherency.md): whoever reads what DMA has written
 * invalidates the range first, line by line.
 */
#ifndef SOLOAD_DEVICE_CACHE_H
#define SOLOAD_DEVICE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE_BYTES 64

/* The first byte of a line and how many lines a range touches. */
static inline uintptr_t cache_line(const void *bytes)
{
	return (uintptr_t)bytes & ~(uintptr_t)(CACHE_LINE_BYTES - 1);
}

static inline size_t cache_lines(const void *bytes, size_t size)
{
	uintptr_t end = (uintptr_t)bytes + size + CACHE_LINE_BYTES - 1;

	return size ? (cache_line((const void *)end) - cache_line(bytes)) / CACHE_LINE_BYTES : 0;
}

/*
 * Every line of the range is written back if dirty and dropped, from all caches of the machine:
 * clflush on x86_64 (a model: that machine's DMA is coherent), dc civac on aarch64. No content
 * changes. Returns the number of lines; 0 where there is no such instruction.
 */
size_t cache_invalidate(const void *bytes, size_t size);

#endif
