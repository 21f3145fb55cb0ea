/*
 * The golden of paged_attention_unroll: the expected output, computed another way than the kernels
 * do. It goes block by block where they go by groups of 64, walks scores key by key, uses the C
 * library's expf, and shares no arithmetic with them. Sequences are spread over threads.
 */
#include "bench/workloads/paged_attention_unroll/pa.h"

#include "bench/workloads/array.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOT_LANES 16
#define MAXIMUM_FLOOR (-1e30f)

struct golden {
	const uint16_t *query, *keys, *values;
	const int32_t *table, *lengths;
	size_t batch, heads, head_dim, block, table_width;
	float scale;
	float *out;
	float *scratch; /* of all threads */
	size_t scratch_floats;
	const struct workload_request *progress;
};

/* One thread's arrays, cut out of its scratch. */
struct desk {
	float *query;	/* [heads, head_dim] */
	float *keys;	/* [block, head_dim], one block */
	float *values;	/* likewise */
	float *weights; /* [heads, block]: scores, then their exponentials */
	float *sums;	/* [heads]: l */
	float *maxima;	/* [heads]: m */
	float *result;	/* [heads, head_dim]: o */
};

static float from_bf16(uint16_t bits)
{
	union {
		uint32_t bits;
		float value;
	} wide = { .bits = (uint32_t)bits << 16 };

	return wide.value;
}

/* To bf16 and back, nearest even. Only for what is not NaN. */
static float through_bf16(float value)
{
	union {
		float value;
		uint32_t bits;
	} u = { .value = value };
	uint32_t lower = u.bits & 0xffff;

	u.bits -= lower;
	if (lower > 0x8000 || (lower == 0x8000 && (u.bits & 0x10000)))
		u.bits += 0x10000;
	return u.value;
}

static void widen(float *restrict to, const uint16_t *restrict from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = from_bf16(from[i]);
}

/* Sixteen sums side by side: the order is fixed, and the compiler may use vectors. */
static float dot(const float *restrict a, const float *restrict b, size_t count)
{
	float lane[DOT_LANES] = { 0 }, sum = 0;
	size_t i = 0;

	for (; i + DOT_LANES <= count; i += DOT_LANES) {
		for (size_t j = 0; j < DOT_LANES; j++)
			lane[j] += a[i + j] * b[i + j];
	}
	for (; i < count; i++)
		sum += a[i] * b[i];
	for (size_t j = 0; j < DOT_LANES; j++)
		sum += lane[j];
	return sum;
}

static void desk_cut(struct desk *desk, const struct golden *golden, float *scratch)
{
	desk->query = scratch;
	desk->result = desk->query + golden->heads * golden->head_dim;
	desk->keys = desk->result + golden->heads * golden->head_dim;
	desk->values = desk->keys + golden->block * golden->head_dim;
	desk->weights = desk->values + golden->block * golden->head_dim;
	desk->sums = desk->weights + golden->heads * golden->block;
	desk->maxima = desk->sums + golden->heads;
}

static size_t desk_floats(const struct golden *golden)
{
	return 2 * golden->heads * golden->head_dim + 2 * golden->block * golden->head_dim +
	       golden->heads * golden->block + 2 * golden->heads;
}

/* Merges one head's block of scores into its running maximum, sum and result. */
static void head_step(const struct golden *golden, struct desk *desk, size_t head, size_t valid)
{
	float *weights = desk->weights + head * golden->block;
	float *result = desk->result + head * golden->head_dim;
	float highest = -INFINITY, sum = 0, merged, keep, take;

	for (size_t j = 0; j < golden->block; j++) {
		weights[j] = j < valid ? weights[j] * golden->scale : -INFINITY;
		highest = weights[j] > highest ? weights[j] : highest;
	}
	highest = highest < MAXIMUM_FLOOR ? MAXIMUM_FLOOR : highest;
	for (size_t j = 0; j < golden->block; j++) {
		weights[j] = through_bf16(expf(weights[j] - highest));
		sum += weights[j];
	}
	merged = desk->maxima[head] > highest ? desk->maxima[head] : highest;
	keep = expf(desk->maxima[head] - merged);
	take = expf(highest - merged);
	desk->sums[head] = keep * desk->sums[head] + take * sum;
	desk->maxima[head] = merged;
	for (size_t d = 0; d < golden->head_dim; d++)
		result[d] *= keep;
	for (size_t j = 0; j < valid; j++) {
		const float *value = desk->values + j * golden->head_dim;
		float weight = take * weights[j];

		for (size_t d = 0; d < golden->head_dim; d++)
			result[d] += weight * value[d];
	}
}

static void sequence_compute(const struct golden *golden, struct desk *desk, size_t sequence)
{
	size_t rows = golden->heads * golden->head_dim, tile = golden->block * golden->head_dim;
	size_t length = (size_t)golden->lengths[sequence];
	float *out = golden->out + sequence * rows;

	widen(desk->query, golden->query + sequence * rows, rows);
	memset(desk->result, 0, rows * sizeof(float));
	for (size_t head = 0; head < golden->heads; head++) {
		desk->sums[head] = 0;
		desk->maxima[head] = -INFINITY;
	}
	for (size_t first = 0; first < length; first += golden->block) {
		size_t left = length - first, valid = left < golden->block ? left : golden->block;
		int32_t number =
			golden->table[sequence * golden->table_width + first / golden->block];

		widen(desk->keys, golden->keys + (size_t)number * tile, tile);
		widen(desk->values, golden->values + (size_t)number * tile, tile);
		for (size_t j = 0; j < golden->block; j++) {
			const float *key = desk->keys + j * golden->head_dim;

			for (size_t head = 0; head < golden->heads; head++)
				desk->weights[head * golden->block + j] =
					dot(desk->query + head * golden->head_dim, key,
					    golden->head_dim);
		}
		for (size_t head = 0; head < golden->heads; head++)
			head_step(golden, desk, head, valid);
	}
	for (size_t i = 0; i < rows; i++)
		out[i] = desk->result[i] / desk->sums[i / golden->head_dim];
}

static void part_compute(void *context, unsigned int part, unsigned int parts)
{
	const struct golden *golden = context;
	const struct workload_request *progress = golden->progress;
	struct desk desk;

	desk_cut(&desk, golden, golden->scratch + part * golden->scratch_floats);
	for (size_t sequence = part; sequence < golden->batch; sequence += parts) {
		sequence_compute(golden, &desk, sequence);
		if (part == 0 && progress && progress->progress)
			progress->progress(progress->progress_context, "golden", sequence + 1,
					   golden->batch);
	}
}

int pa_golden(const struct workload_data *data, const struct workload_request *progress,
	      float *ret_expected, struct err *err)
{
	const int64_t *config = data->args[PA_CONFIG].bytes;
	uint32_t scale_bits = (uint32_t)config[PA_SCALE_BITS];
	struct golden golden = {
		.query = data->args[PA_QUERY].bytes,
		.keys = data->args[PA_KEY_CACHE].bytes,
		.values = data->args[PA_VALUE_CACHE].bytes,
		.table = data->args[PA_BLOCK_TABLE].bytes,
		.lengths = data->args[PA_CONTEXT_LENS].bytes,
		.batch = (size_t)config[PA_BATCH],
		.heads = (size_t)config[PA_HEADS],
		.head_dim = (size_t)config[PA_HEAD_DIM],
		.block = (size_t)config[PA_BLOCK_SIZE],
		.table_width = (size_t)config[PA_BLOCK_NUM],
		.out = ret_expected,
		.progress = progress,
	};

	memcpy(&golden.scale, &scale_bits, sizeof(golden.scale));
	golden.scratch_floats = desk_floats(&golden);
	golden.scratch = calloc(data->threads, golden.scratch_floats * sizeof(float));
	if (!golden.scratch)
		return err_set(err, ENOMEM, "out of memory");
	array_parallel(part_compute, &golden, data->threads);
	free(golden.scratch);
	return 0;
}
