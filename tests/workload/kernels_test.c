/*
 * The kernels alone, in both versions, on shapes that fit neither vectors nor tiles nor what is
 * worked on together: against plain loops in double precision.
 */
#include "base/random.h"
#include "bench/workloads/paged_attention_unroll/pa.h"

/* A copy of the kernels, to get at the versions behind the choice by processor. */
#define pa_kernel_qk again_qk
#define pa_kernel_pv again_pv
#define pa_kernel_sf again_sf
#define pa_kernel_up again_up
#define pa_kernel_hub again_hub
#include "bench/workloads/paged_attention_unroll/cube.c"
#include "bench/workloads/paged_attention_unroll/vector.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define GUARD 64 /* bytes behind every output that must stay as they are */

struct set {
	const char *name;
	abi_kernel_function qk, sf, pv, up;
};

static const struct set sets[] = {
#if defined(__x86_64__)
	{ "plain", qk_plain, sf_plain, pv_plain, up_plain },
#endif
	{ "chosen", again_qk, again_sf, again_pv, again_up },
};

struct shape {
	uint32_t rows, depth, block, count, last_valid;
};

static const struct shape shapes[] = {
	{ 16, 128, 128, 2, 100 }, { 64, 256, 64, 3, 64 },  { 1, 1, 1, 1, 1 },
	{ 5, 40, 24, 3, 7 },	  { 130, 300, 67, 2, 66 }, { 17, 72, 130, 1, 1 },
};

/* From -1 to below 1. */
static float random_unit(void)
{
	static uint64_t state = 12345;

	return (float)(random_next(&state) >> 40) / (float)(1 << 23) - 1.0f;
}

static double bf16_value(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof(value));
	return (double)value;
}

static void *array_of(uint64_t count, uint64_t element_bytes)
{
	unsigned char *bytes = malloc(count * element_bytes + GUARD);

	assert_non_null(bytes);
	memset(bytes, 0xa5, count * element_bytes + GUARD);
	return bytes;
}

static void check_guard(const void *array, uint64_t bytes)
{
	for (uint64_t i = 0; i < GUARD; i++)
		assert_int_equal(((const unsigned char *)array)[bytes + i], 0xa5);
}

static uint16_t *random_bf16(uint64_t count)
{
	uint16_t *array = array_of(count, 2);

	for (uint64_t i = 0; i < count; i++) {
		float value = random_unit();
		uint32_t bits;

		memcpy(&bits, &value, sizeof(bits));
		array[i] = (uint16_t)(bits >> 16);
	}
	return array;
}

static float *random_f32(uint64_t count, float scale)
{
	float *array = array_of(count, 4);

	for (uint64_t i = 0; i < count; i++)
		array[i] = random_unit() * scale;
	return array;
}

/* A tensor that begins 3 elements into its buffer when `shifted`, as views do. */
static struct abi_tensor tensor_at(const void *array, uint64_t rows, uint64_t columns,
				   uint64_t shift_bytes)
{
	return (struct abi_tensor){
		.addr = (uint64_t)(uintptr_t)array - 3 * shift_bytes,
		.start_offset = shift_bytes ? 3 : 0,
		.ndims = 2,
		.shapes = { (uint32_t)rows, (uint32_t)columns },
	};
}

static int64_t word(const void *pointer)
{
	return (int64_t)(uintptr_t)pointer;
}

static void check_near(double got, double expected, double tolerance)
{
	if (!(fabs(got - expected) <= tolerance + tolerance * fabs(expected)))
		fail_msg("got %.9g, expected %.9g", got, expected);
}

static void check_qk(const struct set *set, const struct shape *s)
{
	const int32_t table[] = { 2, 0, 3 };
	uint64_t tile = (uint64_t)s->rows * s->block;
	uint16_t *query = random_bf16((uint64_t)s->rows * s->depth);
	uint16_t *keys = random_bf16(4ull * s->block * s->depth);
	float *scores = array_of(s->count * tile, 4);
	struct abi_tensor t[] = {
		tensor_at(query, s->rows, s->depth, 2),
		tensor_at(keys, 4ull * s->block, s->depth, 0),
		tensor_at(scores, s->rows, (uint64_t)s->count * s->block, 4),
	};
	int64_t args[] = { word(&t[0]), word(&t[1]), word(&t[2]), s->count, word(table) };

	set->qk(args);
	check_guard(scores, s->count * tile * 4);
	for (uint64_t i = 0; i < s->count * tile; i++) {
		uint64_t row = i % tile / s->block;
		uint64_t key = (uint64_t)table[i / tile] * s->block + i % s->block;
		double sum = 0;

		for (uint64_t k = 0; k < s->depth; k++)
			sum += bf16_value(query[row * s->depth + k]) *
			       bf16_value(keys[key * s->depth + k]);
		check_near((double)scores[i], sum, 1e-4);
	}
	free(query);
	free(keys);
	free(scores);
}

/* The sum must be that of the rounded weights, exactly up to the order of adding. */
static void check_sf_row(const struct shape *s, const float *scores, const uint16_t *weights,
			 uint64_t row, const float *result)
{
	double highest = -INFINITY, sum = 0;
	const double scale = 0.5;

	for (uint64_t i = 0; i < (uint64_t)s->count * s->block; i++) {
		uint64_t at = (i / s->block * s->rows + row) * s->block + i % s->block;

		if (i < (uint64_t)(s->count - 1) * s->block + s->last_valid)
			highest = fmax(highest, (double)scores[at] * scale);
	}
	check_near((double)result[0], highest, 1e-7);
	for (uint64_t i = 0; i < (uint64_t)s->count * s->block; i++) {
		uint64_t at = (i / s->block * s->rows + row) * s->block + i % s->block;
		double weight = bf16_value(weights[at]);

		sum += weight;
		if (i >= (uint64_t)(s->count - 1) * s->block + s->last_valid)
			assert_int_equal(weights[at], 0);
		else
			check_near(weight / exp((double)scores[at] * scale - highest), 1,
				   1.0 / 512 + 1e-6);
	}
	check_near((double)result[1], sum, 1e-5);
}

static void check_sf(const struct set *set, const struct shape *s)
{
	uint64_t count = (uint64_t)s->rows * s->block * s->count;
	float *scores = random_f32(count, 20);
	uint16_t *weights = array_of(count, 2);
	float *maxima = array_of(s->rows, 4), *sums = array_of(s->rows, 4);
	uint64_t columns = (uint64_t)s->count * s->block;
	struct abi_tensor t[] = {
		tensor_at(scores, s->rows, columns, 4),
		tensor_at(weights, s->rows, columns, 2),
		tensor_at(maxima, s->rows, 1, 4),
		tensor_at(sums, s->rows, 1, 4),
	};
	int64_t args[] = { word(&t[0]), word(&t[1]), word(&t[2]),  word(&t[3]),
			   0x3f000000,	s->count,    s->last_valid };

	set->sf(args);
	check_guard(weights, count * 2);
	check_guard(maxima, s->rows * 4ull);
	check_guard(sums, s->rows * 4ull);
	for (uint64_t row = 0; row < s->rows; row++) {
		const float result[] = { maxima[row], sums[row] };

		check_sf_row(s, scores, weights, row, result);
	}
	free(scores);
	free(weights);
	free(maxima);
	free(sums);
}

static void check_pv(const struct set *set, const struct shape *s)
{
	const int32_t table[] = { 1, 3, 1 };
	uint64_t tile = (uint64_t)s->rows * s->block;
	uint16_t *weights = random_bf16(s->count * tile);
	uint16_t *values = random_bf16(4ull * s->block * s->depth);
	float *out = array_of((uint64_t)s->rows * s->depth, 4);
	struct abi_tensor t[] = {
		tensor_at(weights, s->rows, (uint64_t)s->count * s->block, 2),
		tensor_at(values, 4ull * s->block, s->depth, 0),
		tensor_at(out, s->rows, s->depth, 4),
	};
	int64_t args[] = { word(&t[0]), word(&t[1]), word(&t[2]), s->count, word(table) };

	set->pv(args);
	check_guard(out, (uint64_t)s->rows * s->depth * 4);
	for (uint64_t i = 0; i < (uint64_t)s->rows * s->depth; i++) {
		double sum = 0;

		for (uint64_t j = 0; j < (uint64_t)s->count * s->block; j++) {
			uint64_t number = j / s->block, token = j % s->block;
			uint64_t value = (uint64_t)table[number] * s->block + token;

			sum += bf16_value(
				       weights[number * tile + i / s->depth * s->block + token]) *
			       bf16_value(values[value * s->depth + i % s->depth]);
		}
		check_near((double)out[i], sum, 1e-4);
	}
	free(weights);
	free(values);
	free(out);
}

struct up_arrays {
	float *m, *l, *fresh, *maxima, *sums, *values, *out;
};

static void check_up_rows(const struct shape *s, const struct up_arrays *before,
			  const struct up_arrays *after, const bool *flags)
{
	for (uint64_t r = 0; r < s->rows; r++) {
		double old = (double)before->maxima[r], group = (double)before->m[r];
		double highest = flags[0] ? group : fmax(old, group);
		double keep = flags[0] ? 0 : exp(old - highest);
		double take = flags[0] ? 1 : exp(group - highest);
		double sum = (flags[0] ? 0 : keep * (double)before->sums[r]) +
			     take * (double)before->l[r];

		check_near((double)after->maxima[r], highest, 1e-6);
		check_near((double)after->sums[r], sum, 1e-5);
		for (uint64_t i = r * s->depth; i < (r + 1) * s->depth; i++) {
			double value = (flags[0] ? 0 : keep * (double)before->values[i]) +
				       take * (double)before->fresh[i];

			if (flags[1])
				check_near((double)after->out[i], value / sum, 1e-5);
			else
				check_near((double)after->values[i], value, 1e-5);
			if (flags[1])
				assert_memory_equal(&after->values[i], &before->values[i], 4);
			else
				assert_memory_equal(&after->out[i], &before->out[i], 4);
		}
	}
}

static void check_up(const struct set *set, const struct shape *s, bool first, bool last)
{
	uint64_t rows = s->rows, area = rows * s->depth;
	const uint64_t counts[] = { rows, rows, area, rows, rows, area, area };
	const bool flags[] = { first, last };
	float *before[7], *after[7];
	struct abi_tensor t[7];
	int64_t args[9];

	for (int i = 0; i < 7; i++) {
		before[i] = random_f32(counts[i], 4);
		after[i] = array_of(counts[i], 4);
		for (uint64_t j = 0; j < counts[i] && (i == 1 || i == 4); j++)
			before[i][j] = fabsf(before[i][j]) + 1; /* sums of exponentials */
		memcpy(after[i], before[i], counts[i] * 4);
		t[i] = tensor_at(after[i], rows, counts[i] / rows, 4);
		args[i] = word(&t[i]);
	}
	args[7] = first;
	args[8] = last;
	set->up(args);
	check_up_rows(s,
		      &(struct up_arrays){ before[0], before[1], before[2], before[3], before[4],
					   before[5], before[6] },
		      &(struct up_arrays){ after[0], after[1], after[2], after[3], after[4],
					   after[5], after[6] },
		      flags);
	for (int i = 0; i < 7; i++) {
		check_guard(after[i], counts[i] * 4);
		free(before[i]);
		free(after[i]);
	}
}

static void test_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		for (size_t j = 0; j < sizeof(shapes) / sizeof(shapes[0]); j++) {
			check_qk(&sets[i], &shapes[j]);
			check_sf(&sets[i], &shapes[j]);
			check_pv(&sets[i], &shapes[j]);
			for (int flags = 0; flags < 4; flags++)
				check_up(&sets[i], &shapes[j], flags & 1, flags & 2);
		}
	}
}

/* Numbers and cores as simpler registers them. */
static void test_list(void **state)
{
	static const char *const names[] = { "QK", "SF", "PV", "UP", "AIC_HUB", "AIV_HUB" };

	(void)state;
	assert_ptr_equal(workloads[0]->kernels, pa_kernels);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(pa_kernels[i].id, i);
		assert_string_equal(pa_kernels[i].name, names[i]);
		assert_int_equal(pa_kernels[i].core, i % 2 ? DEVICE_CORE_AIV : DEVICE_CORE_AIC);
	}
	assert_null(pa_kernels[6].name);
}

/* Scores at the edges of the exponential: far below the maximum is 0, and nothing is NaN. */
static void test_exponential(void **state)
{
	const float scores[8] = { 0, -0.5f, -20, -85, -88, -1000, -1e30f, 0 };
	uint16_t weights[8];
	float highest = 0, sum = 0;
	struct abi_tensor t[] = {
		tensor_at(scores, 1, 8, 0),
		tensor_at(weights, 1, 8, 0),
		tensor_at(&highest, 1, 1, 0),
		tensor_at(&sum, 1, 1, 0),
	};
	int64_t args[] = { word(&t[0]), word(&t[1]), word(&t[2]), word(&t[3]), 0x3f800000, 1, 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		sets[i].sf(args);
		assert_int_equal(weights[0], 0x3f80);
		check_near(bf16_value(weights[1]), exp(-0.5), 1.0 / 512);
		check_near(bf16_value(weights[2]) / exp(-20), 1, 1.0 / 256);
		check_near(bf16_value(weights[3]) / exp(-85), 1, 1.0 / 256);
		for (int j = 4; j < 7; j++)
			assert_int_equal(weights[j], 0);
		check_near((double)highest, 0, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_exponential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
