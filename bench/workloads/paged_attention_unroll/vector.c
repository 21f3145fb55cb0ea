/* The vector kernels: SF (softmax of a group's scores), UP (merges a group into the result), HUB.
 */
#include "bench/workloads/paged_attention_unroll/kernel.h"

#include <math.h>

/* exp() to about 1e-7, for what is not above 88; exactly 0 below -86 and for -inf. */
INLINE void vector_exp(f32_vector *value)
{
	const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
	f32_vector x = *value;
	u32_vector keep = (u32_vector)(x > -86.0f);
	f32_vector whole, power;
	u32_vector exponent;

	x = (f32_vector)((u32_vector)x & keep);
	whole = x * 1.44269504f + shift;
	exponent = (u32_vector)whole << 23;
	whole -= shift;
	x = x - whole * 0.693359375f; /* ln 2 in two parts, the first exact */
	x = x + whole * 2.12194440e-4f;
	power = x * 1.9875691500e-4f + 1.3981999507e-3f;
	power = power * x + 8.3334519073e-3f;
	power = power * x + 4.1665795894e-2f;
	power = power * x + 1.6666665459e-1f;
	power = power * x + 5.0000001201e-1f;
	power = power * x * x + x + 1.0f;
	*value = (f32_vector)(((u32_vector)power + exponent) & keep);
}

/* bf16 rounded to nearest, ties to even, as the upper halves of the words. */
INLINE void vector_round(f32_vector *value)
{
	u32_vector bits = (u32_vector)*value;

	bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
	*value = (f32_vector)bits;
}

/* A row's scores of one tile; columns from `valid` on read as -inf. */
struct scores {
	const float *tile;
	uint64_t valid;
	float scale;
};

INLINE void scores_load(const struct scores *scores, uint64_t column, f32_vector *ret_value)
{
	if (column + LANES <= scores->valid) {
		memcpy(ret_value, scores->tile + column, sizeof(*ret_value));
	} else {
		float padded[LANES];

		for (uint64_t i = 0; i < LANES; i++)
			padded[i] =
				column + i < scores->valid ? scores->tile[column + i] : -INFINITY;
		memcpy(ret_value, padded, sizeof(padded));
	}
	*ret_value *= scores->scale;
}

struct sf {
	const float *scores;
	uint16_t *weights;
	float scale;
	uint64_t rows, block, count, last_valid;
};

INLINE struct scores sf_tile(const struct sf *sf, uint64_t row, uint64_t number)
{
	return (struct scores){
		.tile = sf->scores + (number * sf->rows + row) * sf->block,
		.valid = number + 1 == sf->count ? least(sf->last_valid, sf->block) : sf->block,
		.scale = sf->scale,
	};
}

INLINE float sf_row_max(const struct sf *sf, uint64_t row)
{
	float lanes[LANES], highest = -INFINITY;
	f32_vector top;

	for (int i = 0; i < LANES; i++)
		lanes[i] = -INFINITY;
	memcpy(&top, lanes, sizeof(top));
	for (uint64_t i = 0; i < sf->count; i++) {
		struct scores tile = sf_tile(sf, row, i);

		for (uint64_t column = 0; column < tile.valid; column += LANES) {
			f32_vector x;
			u32_vector above;

			scores_load(&tile, column, &x);
			above = (u32_vector)(x > top);
			top = (f32_vector)(((u32_vector)x & above) | ((u32_vector)top & ~above));
		}
	}
	memcpy(lanes, &top, sizeof(lanes));
	for (int i = 0; i < LANES; i++)
		highest = lanes[i] > highest ? lanes[i] : highest;
	return highest;
}

/* Stores exp(score - highest) as bf16 and returns the sum of what was stored. */
INLINE float sf_row_weights(const struct sf *sf, uint64_t row, float highest)
{
	f32_vector total = { 0 };
	float lanes[LANES], sum = 0;

	for (uint64_t i = 0; i < sf->count; i++) {
		struct scores tile = sf_tile(sf, row, i);
		uint16_t *weights = sf->weights + (i * sf->rows + row) * sf->block;

		for (uint64_t column = 0; column < sf->block; column += LANES) {
			u16_vector narrow;
			f32_vector x;

			scores_load(&tile, column, &x);
			x -= highest;
			vector_exp(&x);
			vector_round(&x);
			total += x;
			narrow = __builtin_convertvector((u32_vector)x >> 16, u16_vector);
			if (column + LANES <= sf->block)
				memcpy(weights + column, &narrow, sizeof(narrow));
			else
				memcpy(weights + column, &narrow, (sf->block - column) * 2);
		}
	}
	memcpy(lanes, &total, sizeof(lanes));
	for (int i = 0; i < LANES; i++)
		sum += lanes[i];
	return sum;
}

/* in scores; out weights (bf16), row maxima, row sums; scalars: scale, blocks, tokens in the last.
 */
INLINE void sf_body(int64_t *args)
{
	struct sf sf = {
		.scores = tensor_data(args[0], 4),
		.weights = tensor_data(args[1], 2),
		.rows = tensor_of(args[0])->shapes[0],
		.count = (uint64_t)args[5],
		.last_valid = (uint64_t)args[6],
	};
	float *maxima = tensor_data(args[2], 4), *sums = tensor_data(args[3], 4);
	uint32_t scale_bits = (uint32_t)args[4];

	if (sf.count == 0)
		return;
	memcpy(&sf.scale, &scale_bits, sizeof(sf.scale));
	sf.block = tensor_of(args[0])->shapes[1] / sf.count;
	for (uint64_t row = 0; row < sf.rows; row++) {
		maxima[row] = sf_row_max(&sf, row);
		sums[row] = sf_row_weights(&sf, row, maxima[row]);
	}
}

KERNEL(sf)

/* One row of an UP: to = old * keep + fresh * take, times factor. */
struct blend {
	float *to;
	const float *old, *fresh;
	float keep, take, divisor;
	uint64_t width;
};

INLINE void row_blend(const struct blend *blend)
{
	for (uint64_t i = 0; i < blend->width; i++)
		blend->to[i] = (blend->keep * blend->old[i] + blend->take * blend->fresh[i]) /
			       blend->divisor;
}

INLINE void row_scale(const struct blend *blend)
{
	for (uint64_t i = 0; i < blend->width; i++)
		blend->to[i] = blend->fresh[i] / blend->divisor;
}

/*
 * in group maxima, sums, weighted values; inout maxima, sums, values so far; out the result;
 * scalars: is this the first group, is it the last.
 */
INLINE void up_body(int64_t *args)
{
	const float *m = tensor_data(args[0], 4), *l = tensor_data(args[1], 4);
	const float *fresh = tensor_data(args[2], 4);
	float *maxima = tensor_data(args[3], 4), *sums = tensor_data(args[4], 4);
	float *values = tensor_data(args[5], 4), *out = tensor_data(args[6], 4);
	uint64_t rows = tensor_of(args[2])->shapes[0], width = tensor_of(args[2])->shapes[1];
	bool first = args[7] != 0, last = args[8] != 0;

	for (uint64_t r = 0; r < rows; r++) {
		struct blend blend = {
			.to = (last ? out : values) + r * width,
			.old = values + r * width,
			.fresh = fresh + r * width,
			.divisor = 1.0f,
			.width = width,
		};

		if (first) {
			maxima[r] = m[r];
			sums[r] = l[r];
		} else {
			float highest = fmaxf(maxima[r], m[r]);

			blend.keep = expf(maxima[r] - highest);
			blend.take = expf(m[r] - highest);
			sums[r] = blend.keep * sums[r] + blend.take * l[r];
			maxima[r] = highest;
		}
		if (last)
			blend.divisor = sums[r];
		if (first)
			row_scale(&blend);
		else
			row_blend(&blend);
	}
}

/* Owns the accumulators' memory and computes nothing. */
INLINE void hub_body(int64_t *args)
{
	(void)args;
}

KERNEL(up)
KERNEL(hub)
