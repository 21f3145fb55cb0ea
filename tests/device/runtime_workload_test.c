/* The real graph on the real runtime: paged attention as it is linked into the program, judged by
 * its golden, with upstream's sizes and with windows that wrap many times. */
#include "tests/device/runtime_rig.h"

#include "bench/workloads/workload.h"
#include "device/variant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct paged {
	struct workload_data data;
	abi_bind_function bind;
	abi_entry_function entry;
	abi_entry_rt_function entry_rt;
};

static uintptr_t linked_symbol(const struct workload_variant *built, const char *name)
{
	const struct so_symbol *symbol;

	for (symbol = built->linked; symbol->name; symbol++)
		if (strcmp(symbol->name, name) == 0)
			return (uintptr_t)symbol->address;
	return 0;
}

static void paged_orchestrate(struct abi_runtime *rt, void *context)
{
	struct paged *paged = context;
	uint64_t args[ABI_ARGS_MAX];
	int i;

	for (i = 0; i < paged->data.arg_count; i++) {
		const struct device_arg *arg = &paged->data.args[i];

		args[i] = arg->kind == DEVICE_ARG_SCALAR ? arg->scalar : (uintptr_t)arg->bytes;
	}
	if (paged->entry_rt) {
		paged->entry_rt(rt, args, paged->data.arg_count, 1, 0);
		return;
	}
	paged->bind(rt);
	paged->entry(args, paged->data.arg_count, 1, 0);
	paged->bind(NULL);
}

static void paged_run(struct paged *paged, const struct runtime_config *config)
{
	struct rig rig = { .config = *config, .orchestrate = paged_orchestrate, .context = paged };
	const struct device_kernel *kernel;
	struct workload_verdict verdict;

	for (kernel = paged->data.workload->kernels; kernel->name; kernel++)
		rig_set_kernel(&rig, kernel->id, kernel->function);
	workload_reset(&paged->data);
	assert_int_equal(rig_run(&rig), 0);
	assert_string_equal(rig.err.text, "");
	assert_int_equal(rig.counters.executed, paged->data.tasks);
	assert_int_equal(workload_check(&paged->data, NULL, &verdict, &rig.err), 0);
	assert_true(workload_passed(&verdict));
}

static void paged_link(struct paged *paged, const struct device_variant *variant)
{
	const struct workload_variant *built =
		workload_variant_find(paged->data.workload, variant->object_suffix, NULL);
	uintptr_t entry;

	assert_non_null(built);
	entry = linked_symbol(built, ABI_ENTRY_SYMBOL);
	assert_true(entry != 0);
	paged->bind = (abi_bind_function)linked_symbol(built, ABI_BIND_SYMBOL);
	assert_true(variant->has_bind == (paged->bind != NULL));
	paged->entry = variant->has_bind ? (abi_entry_function)entry : NULL;
	paged->entry_rt = variant->has_bind ? NULL : (abi_entry_rt_function)entry;
}

static void test_paged_attention(void **state)
{
	struct workload_request request = { .case_name = "small", .seed = 3 };
	const struct workload *workload = workload_find("paged_attention_unroll", NULL);
	struct paged paged;

	(void)state;
	assert_non_null(workload);
	assert_int_equal(workload_build(&paged.data, workload, &request, NULL), 0);
	for (const struct device_variant *v = device_variants; v->platform; v++) {
		if (v->host_builds)
			continue;
		paged_link(&paged, v);
		paged_run(&paged, &(struct runtime_config){ .variant = v->operations,
							    .schedulers = v->threads - 1 });
		/* Ten tasks a row fit a window of 16, one row at a time. */
		paged_run(&paged, &(struct runtime_config){ .variant = v->operations,
							    .schedulers = 2,
							    .pools = RUNTIME_POOLS_SMALL,
							    .task_window = 16,
							    .heap_bytes = 4 << 20 });
	}
	workload_free(&paged.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paged_attention) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
