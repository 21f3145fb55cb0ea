/*
 * What the kernels of paged_attention_unroll have in common: vectors, access to their arguments,
 * and versions by processor. Plain C with vector extensions; on x86_64 each kernel exists twice,
 * for AVX2 with FMA and for any processor.
 *
 * Sizes come from the tensors' shapes and the scalars alone, so orchestration objects from
 * elsewhere may use these kernels. Scores and weights of a group are stacked tiles, each [rows,
 * block] row by row: tile i begins at i * rows * block. A kernel takes up to 160 KiB of stack.
 */
#ifndef SOLOAD_PAGED_ATTENTION_UNROLL_KERNEL_H
#define SOLOAD_PAGED_ATTENTION_UNROLL_KERNEL_H

#include "device/abi.h"

#include <string.h>

/* On the matrix core: scores, weighted values. On the vector core: softmax, merging, nothing. */
void pa_kernel_qk(int64_t *args);
void pa_kernel_pv(int64_t *args);
void pa_kernel_sf(int64_t *args);
void pa_kernel_up(int64_t *args);
void pa_kernel_hub(int64_t *args);

/* Always, so that a body is compiled anew for each version of its kernel. */
#define INLINE static inline __attribute__((always_inline))

/* One native vector; on x86_64 that of AVX2, in two halves on older processors. */
#if defined(__x86_64__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float f32_vector __attribute__((vector_size(LANES * 4)));
typedef uint32_t u32_vector __attribute__((vector_size(LANES * 4)));
typedef uint16_t u16_vector __attribute__((vector_size(LANES * 2)));

INLINE uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

INLINE const struct abi_tensor *tensor_of(int64_t arg)
{
	return (const struct abi_tensor *)(uintptr_t)arg;
}

INLINE void *tensor_data(int64_t arg, uint64_t element_bytes)
{
	const struct abi_tensor *tensor = tensor_of(arg);

	return (void *)(uintptr_t)(tensor->addr + tensor->start_offset * element_bytes);
}

/* Makes the kernel pa_kernel_NAME out of the body NAME_body. */
#if defined(__x86_64__)
#define KERNEL(name) \
	__attribute__((target("avx2,fma"))) static void name##_avx2(int64_t *args) \
	{ \
		name##_body(args); \
	} \
	static void name##_plain(int64_t *args) \
	{ \
		name##_body(args); \
	} \
	void pa_kernel_##name(int64_t *args) \
	{ \
		if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) \
			name##_avx2(args); \
		else \
			name##_plain(args); \
	}
#else
#define KERNEL(name) \
	void pa_kernel_##name(int64_t *args) \
	{ \
		name##_body(args); \
	}
#endif

#endif
