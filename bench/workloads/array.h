/*
 * Arrays of workloads: memory for them, random contents, comparison of results. Filling spreads
 * over threads and gives the same bytes on every machine for the same seed.
 */
#ifndef SOLOAD_BENCH_WORKLOADS_ARRAY_H
#define SOLOAD_BENCH_WORKLOADS_ARRAY_H

#include "base/err.h"
#include "bench/workloads/workload.h"

/* Zeroed, page aligned, in huge pages where the kernel has them. NULL when out of memory. */
void *array_new(size_t bytes);
void array_free(void *bytes, size_t size);

/* -ENOMEM in words unless `bytes` of host arrays and as many on the modelled device can be had. */
int array_check_memory(uint64_t bytes, const char *what, struct err *err);

/* What a fill needs to know beside its array. */
struct array_fill {
	uint64_t seed;
	uint32_t stream;			 /* arrays of one workload differ by it */
	unsigned int threads;			 /* 0 = one per processor */
	const char *what;			 /* named in progress */
	const struct workload_request *progress; /* or NULL */
};

/* bf16, uniform in [-half_width, half_width); half_width is a power of two. */
void array_fill_bf16(uint16_t *array, uint64_t count, float half_width,
		     const struct array_fill *fill);

/* i32, uniform in [0, limit). */
void array_fill_below(int32_t *array, uint64_t count, uint32_t limit,
		      const struct array_fill *fill);

/* As torch.allclose: |got - expected| <= tolerance + tolerance * |expected|; NaN is never close. */
void array_compare(const float *got, const float *expected, uint64_t count, float tolerance,
		   struct workload_verdict *ret_verdict);

/*
 * Runs task(context, part, parts) for every part, on as many threads, the caller being part 0, and
 * waits for all. A part whose thread cannot be started is run by the caller.
 */
typedef void (*array_part)(void *context, unsigned int part, unsigned int parts);
void array_parallel(array_part task, void *context, unsigned int parts);

#define ARRAY_THREADS_MAX 64
unsigned int array_threads(unsigned int wanted); /* 0 = one per processor */

#endif
