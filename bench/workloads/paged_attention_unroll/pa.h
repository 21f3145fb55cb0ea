/*
 * What the files of this workload know of each other. Attention over a paged key-value cache: each
 * sequence's keys and values lie in blocks, found through a table of block numbers. bf16 in, f32
 * out, one key-value head shared by all query heads.
 *
 * The golden and the kernels share this header and nothing else: no arithmetic.
 */
#ifndef SOLOAD_PAGED_ATTENTION_UNROLL_PA_H
#define SOLOAD_PAGED_ATTENTION_UNROLL_PA_H

#include "bench/workloads/workload.h"

#define PA_MODEL_LENGTH_MAX 32768 /* tokens; gives the block table its width */
#define PA_GROUP_BLOCKS 64	  /* blocks that one QK, SF, PV, UP quartet covers */
#define PA_Q_TILE_MAX 128	  /* query heads per tile */

/* Arguments of the orchestration entry, in upstream's order. */
enum pa_arg {
	PA_QUERY,	 /* bf16 [batch * heads, head_dim] */
	PA_KEY_CACHE,	 /* bf16 [total_blocks, block, head_dim] */
	PA_VALUE_CACHE,	 /* bf16, same shape */
	PA_BLOCK_TABLE,	 /* i32 [batch, block_num] */
	PA_CONTEXT_LENS, /* i32 [batch] */
	PA_OUT,		 /* f32 [batch * heads, head_dim] */
	PA_CONFIG,	 /* i64, see enum pa_config */
	PA_QUERY_BYTES,	 /* scalars from here on */
	PA_KEY_BYTES,
	PA_VALUE_BYTES,
	PA_ARG_COUNT
};

/* The configuration array. The scale is the bits of a float. */
enum pa_config {
	PA_BATCH,
	PA_HEADS,
	PA_KV_HEADS,
	PA_HEAD_DIM,
	PA_BLOCK_SIZE,
	PA_BLOCK_NUM,
	PA_SCALE_BITS,
	PA_CONFIG_COUNT
};

/* Kernel numbers, as registered with the device. */
enum pa_kernel { PA_QK, PA_SF, PA_PV, PA_UP, PA_AIC_HUB, PA_AIV_HUB };

#define PA_CASE_CONTEXTS_MAX 4

struct pa_shape {
	uint32_t batch, heads, head_dim, block;
	uint32_t contexts[PA_CASE_CONTEXTS_MAX]; /* at least one; cycled; ends at a 0 */
};

extern const struct device_kernel pa_kernels[];
/* The C orchestration as linked in, per variant. */
extern const struct so_symbol pa_linked[], pa_linked_abg[], pa_linked_a5[], pa_linked_none[];

int pa_golden(const struct workload_data *data, const struct workload_request *progress,
	      float *ret_expected, struct err *err);

#endif
