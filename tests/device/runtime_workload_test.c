/* The real graph on the real runtime: paged attention as it is linked into the program, judged by
 * its golden, with upstream's sizes and with windows that wrap many times. */
#include "tests/device/runtime_rig.h"

#include "bench/workloads/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct paged {
	struct workload_data data;
	abi_bind_function bind;
	abi_entry_function entry;
};

static uintptr_t linked_symbol(const struct workload *workload, const char *name)
{
	const struct so_symbol *symbol;

	for (symbol = workload->linked; symbol->name; symbol++)
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
	if (paged->bind)
		paged->bind(rt);
	paged->entry(args, paged->data.arg_count, 1, 0);
	if (paged->bind)
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

static void test_paged_attention(void **state)
{
	struct workload_request request = { .case_name = "small", .seed = 3 };
	const struct workload *workload = workload_find("paged_attention_unroll", NULL);
	struct paged paged;

	(void)state;
	assert_non_null(workload);
	paged.bind = (abi_bind_function)linked_symbol(workload, ABI_BIND_SYMBOL);
	paged.entry = (abi_entry_function)linked_symbol(workload, ABI_ENTRY_SYMBOL);
	assert_non_null((void *)(uintptr_t)paged.entry);
	assert_int_equal(workload_build(&paged.data, workload, &request, NULL), 0);
	paged_run(&paged, &(struct runtime_config){ .schedulers = 3 });
	/* Ten tasks a row fit a window of 16, one row at a time. */
	paged_run(&paged, &(struct runtime_config){ .schedulers = 2,
						    .pools = RUNTIME_POOLS_SMALL,
						    .task_window = 16,
						    .heap_bytes = 4 << 20 });
	workload_free(&paged.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paged_attention) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
