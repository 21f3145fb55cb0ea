/*
 * Transport dedup against a model: random sequences of objects, changed and unchanged, with device
 * resets and a memory that is now and then too small. What the device finds is always the object of
 * the round; it is sent exactly when the model says that the device does not have it.
 */
#include "base/random.h"
#include "device/transport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BYTES (32u << 20)
#define NAMES 90 /* more than the host keeps */
#define KEPT 64	 /* as in dedup.c */
#define LABEL_BYTES 32u
#define STRUCT_BYTES 7744u

struct model {
	uint64_t id, generation, used; /* id 0: free */
};

struct rig {
	const struct transport *transport;
	struct memory *memory;
	struct dma *dma;
	struct dma_totals totals;
	struct transport_device device;
	void *runtime, *state;
	struct model kept[KEPT];
	uint64_t round;
};

static void rig_open(struct rig *rig, uint64_t bytes)
{
	void *mapping = NULL;

	*rig = (struct rig){ .transport = transport_find("dedup", NULL) };
	assert_int_equal(memory_open(&rig->memory, bytes, NULL), 0);
	assert_int_equal(memory_map(memory_fd(rig->memory), bytes, 0, &mapping, NULL), 0);
	memory_agree(rig->memory, (uintptr_t)mapping);
	assert_int_equal(dma_open(&rig->dma, rig->memory, &dma_models[0], NULL), 0);
	dma_account(rig->dma, &rig->totals);
	rig->device = (struct transport_device){ .memory = mapping,
						 .memory_bytes = bytes,
						 .memory_fd = memory_fd(rig->memory),
						 .workers = ABI_A2A3_WORKERS };
	rig->runtime = calloc(1, STRUCT_BYTES);
	rig->state = calloc(1, rig->transport->host_state_size);
	assert_true(rig->runtime && rig->state);
}

static void rig_close(struct rig *rig)
{
	rig->transport->release(rig->state);
	assert_int_equal(memory_usage(rig->memory).blocks, 0);
	dma_close(rig->dma);
	memory_close(rig->memory);
	free(rig->runtime);
	free(rig->state);
}

/* True when the model's device has it. Keeps it either way. */
static bool model_round(struct rig *rig, uint64_t id, uint64_t generation)
{
	struct model *place = &rig->kept[0];
	bool has = false;

	for (int i = 0; i < KEPT && !has; i++) {
		struct model *kept = &rig->kept[i];

		has = kept->id == id && kept->generation == generation;
		if (has || kept->used < place->used)
			place = kept;
	}
	*place = (struct model){ id, generation, ++rig->round };
	return has;
}

/* Content follows from identity, as a hash promises. */
static void content_fill(uint8_t *bytes, size_t size, uint64_t id, uint64_t generation)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i + id * 31 + generation * 101);
}

static int round_run(struct rig *rig, const struct so *so, struct so *ret_so)
{
	struct round round = { .memory = rig->memory, .dma = rig->dma };
	struct transport_host host = { .round = &round,
				       .so = so,
				       .state = rig->state,
				       .workers = ABI_A2A3_WORKERS,
				       .runtime = rig->runtime };
	int r = rig->transport->stage(&host, NULL);

	if (r == 0)
		r = rig->transport->send(&host, NULL);
	rig->device.runtime_address = host.runtime_address;
	if (r == 0)
		r = rig->transport->receive(&rig->device, ret_so, NULL);
	if (r == 0)
		rig->transport->received(rig->state);
	round_release(&round);
	return r;
}

static void round_once(struct rig *rig, uint64_t id, uint64_t generation,
		       const bool *ret_expected_sent)
{
	static uint8_t bytes[5000];
	size_t size = 100 + (id * 977 + generation * 13) % 4900;
	struct so so = { .bytes = bytes, .size = size, .id = id, .generation = generation };
	struct so got = { .fd = -1 };
	uint64_t before = rig->totals.bytes, sent;

	content_fill(bytes, size, id, generation);
	assert_int_equal(round_run(rig, &so, &got), 0);
	assert_int_equal(got.size, size);
	assert_memory_equal(got.bytes, bytes, size);
	sent = rig->totals.bytes - before;
	if (ret_expected_sent)
		assert_int_equal(sent,
				 STRUCT_BYTES + (*ret_expected_sent ? size + LABEL_BYTES : 0));
	else
		assert_true(sent == STRUCT_BYTES || sent == STRUCT_BYTES + size + LABEL_BYTES);
}

static void test_model(void **state)
{
	uint64_t generations[NAMES], random = 3, hits = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig, BYTES);
	for (int i = 0; i < NAMES; i++)
		generations[i] = 1;
	for (int step = 0; step < 20000; step++) {
		/* Short walks repeat, long ones evict. */
		uint64_t reach = random_next(&random) % 3 ? 20 : NAMES;
		uint64_t name = random_next(&random) % reach;
		bool sent;

		if (random_next(&random) % 8 == 0)
			generations[name]++; /* the object has changed */
		if (random_next(&random) % 500 == 0) {
			rig.transport->forget(rig.state);
			memset(rig.kept, 0, sizeof(rig.kept));
		}
		sent = !model_round(&rig, name + 1, generations[name]);
		hits += !sent;
		round_once(&rig, name + 1, generations[name], &sent);
		assert_true(memory_usage(rig.memory).blocks <= KEPT);
	}
	assert_true(hits > 1000);
	rig_close(&rig);
}

/* Memory for some objects only: old ones give way, and what is there is still right. */
static void test_memory_is_short(void **state)
{
	uint64_t random = 9;
	struct rig rig;

	(void)state;
	rig_open(&rig, 12 * MEMORY_PAGE_ALIGN);
	for (int step = 0; step < 2000; step++)
		round_once(&rig, 1 + random_next(&random) % 30, 1, NULL);
	rig_close(&rig);
}

/* An object larger than all memory: an error, and the device goes on. */
static void test_memory_is_too_short(void **state)
{
	static uint8_t bytes[4 * MEMORY_PAGE_ALIGN];
	struct so so = { .bytes = bytes, .size = sizeof(bytes), .id = 7, .generation = 1 };
	struct so got = { .fd = -1 };
	struct rig rig;

	(void)state;
	rig_open(&rig, 4 * MEMORY_PAGE_ALIGN);
	round_once(&rig, 1, 1, NULL);
	assert_int_equal(round_run(&rig, &so, &got), -ENOMEM);
	assert_null(got.bytes);
	round_once(&rig, 1, 1, NULL);
	rig_close(&rig);
}

/* The device's memory is not what the host believes: refused, never run. */
static void test_label(void **state)
{
	static const uint8_t bytes[256] = { 1, 2, 3 };
	struct so so = { .bytes = bytes, .size = sizeof(bytes), .id = 7, .generation = 1 };
	struct so got = { .fd = -1 };
	struct rig rig;

	(void)state;
	rig_open(&rig, BYTES);
	assert_int_equal(round_run(&rig, &so, &got), 0);
	((uint8_t *)(uintptr_t)got.bytes)[sizeof(bytes) + 8] ^= 1; /* the label's id */
	got = (struct so){ .fd = -1 };
	assert_int_equal(round_run(&rig, &so, &got), -ESTALE);
	assert_null(got.bytes);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_memory_is_short),
		cmocka_unit_test(test_memory_is_too_short),
		cmocka_unit_test(test_label),
	};

	return cmocka_run_group_tests_name("dedup", tests, NULL, NULL);
}
