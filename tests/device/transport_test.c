/* Transports: how many bytes each really sends, what the device finds, and what it refuses to
 * believe. */
#include "device/transport.h"

#include "base/clock.h"
#include "device/cache.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define BYTES (64u << 20)
#define SO_BYTES 415424u

struct rig {
	struct memory *memory;
	struct dma *dma;
	struct round round;
	struct dma_totals totals;
	struct transport_device device;
	struct so so;
	const struct transport *transport;
	void *runtime, *state;
};

static void rig_open(struct rig *rig, size_t so_bytes)
{
	void *mapping = NULL;
	uint8_t *bytes = malloc(so_bytes);

	*rig = (struct rig){ 0 };
	assert_non_null(bytes);
	for (size_t i = 0; i < so_bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	rig->so = (struct so){ .bytes = bytes, .size = so_bytes, .fd = -1, .id = 1 };
	assert_int_equal(memory_open(&rig->memory, BYTES, NULL), 0);
	assert_int_equal(memory_map(memory_fd(rig->memory), BYTES, 0, &mapping, NULL), 0);
	memory_agree(rig->memory, (uintptr_t)mapping);
	assert_int_equal(dma_open(&rig->dma, rig->memory, &dma_models[0], NULL), 0);
	dma_account(rig->dma, &rig->totals);
	rig->round = (struct round){ .memory = rig->memory, .dma = rig->dma };
	rig->device = (struct transport_device){ .memory = mapping,
						 .memory_bytes = BYTES,
						 .memory_fd = memory_fd(rig->memory),
						 .workers = ABI_A2A3_WORKERS };
}

/* What the transport has kept goes first. */
static void state_close(struct rig *rig)
{
	if (rig->transport && rig->state && rig->transport->release)
		rig->transport->release(rig->state);
	free(rig->state);
	rig->state = NULL;
}

static void rig_close(struct rig *rig)
{
	round_release(&rig->round);
	state_close(rig);
	assert_int_equal(memory_usage(rig->memory).blocks, 0);
	dma_close(rig->dma);
	memory_close(rig->memory);
	free((void *)(uintptr_t)rig->so.bytes);
	free(rig->runtime);
}

/* The host's half of a round; the Runtime struct carries a mark. */
static void send(struct rig *rig, const struct transport *transport)
{
	struct transport_host host = { .round = &rig->round,
				       .so = &rig->so,
				       .workers = rig->device.workers };
	size_t bytes = 0;

	if (!rig->state && transport->host_state_size) {
		rig->state = calloc(1, transport->host_state_size);
		assert_non_null(rig->state);
	}
	rig->transport = transport;
	host.state = rig->state;
	assert_int_equal(transport->host_bytes(&host, &bytes, NULL), 0);
	free(rig->runtime);
	rig->runtime = calloc(1, bytes);
	assert_non_null(rig->runtime);
	host.runtime = rig->runtime;
	transport_fields(&host)->orch_args[3] = 0x1234;
	assert_int_equal(transport->stage(&host, NULL), 0);
	assert_int_equal(transport->send(&host, NULL), 0);
	rig->device.runtime_address = host.runtime_address;
}

static void received_check(struct rig *rig, const struct transport *transport)
{
	const struct abi_fields *fields = NULL;
	struct so so = { 0 };

	assert_int_equal(transport->receive(&rig->device, &so, NULL), 0);
	assert_int_equal(so.size, rig->so.size);
	assert_memory_equal(so.bytes, rig->so.bytes, so.size);
	/* Descriptor and offset name the same bytes. */
	assert_int_equal(so.fd, rig->device.memory_fd);
	assert_ptr_equal(rig->device.memory + so.offset, so.bytes);
	assert_int_equal(transport_fields_view(&rig->device, &fields, NULL), 0);
	assert_int_equal(fields->orch_args[3], 0x1234);
	if (transport->received)
		transport->received(rig->state);
}

static void round_check(const char *name, uint64_t copies, uint64_t bytes)
{
	const struct transport *transport = transport_find(name, NULL);
	struct rig rig;

	assert_non_null(transport);
	rig_open(&rig, SO_BYTES);
	send(&rig, transport);
	received_check(&rig, transport);
	assert_int_equal(rig.totals.copies, copies);
	assert_int_equal(rig.totals.bytes, bytes);
	rig_close(&rig);
}

static void test_inline(void **state)
{
	(void)state;
	round_check("inline", 2, 4202048 + SO_BYTES); /* the second copy is the one nobody reads */
}

static void test_rightsize(void **state)
{
	(void)state;
	round_check("rightsize", 1, 7744 + SO_BYTES);
}

static void test_separate(void **state)
{
	(void)state;
	round_check("separate", 2, 7744 + SO_BYTES);
}

/* The bytes of the rig have no runs of zeros, but the last is one: a head and one piece. */
static void test_trimmed(void **state)
{
	(void)state;
	round_check("trimmed", 1, 7744 + 16 + 16 + SO_BYTES - 1);
}

/* An object and its label of 32 bytes once; then the struct alone. */
static void test_dedup(void **state)
{
	const struct transport *transport = transport_find("dedup", NULL);
	struct rig rig;

	(void)state;
	rig_open(&rig, SO_BYTES);
	for (uint64_t i = 0; i < 5; i++) {
		send(&rig, transport);
		received_check(&rig, transport);
		assert_int_equal(rig.totals.bytes, (i + 1) * 7744 + SO_BYTES + 32);
		assert_int_equal(rig.totals.copies, i + 3);
		round_release(&rig.round);
	}
	rig_close(&rig);
}

static void test_a5(void **state)
{
	(void)state;
	for (const struct transport *const *t = transports; *t; t++) {
		bool is_inline = strcmp((*t)->name, "inline") == 0;
		struct rig rig;

		rig_open(&rig, SO_BYTES);
		rig.device.workers = ABI_A5_WORKERS;
		send(&rig, *t);
		received_check(&rig, *t);
		assert_in_range(rig.totals.bytes, (is_inline ? 4204352 : 10048) + SO_BYTES,
				(is_inline ? 4204352 : 10048) + SO_BYTES + 32);
		rig_close(&rig);
	}
}

/* The Runtime struct, as the core receives it before the transport its object. */
static void struct_receive(struct rig *rig)
{
	void *unused = NULL;

	assert_int_equal(transport_received(&rig->device, rig->device.runtime_address,
					    transport_runtime_bytes(rig->device.workers), &unused,
					    NULL),
			 0);
}

/* What was sent is received: each of its lines is dropped once, in a phase of their own, and
 * nothing changes. What the device has kept was received before; what inline sends besides, nobody
 * reads. */
static void test_incoherent(void **state)
{
	static struct span spans[16];
	struct timeline time = { .spans = spans, .span_capacity = 16 };

	(void)state;
	clock_start();
	for (const struct transport *const *t = transports; *t; t++) {
		bool is_dedup = strcmp((*t)->name, "dedup") == 0;
		uint64_t unread = strcmp((*t)->name, "inline") == 0 ? SO_BYTES : 0;
		struct rig rig;

		rig_open(&rig, SO_BYTES);
		rig.device.incoherent = true;
		rig.device.time = &time;
		for (int round = 0; round < 2; round++) {
			uint64_t before = rig.totals.bytes;

			timeline_begin(&time, PHASE_READ);
			rig.device.lines = 0;
			send(&rig, *t);
			struct_receive(&rig);
			received_check(&rig, *t);
			timeline_end(&time);
			assert_int_equal(time.span_count, is_dedup && round ? 3 : 5);
			assert_true(time.ticks[PHASE_INVALIDATE] > 0);
			assert_int_equal(spans[time.span_count - 1].phase, PHASE_READ);
			assert_int_equal(rig.device.lines,
					 cache_lines(NULL, rig.totals.bytes - before - unread));
			round_release(&rig.round);
		}
		rig_close(&rig);
	}
}

static void test_lines(void **state)
{
	static _Alignas(64) uint8_t bytes[1024];

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(cache_lines(bytes, 0), 0);
	assert_int_equal(cache_lines(bytes, 1), 1);
	assert_int_equal(cache_lines(bytes, 64), 1);
	assert_int_equal(cache_lines(bytes, 65), 2);
	assert_int_equal(cache_lines(bytes + 63, 2), 2);
	assert_int_equal(cache_lines(bytes + 1, 128), 3);
#if defined(__x86_64__) || defined(__aarch64__)
	assert_int_equal(cache_invalidate(bytes + 1, 128), 3);
#endif
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 7);
}

static void test_above_4mib(void **state)
{
	static const char *const others[] = { "rightsize", "separate", "trimmed", "dedup" };
	const struct transport *transport = transport_find("inline", NULL);
	struct transport_host host = { .workers = ABI_A2A3_WORKERS };
	struct err err = { "" };
	struct rig rig;
	size_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		rig_open(&rig, ABI_SO_BYTES_MAX + 1);
		send(&rig, transport_find(others[i], NULL));
		received_check(&rig, transport_find(others[i], NULL));
		rig_close(&rig);
	}
	rig_open(&rig, ABI_SO_BYTES_MAX);
	send(&rig, transport);
	received_check(&rig, transport);
	rig_close(&rig);
	rig_open(&rig, ABI_SO_BYTES_MAX + 1);
	host.so = &rig.so;
	assert_int_equal(transport->host_bytes(&host, &bytes, &err), -EFBIG);
	assert_non_null(strstr(err.text, "rightsize"));
	rig_close(&rig);
}

/* A separate object begins at a page, so that a loader may map it where it lies. */
static void test_page(void **state)
{
	struct so so = { 0 };
	struct rig rig;

	(void)state;
	rig_open(&rig, SO_BYTES);
	send(&rig, transport_find("separate", NULL));
	assert_int_equal(transport_find("separate", NULL)->receive(&rig.device, &so, NULL), 0);
	assert_int_equal(so.offset % sysconf(_SC_PAGESIZE), 0);
	rig_close(&rig);
}

/* Sizes, pointers and struct addresses that lead out of device memory, or to nothing. */
static void test_disbelief(void **state)
{
	static const uint64_t sizes[] = { 0, UINT64_MAX, BYTES + 1, (uint64_t)1 << 63 };
	struct so so = { 0 };

	(void)state;
	for (const struct transport *const *t = transports; *t; t++) {
		bool is_inline = strcmp((*t)->name, "inline") == 0;
		struct abi_runtime_separate *head;
		struct rig rig;

		rig_open(&rig, SO_BYTES);
		send(&rig, *t);
		head = (void *)(uintptr_t)rig.device.runtime_address;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (is_inline)
				((struct abi_runtime_inline *)head)->fields.so_size = sizes[i];
			else
				head->fields.so_size = sizes[i];
			if ((*t)->receive(&rig.device, &so, NULL) >= 0)
				fail_msg("%s believes in %llu bytes", (*t)->name,
					 (unsigned long long)sizes[i]);
		}
		rig.device.runtime_address = 4096;
		assert_int_equal((*t)->receive(&rig.device, &so, NULL), -EFAULT);
		rig.device.runtime_address = (uintptr_t)rig.device.memory + BYTES - 64;
		assert_int_equal((*t)->receive(&rig.device, &so, NULL), -EFAULT);
		assert_null(so.bytes);
		rig_close(&rig);
	}
}

static void test_names(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_null(transport_find("seperate", &err));
	assert_non_null(strstr(err.text, "'separate'"));
	assert_null(transport_find("", &err));
	assert_null(transport_find("pigeon post", &err));
	for (const struct transport *const *t = transports; *t; t++)
		assert_ptr_equal(transport_find((*t)->name, &err), *t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inline),	  cmocka_unit_test(test_rightsize),
		cmocka_unit_test(test_separate),  cmocka_unit_test(test_above_4mib),
		cmocka_unit_test(test_trimmed),	  cmocka_unit_test(test_dedup),
		cmocka_unit_test(test_a5),	  cmocka_unit_test(test_incoherent),
		cmocka_unit_test(test_lines),	  cmocka_unit_test(test_page),
		cmocka_unit_test(test_disbelief), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("transports", tests, NULL, NULL);
}
