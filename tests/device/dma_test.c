/* DMA: copies, their accounts, ranges that are refused, and the models beside the measurement. */
#include "device/dma.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define BASE UINT64_C(0x7e9000000000)
#define BYTES (1u << 20)

struct rig {
	struct memory *memory;
	struct dma *dma;
};

static struct rig rig_open(void)
{
	struct rig rig = { 0 };

	assert_int_equal(memory_open(&rig.memory, BYTES, NULL), 0);
	memory_agree(rig.memory, BASE);
	assert_int_equal(dma_open(&rig.dma, rig.memory, &dma_models[0], NULL), 0);
	return rig;
}

static void rig_close(struct rig *rig)
{
	dma_close(rig->dma);
	memory_close(rig->memory);
}

static void test_copies(void **state)
{
	struct rig rig = rig_open();
	struct dma_totals totals = { 0 };
	char sent[1000], back[1000] = "";
	void *device = NULL;

	(void)state;
	memset(sent, 0x5a, sizeof(sent));
	dma_account(rig.dma, &totals);
	assert_int_equal(dma_write(rig.dma, BASE + 4096, sent, sizeof(sent), NULL), 0);
	assert_int_equal(dma_read(rig.dma, BASE + 4096, back, sizeof(back), NULL), 0);
	assert_memory_equal(sent, back, sizeof(sent));
	/* What the device sees is what was written. */
	assert_int_equal(memory_map(memory_fd(rig.memory), BYTES, 0, &device, NULL), 0);
	assert_memory_equal((char *)device + 4096, sent, sizeof(sent));

	assert_int_equal(totals.copies, 2);
	assert_int_equal(totals.bytes, 2000);
	assert_int_equal(totals.model_ns, 2 * dma_model_ns(&dma_models[0], 1000));
	dma_account(rig.dma, NULL);
	assert_int_equal(dma_write(rig.dma, BASE, sent, 1, NULL), 0);
	assert_int_equal(totals.copies, 2);
	rig_close(&rig);
}

static void test_ranges(void **state)
{
	struct rig rig = rig_open();
	struct err err = { "" };
	char byte = 0;

	(void)state;
	assert_int_equal(dma_write(rig.dma, BASE - 1, &byte, 1, &err), -EFAULT);
	assert_int_equal(dma_write(rig.dma, BASE + BYTES, &byte, 1, &err), -EFAULT);
	assert_int_equal(dma_write(rig.dma, BASE + BYTES - 1, &byte, 1, &err), 0);
	assert_int_equal(dma_read(rig.dma, BASE + BYTES - 1, &byte, 2, &err), -EFAULT);
	assert_int_equal(dma_read(rig.dma, BASE + 8, &byte, UINT64_MAX, &err), -EFAULT);
	assert_int_equal(dma_read(rig.dma, 0, &byte, 1, &err), -EFAULT);
	assert_non_null(strstr(err.text, "not device memory"));
	rig_close(&rig);
}

static void test_models(void **state)
{
	struct dma_model model;
	struct err err = { "" };

	(void)state;
	assert_int_equal(dma_model_parse("a3", &model, &err), 0);
	/* The public figures it is fitted to: 632 B in 35 to 39 us, 233799 B in 67 to 68 us,
	 * 5620195 B in 0.54 to 0.98 ms. */
	assert_in_range(dma_model_ns(&model, 632), 35000, 39000);
	assert_in_range(dma_model_ns(&model, 233799), 67000, 69000);
	assert_in_range(dma_model_ns(&model, 5620195), 540000, 980000);
	assert_int_equal(dma_model_parse("17+10", &model, &err), 0);
	assert_int_equal(dma_model_ns(&model, 0), 17000);
	assert_int_equal(dma_model_ns(&model, 1000), 17100);
	for (const struct dma_model *preset = dma_models; preset->name; preset++)
		assert_true(strlen(preset->source) > 20);
}

static void test_models_refused(void **state)
{
	static const char *const bad[] = { "",	     "a4",    "17",   "17+",   "+10",
					   "17+0",   "17+-1", "-1+1", "nan+1", "1+inf",
					   "1+1e99", "1+1us", "17 10" };
	struct dma_model model = { .name = "kept" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };

		assert_int_equal(dma_model_parse(bad[i], &model, &err), -EINVAL);
		assert_non_null(strstr(err.text, "L+B"));
	}
	assert_string_equal(model.name, "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_models_refused),
	};

	clock_start();
	return cmocka_run_group_tests_name("dma", tests, NULL, NULL);
}
