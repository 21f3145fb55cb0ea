/* Memory for the runtime's pools: aligned to cache lines and cleared by hand, because upstream
 * touches every byte of its pools at creation and that is a cost to be measured. */
#ifndef SOLOAD_DEVICE_RUNTIME_POOL_H
#define SOLOAD_DEVICE_RUNTIME_POOL_H

#include <stddef.h>

/* NULL when there is no memory; released with free(). */
void *pool_new(size_t count, size_t size);

#endif
