/*
 * DMA: the only way the host reaches device memory. A copy really copies and is timed; beside the
 * measured time stands a modelled one, T = L + bytes/B, of hardware that is not here. The two are
 * kept in separate fields and never added.
 */
#ifndef SOLOAD_DEVICE_DMA_H
#define SOLOAD_DEVICE_DMA_H

#include "base/err.h"
#include "device/memory.h"

#include <stddef.h>
#include <stdint.h>

struct dma_model {
	const char *name;
	double latency_us;	/* L, per copy */
	double gigabytes_per_s; /* B; 1e9 bytes */
	const char *source;	/* of the two figures */
};

/* The presets, the default first; ends with a NULL name. */
extern const struct dma_model dma_models[];

/* A preset by name, or "L+B" in microseconds and gigabytes per second ("17+10"). Texts of the
 * result are static. */
int dma_model_parse(const char *text, struct dma_model *ret_model, struct err *err);
uint64_t dma_model_ns(const struct dma_model *model, uint64_t bytes);

/* What a set of copies took. */
struct dma_totals {
	uint64_t copies, bytes;
	uint64_t ticks;	   /* measured, of base/clock.h */
	uint64_t model_ns; /* modelled */
};

struct dma;

/* Maps the memory for this engine alone. The memory outlives the engine. */
int dma_open(struct dma **ret_dma, const struct memory *memory, const struct dma_model *model,
	     struct err *err);
void dma_close(struct dma *dma); /* NULL is fine */

/* Later copies are added to `totals` (NULL: to nothing), which the caller owns and zeroes. */
void dma_account(struct dma *dma, struct dma_totals *totals);

/* Host to device and back. -EFAULT in words when the range is not device memory. */
int dma_write(struct dma *dma, uint64_t address, const void *bytes, uint64_t size, struct err *err);
int dma_read(struct dma *dma, uint64_t address, void *bytes, uint64_t size, struct err *err);

#endif
