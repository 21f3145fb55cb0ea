/* The counters of a `cached` loader. */
#ifndef SOLOAD_LOADERS_CACHED_H
#define SOLOAD_LOADERS_CACHED_H

#include "loaders/loader.h"

#include <stdint.h>

struct cached_counts {
	uint64_t hits, misses; /* loads answered from a kept image; loads that were not */
	uint64_t evictions;    /* kept images given up for another */
	uint64_t uncached;     /* misses that were not kept: no identity, or no room */
	uint64_t kept, in_use; /* images held now, and those of them referenced now */
};

/* -EINVAL when `loader` is not of type `cached`. May be called while threads load. */
int cached_counts(struct loader *loader, struct cached_counts *ret_counts);

#endif
