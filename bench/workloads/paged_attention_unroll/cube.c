/*
 * The matrix kernels, QK and PV: products of bf16 matrices, summed in f32. Both widen what they
 * need next into small buffers and multiply 4 x 16 tiles whose sums stay in registers.
 */
#include "bench/workloads/paged_attention_unroll/kernel.h"

#define TILE_ROWS 4
#define TILE_COLUMNS 16
#define TILE_VECTORS (TILE_COLUMNS / LANES)

#define ROWS_MAX 128  /* query rows worked on together */
#define DEPTH_MAX 256 /* head_dim elements worked on together */
#define PV_DEPTH 64
#define PV_COLUMNS 64

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

KERNEL(qk)

/* The part of a PV that is worked on together: rows, columns of the output, tokens of a block. */
struct pv {
	const uint16_t *weights, *values;
	const int32_t *table;
	float *out;
	uint64_t rows, width, block, count;
	uint64_t row0, row_count, j0, j_count, column0, column_count;
};

/* One 4 x 16 tile of the output; through a copy where it sticks out of the matrix. */
INLINE void pv_tile(const struct pv *pv, struct tile work, uint64_t row, uint64_t column)
{
	float *out = pv->out + (pv->row0 + row) * pv->width + pv->column0 + column;
	uint64_t rows = least(TILE_ROWS, pv->row_count - row);
	uint64_t columns = least(TILE_COLUMNS, pv->column_count - column);
	float copy[TILE_ROWS * TILE_COLUMNS] = { 0 };

	if (rows == TILE_ROWS && columns == TILE_COLUMNS) {
		work.c = out;
		work.c_stride = pv->width;
		tile_multiply(&work);
		return;
	}
	for (uint64_t r = 0; r < rows; r++)
		memcpy(copy + r * TILE_COLUMNS, out + r * pv->width, columns * sizeof(*out));
	work.c = copy;
	work.c_stride = TILE_COLUMNS;
	tile_multiply(&work);
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

				pv_tile(pv, work, row, column);
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

KERNEL(pv)
