/*
 * What the host allocates and copies during one round. Every allocation is remembered and given
 * back at the end, whichever way the round went.
 */
#ifndef SOLOAD_DEVICE_ROUND_H
#define SOLOAD_DEVICE_ROUND_H

#include "device/dma.h"
#include "device/memory.h"

#define ROUND_ALLOCATIONS_MAX 256

struct round {
	struct memory *memory;
	struct dma *dma;
	uint64_t addresses[ROUND_ALLOCATIONS_MAX];
	unsigned int count;
};

/* As memory_alloc(); freed by round_release(). */
int round_alloc(struct round *round, uint64_t bytes, uint64_t align, uint64_t *ret_address,
		struct err *err);

/* round_alloc() of so many bytes and a copy of them to the device. */
int round_upload(struct round *round, const void *bytes, uint64_t size, uint64_t *ret_address,
		 struct err *err);

void round_release(struct round *round);

#endif
