/*
 * The whole workload against a runtime that runs each task at once: linked into this program, as C
 * object and as C++ objects. The output must match the golden, and an error planted anywhere must
 * make it fail.
 */
#include "tests/built.h"
#include "tests/workload/fake.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct entry {
	void *handle;
	abi_config_function config;
	abi_entry_function entry;
	abi_bind_function bind;
};

static uintptr_t linked_address(const char *name)
{
	for (const struct so_symbol *symbol = workloads[0]->variants[0].linked; symbol->name;
	     symbol++) {
		if (strcmp(symbol->name, name) == 0)
			return (uintptr_t)symbol->address;
	}
	fail_msg("%s is not linked in", name);
	return 0;
}

static uintptr_t entry_address(void *handle, const char *name)
{
	return handle ? (uintptr_t)dlsym(handle, name) : linked_address(name);
}

/* NULL = what is linked in. */
static struct entry entry_open(const char *object)
{
	struct entry entry = { 0 };

	if (object) {
		entry.handle = dlopen(built_path("objects/%s", object), RTLD_NOW | RTLD_LOCAL);
		if (!entry.handle)
			fail_msg("%s", dlerror());
	}
	entry.config = (abi_config_function)entry_address(entry.handle, ABI_CONFIG_SYMBOL);
	entry.entry = (abi_entry_function)entry_address(entry.handle, ABI_ENTRY_SYMBOL);
	entry.bind = (abi_bind_function)entry_address(entry.handle, ABI_BIND_SYMBOL);
	assert_true(entry.config && entry.entry && entry.bind);
	return entry;
}

static void entry_close(struct entry *entry)
{
	entry->bind(NULL);
	if (entry->handle)
		dlclose(entry->handle);
}

static void data_build(struct workload_data *data, const char *name, const uint32_t *lengths,
		       uint32_t count)
{
	struct workload_request request = {
		.case_name = name, .context_lens = lengths, .context_count = count, .seed = 42
	};
	struct err err = { "" };

	if (workload_build(data, workloads[0], &request, &err) < 0)
		fail_msg("%s", err.text);
}

static struct workload_verdict data_check(struct workload_data *data)
{
	struct workload_verdict verdict;
	struct err err = { "" };

	if (workload_check(data, NULL, &verdict, &err) < 0)
		fail_msg("%s", err.text);
	return verdict;
}

/* Runs the graph, by as many orchestrators one after the other, with task `spoil` spoiled. */
static void data_run(struct workload_data *data, const struct entry *entry, int orchestrators,
		     uint64_t spoil)
{
	uint64_t args[ABI_HOST_ARGS_MAX];
	struct fake fake;

	assert_true(fake_start(&fake, data->workload->kernels));
	fake.spoil = spoil;
	fake_args(data, args);
	workload_reset(data);
	assert_int_equal(entry->config(args, data->arg_count).expected_arg_count, data->arg_count);
	entry->bind(&fake.rt);
	for (int i = 0; i < orchestrators; i++)
		entry->entry(args, data->arg_count, orchestrators, i);
	entry->bind(NULL);
	assert_int_equal(fake.faults, 0);
	assert_int_equal(fake.depth, 0);
	assert_int_equal(fake.tasks, data->tasks);
	assert_int_equal(fake.scopes, data->length_count);
	fake_stop(&fake);
}

static void check_object(const char *object)
{
	struct entry entry = entry_open(object);
	struct workload_verdict verdict;
	struct workload_data data;

	data_build(&data, "small", NULL, 0);
	assert_int_equal(data.tasks, 24);
	data_run(&data, &entry, 1, 0);
	verdict = data_check(&data);
	assert_int_equal(verdict.elements, 4 * 16 * 128);
	assert_int_equal(verdict.within, verdict.elements);
	assert_true(workload_passed(&verdict));

	workload_reset(&data);
	verdict = data_check(&data);
	assert_false(workload_passed(&verdict));

	data_run(&data, &entry, 3, 0);
	verdict = data_check(&data);
	assert_true(workload_passed(&verdict));
	workload_free(&data);
	entry_close(&entry);
}

static void test_linked(void **state)
{
	(void)state;
	check_object(NULL);
}

static void test_objects(void **state)
{
	(void)state;
	for (const char *const *object = workloads[0]->variants[0].objects; *object; object++)
		check_object(*object);
}

/* 64 heads, and a head size that upstream's kernels get wrong; lengths around a block's edges. */
static void test_wide_cases(void **state)
{
	static const uint32_t lengths[] = { 1, 63, 64, 65, 200 };
	struct entry entry = entry_open(NULL);

	(void)state;
	for (int i = 2; i <= 3; i++) {
		char name[] = { 'C', 'a', 's', 'e', (char)('0' + i), 0 };
		struct workload_verdict verdict;
		struct workload_data data;

		data_build(&data, name, lengths, 5);
		data_run(&data, &entry, 1, 0);
		verdict = data_check(&data);
		assert_int_equal(verdict.elements, 64 * 64 * (i == 3 ? 256 : 128));
		assert_int_equal(verdict.within, verdict.elements);
		workload_free(&data);
	}
	entry_close(&entry);
}

/* One wrong number in any task that computes must be seen in the result. */
static void test_planted_error(void **state)
{
	static const uint32_t lengths[] = { 40, 300, 128, 1 };
	struct entry entry = entry_open(NULL);
	struct workload_data data;

	(void)state;
	data_build(&data, "small", lengths, 4);
	assert_int_equal(data.tasks, 20);
	for (uint64_t task = 1; task <= 20; task++) {
		uint64_t kind = (task - 1) % 5; /* HUB QK SF PV UP */
		struct workload_verdict verdict;

		if (task > 15 && kind == 1)
			continue; /* a lone token's softmax is 1 whatever its score */
		data_run(&data, &entry, 1, task);
		verdict = data_check(&data);
		assert_int_equal(workload_passed(&verdict), kind == 0);
	}
	workload_free(&data);
	entry_close(&entry);
}

/* What an orchestration does with arguments it cannot use: it says so and submits nothing. */
static void check_refusal(const char *object, struct workload_data *data, int count)
{
	struct entry entry = entry_open(object);
	uint64_t args[ABI_HOST_ARGS_MAX], errors = fake_errors;
	struct fake fake;

	assert_true(fake_start(&fake, data->workload->kernels));
	fake_args(data, args);
	entry.entry(args, count, 1, 0); /* nothing is bound: nothing happens */
	assert_int_equal(fake_errors, errors);
	entry.bind(&fake.rt);
	entry.entry(args, count, 1, 0);
	assert_int_equal(fake_errors, errors + 1);
	assert_int_equal(fake.tasks, 0);
	assert_int_equal(fake.depth, 0);
	fake_stop(&fake);
	entry_close(&entry);
}

static void test_refusals(void **state)
{
	static const uint32_t lengths[] = { 5 };
	struct workload_data data;
	int64_t *config;

	(void)state;
	data_build(&data, "small", lengths, 1);
	check_refusal("pa_unroll.so", &data, 9);
	check_refusal("pa_unroll_cxx.so", &data, 9);
	config = data.args[6].bytes;
	config[5] = 0; /* a block table without columns */
	check_refusal("pa_unroll_cxx_nounique.so", &data, 10);
	workload_free(&data);
}

static void test_fatal_stops(void **state)
{
	struct entry entry = entry_open(NULL);
	uint64_t args[ABI_HOST_ARGS_MAX];
	struct workload_data data;
	struct fake fake;

	(void)state;
	data_build(&data, "small", NULL, 0);
	assert_true(fake_start(&fake, data.workload->kernels));
	fake.fatal = true;
	fake_args(&data, args);
	entry.bind(&fake.rt);
	entry.entry(args, data.arg_count, 1, 0);
	assert_int_equal(fake.tasks, 0);
	fake_stop(&fake);
	workload_free(&data);
	entry_close(&entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linked),	   cmocka_unit_test(test_objects),
		cmocka_unit_test(test_wide_cases), cmocka_unit_test(test_planted_error),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_fatal_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
