/*
 * The kernels of paged_attention_unroll: what the modelled AI cores execute. Plain C with vector
 * extensions; on x86_64 each kernel exists twice, for AVX2 with FMA and for any processor.
 *
 * Sizes come from the tensors' shapes and the scalars alone, so orchestration objects from
 * elsewhere may use these kernels. Scores and probabilities of a group are stacked tiles, each
 * [rows, block] row by row: tile i begins at i * rows * block.
 */
#include "bench/workloads/paged_attention_unroll/pa.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* One native vector; 32 bytes where it takes two halves on older x86 processors. */
#if defined(__x86_64__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float f32_vector __attribute__((vector_size(LANES * 4)));
typedef uint32_t u32_vector __attribute__((vector_size(LANES * 4)));
typedef uint16_t u16_vector __attribute__((vector_size(LANES * 2)));

#define TILE_ROWS 4
#define TILE_COLUMNS 16
#define TILE_VECTORS (TILE_COLUMNS / LANES)

#define ROWS_MAX 128  /* query rows worked on together */
#define DEPTH_MAX 256 /* head_dim elements worked on together */
#define PV_DEPTH 64
#define PV_COLUMNS 64

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

/* `count` bf16 to f32, and zeroes from there up to `padded`. */
INLINE void row_widen(float *to, const uint16_t *from, uint64_t count, uint64_t padded)
{
	uint64_t i = 0;

	for (; i + LANES <= count; i += LANES) {
		u16_vector narrow;
		u32_vector wide;

		memcpy(&narrow, from + i, sizeof(narrow));
		wide = __builtin_convertvector(narrow, u32_vector) << 16;
		memcpy(to + i, &wide, sizeof(wide));
	}
	for (; i < count; i++) {
		uint32_t bits = (uint32_t)from[i] << 16;

		memcpy(to + i, &bits, sizeof(bits));
	}
	for (; i < padded; i++)
		to[i] = 0;
}

/* A vector anywhere in an array of floats. */
typedef float f32_loose __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* C += A B, with A of 4 x depth, B of depth x 16; strides in elements. */
struct tile {
	const float *a, *b;
	float *c;
	uint64_t a_stride, b_stride, c_stride, depth;
};

INLINE f32_loose *tile_vector(const struct tile *tile, int row, int vector)
{
	return (f32_loose *)(tile->c + (uint64_t)row * tile->c_stride) + vector;
}

/* Sums live in registers: vectors are read and written one by one, since copying a whole array of
 * them would keep it in memory. */
INLINE void tile_multiply(const struct tile *tile)
{
	f32_vector sum[TILE_ROWS][TILE_VECTORS];

	for (int r = 0; r < TILE_ROWS; r++) {
		for (int v = 0; v < TILE_VECTORS; v++)
			sum[r][v] = *tile_vector(tile, r, v);
	}
	for (uint64_t k = 0; k < tile->depth; k++) {
		f32_vector b[TILE_VECTORS];

		for (int v = 0; v < TILE_VECTORS; v++)
			b[v] = ((const f32_loose *)(tile->b + k * tile->b_stride))[v];
		for (int r = 0; r < TILE_ROWS; r++) {
			float a = tile->a[(uint64_t)r * tile->a_stride + k];

			for (int v = 0; v < TILE_VECTORS; v++)
				sum[r][v] += a * b[v];
		}
	}
	for (int r = 0; r < TILE_ROWS; r++) {
		for (int v = 0; v < TILE_VECTORS; v++)
			*tile_vector(tile, r, v) = sum[r][v];
	}
}

/* The rows, head_dim elements and blocks of a QK that are worked on together. */
struct qk {
	const uint16_t *query, *keys;
	const int32_t *table;
	float *scores;
	uint64_t rows, depth, block, count;
	uint64_t row0, row_count, k0, k_count;
};

/* The queries, transposed: query[k][row], rows padded with zeroes to whole tiles. */
INLINE void qk_turn_query(const struct qk *qk, float *turned, uint64_t padded)
{
	float row[DEPTH_MAX];

	memset(turned, 0, qk->k_count * padded * sizeof(*turned));
	for (uint64_t r = 0; r < qk->row_count; r++) {
		row_widen(row, qk->query + (qk->row0 + r) * qk->depth + qk->k0, qk->k_count,
			  qk->k_count);
		for (uint64_t k = 0; k < qk->k_count; k++)
			turned[k * padded + r] = row[k];
	}
}

/* Scores of up to four keys, [key][row], into their columns of the block's tile. */
INLINE void qk_store(const struct qk *qk, const float *sums, float *tile, uint64_t rows,
		     uint64_t keys)
{
	for (uint64_t r = 0; r < rows; r++) {
		float *score = tile + r * qk->block;

		if (keys == TILE_ROWS && qk->k0 == 0) {
			float four[TILE_ROWS];

			for (uint64_t j = 0; j < TILE_ROWS; j++)
				four[j] = sums[j * TILE_COLUMNS + r];
			memcpy(score, four, sizeof(four));
			continue;
		}
		for (uint64_t j = 0; j < keys; j++)
			score[j] = (qk->k0 ? score[j] : 0) + sums[j * TILE_COLUMNS + r];
	}
}

INLINE void qk_block(const struct qk *qk, const float *turned, uint64_t padded, uint64_t number)
{
	const uint16_t *keys =
		qk->keys + (uint64_t)qk->table[number] * qk->block * qk->depth + qk->k0;
	float *tile = qk->scores + (number * qk->rows + qk->row0) * qk->block;
	float wide[TILE_ROWS][DEPTH_MAX];

	for (uint64_t j = 0; j < qk->block; j += TILE_ROWS) {
		uint64_t key_count = least(TILE_ROWS, qk->block - j);

		for (uint64_t i = 0; i < TILE_ROWS; i++)
			row_widen(wide[i], keys + (j + (i < key_count ? i : 0)) * qk->depth,
				  qk->k_count, qk->k_count);
		for (uint64_t r = 0; r < qk->row_count; r += TILE_COLUMNS) {
			float sums[TILE_ROWS * TILE_COLUMNS] = { 0 };
			struct tile work = { wide[0], turned + r,   sums,	DEPTH_MAX,
					     padded,  TILE_COLUMNS, qk->k_count };

			tile_multiply(&work);
			qk_store(qk, sums, tile + r * qk->block + j,
				 least(TILE_COLUMNS, qk->row_count - r), key_count);
		}
	}
}

/* in query view, key cache; out scores; scalars: blocks, their numbers. */
INLINE void qk_body(int64_t *args)
{
	float turned[DEPTH_MAX * ROWS_MAX];
	struct qk qk = {
		.query = tensor_data(args[0], 2),
		.keys = tensor_data(args[1], 2),
		.table = (const int32_t *)(uintptr_t)args[4],
		.scores = tensor_data(args[2], 4),
		.rows = tensor_of(args[0])->shapes[0],
		.depth = tensor_of(args[0])->shapes[1],
		.count = (uint64_t)args[3],
	};

	if (qk.count == 0)
		return;
	qk.block = tensor_of(args[2])->shapes[1] / qk.count;
	for (; qk.row0 < qk.rows; qk.row0 += ROWS_MAX) {
		uint64_t padded;

		qk.row_count = least(ROWS_MAX, qk.rows - qk.row0);
		padded = (qk.row_count + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS;
		for (qk.k0 = 0; qk.k0 < qk.depth; qk.k0 += DEPTH_MAX) {
			qk.k_count = least(DEPTH_MAX, qk.depth - qk.k0);
			qk_turn_query(&qk, turned, padded);
			for (uint64_t i = 0; i < qk.count; i++)
				qk_block(&qk, turned, padded, i);
		}
	}
}

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

/* The part of a PV that is worked on together: rows, columns of the output, tokens of a block. */
struct pv {
	const uint16_t *weights, *values;
	const int32_t *table;
	float *out;
	uint64_t rows, width, block, count;
	uint64_t row0, row_count, j0, j_count, column0, column_count;
};

/* One 4 x 16 tile of the output; through a copy where it sticks out of the matrix. */
INLINE void pv_tile(const struct pv *pv, struct tile *work, uint64_t row, uint64_t column)
{
	float *out = pv->out + (pv->row0 + row) * pv->width + pv->column0 + column;
	uint64_t rows = least(TILE_ROWS, pv->row_count - row);
	uint64_t columns = least(TILE_COLUMNS, pv->column_count - column);
	float copy[TILE_ROWS * TILE_COLUMNS] = { 0 };

	if (rows == TILE_ROWS && columns == TILE_COLUMNS) {
		work->c = out;
		work->c_stride = pv->width;
		tile_multiply(work);
		return;
	}
	for (uint64_t r = 0; r < rows; r++)
		memcpy(copy + r * TILE_COLUMNS, out + r * pv->width, columns * sizeof(*out));
	work->c = copy;
	work->c_stride = TILE_COLUMNS;
	tile_multiply(work);
	for (uint64_t r = 0; r < rows; r++)
		memcpy(out + r * pv->width, copy + r * TILE_COLUMNS, columns * sizeof(*out));
}

/* Adds up to 64 tokens' worth to all columns of up to 128 rows. */
INLINE void pv_tokens(struct pv *pv, uint64_t number)
{
	const uint16_t *values =
		pv->values + ((uint64_t)pv->table[number] * pv->block + pv->j0) * pv->width;
	const uint16_t *weights = pv->weights + (number * pv->rows + pv->row0) * pv->block + pv->j0;
	uint64_t row_end = (pv->row_count + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
	float a[ROWS_MAX * PV_DEPTH], b[PV_DEPTH * PV_COLUMNS];

	for (uint64_t r = 0; r < row_end; r++)
		row_widen(a + r * PV_DEPTH, weights + (r < pv->row_count ? r : 0) * pv->block,
			  pv->j_count, pv->j_count);
	for (pv->column0 = 0; pv->column0 < pv->width; pv->column0 += PV_COLUMNS) {
		pv->column_count = least(PV_COLUMNS, pv->width - pv->column0);
		for (uint64_t j = 0; j < pv->j_count; j++)
			row_widen(b + j * PV_COLUMNS, values + j * pv->width + pv->column0,
				  pv->column_count, PV_COLUMNS);
		for (uint64_t row = 0; row < pv->row_count; row += TILE_ROWS) {
			for (uint64_t column = 0; column < pv->column_count;
			     column += TILE_COLUMNS) {
				struct tile work = {
					.a = a + row * PV_DEPTH,
					.b = b + column,
					.a_stride = PV_DEPTH,
					.b_stride = PV_COLUMNS,
					.depth = pv->j_count,
				};

				pv_tile(pv, &work, row, column);
			}
		}
	}
}

/* in weights, value cache; out weighted values; scalars: blocks, their numbers. */
INLINE void pv_body(int64_t *args)
{
	struct pv pv = {
		.weights = tensor_data(args[0], 2),
		.values = tensor_data(args[1], 2),
		.table = (const int32_t *)(uintptr_t)args[4],
		.out = tensor_data(args[2], 4),
		.rows = tensor_of(args[2])->shapes[0],
		.width = tensor_of(args[2])->shapes[1],
		.count = (uint64_t)args[3],
	};

	memset(pv.out, 0, pv.rows * pv.width * sizeof(*pv.out));
	if (pv.count == 0)
		return;
	pv.block = tensor_of(args[0])->shapes[1] / pv.count;
	for (; pv.row0 < pv.rows; pv.row0 += ROWS_MAX) {
		pv.row_count = least(ROWS_MAX, pv.rows - pv.row0);
		for (uint64_t i = 0; i < pv.count; i++) {
			for (pv.j0 = 0; pv.j0 < pv.block; pv.j0 += PV_DEPTH) {
				pv.j_count = least(PV_DEPTH, pv.block - pv.j0);
				pv_tokens(&pv, i);
			}
		}
	}
}

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
	static void name##_kernel(int64_t *args) \
	{ \
		if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) \
			name##_avx2(args); \
		else \
			name##_plain(args); \
	}
#else
#define KERNEL(name) \
	static void name##_kernel(int64_t *args) \
	{ \
		name##_body(args); \
	}
#endif

KERNEL(qk)
KERNEL(sf)
KERNEL(pv)
KERNEL(up)
KERNEL(hub)

const struct device_kernel pa_kernels[] = {
	{ PA_QK, "QK", DEVICE_CORE_AIC, qk_kernel },
	{ PA_SF, "SF", DEVICE_CORE_AIV, sf_kernel },
	{ PA_PV, "PV", DEVICE_CORE_AIC, pv_kernel },
	{ PA_UP, "UP", DEVICE_CORE_AIV, up_kernel },
	{ PA_AIC_HUB, "AIC_HUB", DEVICE_CORE_AIC, hub_kernel },
	{ PA_AIV_HUB, "AIV_HUB", DEVICE_CORE_AIV, hub_kernel },
	{ 0, NULL, DEVICE_CORE_AIC, NULL },
};
