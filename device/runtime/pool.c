/* Cache-line aligned, cleared pools. */
#include "device/runtime/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *pool_new(size_t count, size_t size)
{
	size_t bytes;
	void *pool;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 63)
		return NULL;
	pool = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (pool)
		memset(pool, 0, bytes);
	return pool;
}
