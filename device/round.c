/* Allocations of one round. See round.h. */
#include "device/round.h"

#include <errno.h>

int round_alloc(struct round *round, uint64_t bytes, uint64_t align, uint64_t *ret_address,
		struct err *err)
{
	int r;

	if (round->count == ROUND_ALLOCATIONS_MAX)
		return err_set(err, ENOSPC, "more than %d device allocations in one round",
			       ROUND_ALLOCATIONS_MAX);
	r = memory_alloc(round->memory, bytes, align, ret_address, err);
	if (r == 0)
		round->addresses[round->count++] = *ret_address;
	return r;
}

int round_upload(struct round *round, const void *bytes, uint64_t size, uint64_t *ret_address,
		 struct err *err)
{
	int r = round_alloc(round, size, 0, ret_address, err);

	return r < 0 ? r : dma_write(round->dma, *ret_address, bytes, size, err);
}

void round_release(struct round *round)
{
	while (round->count > 0)
		memory_free(round->memory, round->addresses[--round->count], NULL);
}
