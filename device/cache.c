/* Dropping cache lines. See cache.h. */
#include "device/cache.h"

#if defined(__x86_64__)
static void line_drop(uintptr_t line)
{
	__builtin_ia32_clflush((const void *)line);
}

static void lines_wait(void)
{
	__builtin_ia32_mfence();
}
#elif defined(__aarch64__)
static void line_drop(uintptr_t line)
{
	__asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
}

static void lines_wait(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}
#else
#define CACHE_UNREACHABLE
#endif

size_t cache_invalidate(const void *bytes, size_t size)
{
#ifdef CACHE_UNREACHABLE
	(void)bytes;
	(void)size;
	return 0;
#else
	uintptr_t line = cache_line(bytes);
	size_t count = cache_lines(bytes, size);

	for (size_t i = 0; i < count; i++)
		line_drop(line + i * CACHE_LINE_BYTES);
	lines_wait();
	return count;
#endif
}
