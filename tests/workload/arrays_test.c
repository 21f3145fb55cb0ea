/* Building the arrays of a workload: sizes, contents, requests that cannot be met, and judging. */
#include "bench/workloads/array.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint32_t lone[] = { 1 };

static struct workload_data build(struct workload_request request)
{
	struct workload_data data;
	struct err err = { "" };

	if (workload_build(&data, workload_find(NULL, &err), &request, &err) < 0)
		fail_msg("%s", err.text);
	return data;
}

static void check_refused(struct workload_request request, const char *words)
{
	struct workload_data data;
	struct err err = { "" };

	assert_int_equal(workload_build(&data, workloads[0], &request, &err), -EINVAL);
	assert_non_null(strstr(err.text, words));
}

static void test_names(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_ptr_equal(workload_find("paged_attention_unroll", &err), workloads[0]);
	assert_null(workload_find("paged_atention_unroll", &err));
	assert_non_null(strstr(err.text, "did you mean 'paged_attention_unroll'"));
	assert_null(workload_find("zzz", &err));
	check_refused((struct workload_request){ .case_name = "case1" }, "did you mean 'Case1'");
	check_refused((struct workload_request){ .case_name = "enormous" }, "has no case");
}

static void test_lengths(void **state)
{
	static const uint32_t three[] = { 7, 8, 9 }, zero[] = { 0 }, long_one[] = { 32769 };
	struct workload_request request = { .context_lens = three, .context_count = 3 };
	struct workload_data data = build(request);

	(void)state;
	assert_int_equal(data.length_count, 4);
	assert_int_equal(data.lengths[2], 9);
	assert_int_equal(data.lengths[3], 7);
	assert_memory_equal(data.lengths, data.args[4].bytes, 16);
	workload_free(&data);
	workload_free(&data); /* zeroed by now */
	request.context_count = 1;
	request.context_lens = zero;
	check_refused(request, "context length 0");
	request.context_lens = long_one;
	check_refused(request, "context length 32769");
}

static void test_small(void **state)
{
	struct workload_data data = build((struct workload_request){ 0 });
	const int64_t *config = data.args[6].bytes;
	const int32_t *table = data.args[3].bytes;

	(void)state;
	assert_int_equal(data.arg_count, 10);
	assert_int_equal(data.args[0].size, 4 * 16 * 128 * 2);
	assert_int_equal(data.args[1].size, 4 * 65 * 128 * 128 * 2);
	assert_int_equal(data.args[3].size, 4 * 256 * 4);
	assert_int_equal(data.args[5].kind, DEVICE_ARG_INOUT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(data.args[7 + i].kind, DEVICE_ARG_SCALAR);
		assert_int_equal(data.args[7 + i].scalar, data.args[i].size);
	}
	assert_int_equal(config[0], 4);
	assert_int_equal(config[1], 16);
	assert_int_equal(config[2], 1);
	assert_int_equal(config[3], 128);
	assert_int_equal(config[4], 128);
	assert_int_equal(config[5], 256);
	assert_int_equal(config[6], 0x3f800000);
	for (int i = 0; i < 4 * 256; i++)
		assert_in_range(table[i], 0, 4 * 65 - 1);
	workload_free(&data);
}

/* Upstream's task counts, at lengths that need little memory. */
static void test_cases(void **state)
{
	static const struct {
		const char *name;
		uint64_t query_bytes, out_bytes, table_bytes, tasks;
	} cases[] = {
		{ "Case1", 1048576, 2097152, 262144, 1280 },
		{ "Case2", 1048576, 2097152, 131072, 320 },
		{ "Case3", 2097152, 4194304, 131072, 320 },
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct workload_data data = build((struct workload_request){
			.case_name = cases[i].name, .context_lens = lone, .context_count = 1 });

		assert_int_equal(data.args[0].size, cases[i].query_bytes);
		assert_int_equal(data.args[5].size, cases[i].out_bytes);
		assert_int_equal(data.args[3].size, cases[i].table_bytes);
		assert_int_equal(data.tasks, cases[i].tasks);
		workload_free(&data);
	}
}

static float from_bf16(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;

	memcpy(&value, &wide, sizeof(value));
	return value;
}

static void test_contents(void **state)
{
	struct workload_data data = build((struct workload_request){ .seed = 5 });
	const uint16_t *key = data.args[1].bytes, *value = data.args[2].bytes;
	size_t count = data.args[1].size / 2, equal = 0, repeated = 0;
	double sum = 0, squares = 0;
	float lowest = 1, highest = -1;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		float x = from_bf16(key[i]);

		sum += (double)x;
		squares += (double)x * (double)x;
		lowest = fminf(lowest, x);
		highest = fmaxf(highest, x);
		equal += from_bf16(value[i]) == 2 * x;
		repeated += i >= 1 << 18 && key[i] == key[i - (1 << 18)];
	}
	assert_true(lowest >= -0.5f && lowest < -0.49f && highest <= 0.5f && highest > 0.49f);
	assert_true(fabs(sum / (double)count) < 1e-3);
	assert_true(fabs(squares / (double)count - 1.0 / 12) < 1e-3);
	assert_true(equal < count / 50);    /* the streams differ */
	assert_true(repeated < count / 50); /* and so do chunks */
	workload_free(&data);
}

static void test_seeds(void **state)
{
	struct workload_data one = build((struct workload_request){ .seed = 1, .threads = 1 });
	struct workload_data same = build((struct workload_request){ .seed = 1, .threads = 3 });
	struct workload_data other = build((struct workload_request){ .seed = 2 });

	(void)state;
	for (int i = 0; i <= 3; i++) {
		assert_memory_equal(one.args[i].bytes, same.args[i].bytes, one.args[i].size);
		assert_memory_not_equal(one.args[i].bytes, other.args[i].bytes, one.args[i].size);
	}
	workload_free(&one);
	workload_free(&same);
	workload_free(&other);
}

/* The same bytes on every machine: these sums were taken on x86_64 with AVX2 and on aarch64. */
static void test_portable(void **state)
{
	static const uint64_t sums[] = { 0x6d96aad35488738f, 0xeaf2fc713465c04a, 0xbcecdf0c1e1132e9,
					 0x7cb22c07e6ac10b0 };
	struct workload_data data = build((struct workload_request){ .seed = 1 });

	(void)state;
	for (int i = 0; i < 4; i++) {
		const unsigned char *bytes = data.args[i].bytes;
		uint64_t sum = 0xcbf29ce484222325;

		for (size_t j = 0; j < data.args[i].size; j++)
			sum = (sum ^ bytes[j]) * 0x100000001b3;
		assert_int_equal(sum, sums[i]);
	}
	workload_free(&data);
}

static void count_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
	assert_non_null(what);
	assert_true(done >= 1 && done <= total);
	++*(int *)context;
}

static void test_progress(void **state)
{
	int calls = 0;
	struct workload_request request = { .progress = count_progress,
					    .progress_context = &calls };
	struct workload_verdict verdict;
	struct workload_data data = build(request);
	int built = calls;

	(void)state;
	assert_true(built > 0);
	assert_int_equal(workload_check(&data, &request, &verdict, NULL), 0);
	assert_true(calls > built);
	built = calls;
	assert_int_equal(workload_check(&data, &request, &verdict, NULL), 0);
	assert_int_equal(calls, built); /* computed once */
	workload_free(&data);
}

static void test_memory(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(array_check_memory(4096, "x", &err), 0);
	assert_int_equal(array_check_memory(1ull << 50, "x", &err), -ENOMEM);
	assert_non_null(strstr(err.text, "x needs"));
	assert_int_equal(array_check_memory(UINT64_MAX, "x", &err), -ENOMEM);
	assert_null(array_new(1ull << 60));
}

static void test_compare(void **state)
{
	float expected[] = { 0, 1, -1, 100, 5, 5 },
	      got[] = { 0.0009f, 1.0019f, -1.0021f, 100.1f, NAN, 5 };
	struct workload_verdict verdict;

	(void)state;
	array_compare(got, expected, 2, 1e-3f, &verdict);
	assert_true(workload_passed(&verdict));
	array_compare(got, expected, 4, 1e-3f, &verdict);
	assert_int_equal(verdict.within, 3);
	assert_int_equal(verdict.worst_index, 2);
	assert_false(workload_passed(&verdict));
	array_compare(got, expected, 6, 1e-3f, &verdict);
	assert_int_equal(verdict.within, 4);
	assert_int_equal(verdict.worst_index, 4);
	array_compare(got, expected, 0, 1e-3f, &verdict);
	assert_false(workload_passed(&verdict));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	 cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_small),	 cmocka_unit_test(test_cases),
		cmocka_unit_test(test_contents), cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_portable), cmocka_unit_test(test_progress),
		cmocka_unit_test(test_memory),	 cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
