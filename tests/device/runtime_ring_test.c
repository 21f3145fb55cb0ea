/* Rings and queues alone: wrap, order of retirement, and many threads at once. */
#include "device/runtime/queue.h"
#include "device/runtime/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAP_BYTES 16384
#define WINDOW 8

struct ring_memory {
	struct ring ring;
	struct ring_flow flow;
	struct task_descriptor descriptors[WINDOW];
	_Alignas(64) uint8_t payloads[WINDOW * sizeof(struct task_payload)];
	_Alignas(64) uint8_t heap[HEAP_BYTES];
};

static struct ring_memory *memory_make(void)
{
	struct ring_memory *memory = aligned_alloc(64, sizeof(*memory));

	memset(memory, 0, sizeof(*memory));
	memory->ring = (struct ring){
		.flow = &memory->flow,
		.descriptors = memory->descriptors,
		.payloads = memory->payloads,
		.payload_bytes = sizeof(struct task_payload),
		.heap = memory->heap,
		.heap_bytes = HEAP_BYTES,
		.dep_count = 4,
		.window = WINDOW,
	};
	assert_int_equal(ring_create(&memory->ring, NULL), 0);
	return memory;
}

static void memory_free(struct ring_memory *memory)
{
	ring_destroy(&memory->ring);
	free(memory);
}

static void slot_consume(struct task_slot *slot)
{
	assert_null(slot_complete(slot));
	assert_false(slot_release(slot));
	assert_true(slot_release(slot));
}

static void test_window(void **state)
{
	struct ring_memory *memory = memory_make();
	struct ring *ring = &memory->ring;
	struct task_slot *slots[WINDOW];
	int i;

	(void)state;
	for (i = 0; i < WINDOW - 1; i++) {
		assert_true(ring_slot_fits(ring));
		slots[i] = ring_open(ring);
	}
	assert_false(ring_slot_fits(ring));
	/* Out of order: nothing retires before the oldest has gone. */
	slot_consume(slots[2]);
	slot_consume(slots[1]);
	assert_false(ring_advance(ring));
	assert_false(ring_slot_fits(ring));
	slot_consume(slots[0]);
	assert_true(ring_advance(ring));
	assert_int_equal(atomic_load(&ring->flow->alive), 3);
	assert_false(ring_advance(ring));
	for (i = 0; i < 3; i++) {
		assert_true(ring_slot_fits(ring));
		assert_ptr_equal(ring_open(ring), ring_slot(ring, (uint32_t)(WINDOW - 1 + i)));
	}
	assert_false(ring_slot_fits(ring));
	memory_free(memory);
}

struct piece {
	uint32_t begin, bytes;
	struct task_slot *slot;
	bool live;
};

static void piece_check(const struct piece *pieces, int count, uint32_t begin, uint32_t bytes)
{
	int i;

	assert_true(begin + bytes <= HEAP_BYTES); /* never split across the end */
	for (i = 0; i < count; i++)
		if (pieces[i].live && pieces[i].bytes)
			assert_true(begin + bytes <= pieces[i].begin ||
				    pieces[i].begin + pieces[i].bytes <= begin);
}

/* Pieces of random sizes in random lifetimes: never split, never on top of a live one, and whatever
 * fits an empty heap is given. */
static void test_heap_wrap(void **state)
{
	struct ring_memory *memory = memory_make();
	struct ring *ring = &memory->ring;
	struct piece pieces[WINDOW] = { 0 };
	unsigned int seed = 7, turn, refused = 0;
	uint32_t oldest = 0;

	(void)state;
	for (turn = 0; turn < 20000; turn++) {
		uint32_t bytes = 1024u * ((uint32_t)rand_r(&seed) % 17);
		struct piece *piece = &pieces[ring->next % WINDOW];

		while (!ring_slot_fits(ring) || !ring_heap_fits(ring, bytes)) {
			assert_true(oldest != ring->next); /* an empty heap takes everything */
			slot_consume(pieces[oldest % WINDOW].slot);
			pieces[oldest++ % WINDOW].live = false;
			assert_true(ring_advance(ring));
			refused++;
		}
		if (bytes) {
			uint8_t *at = ring_heap_take(ring, bytes);

			piece_check(pieces, WINDOW, (uint32_t)(at - memory->heap), bytes);
			piece->begin = (uint32_t)(at - memory->heap);
		}
		piece->bytes = bytes;
		piece->live = true;
		piece->slot = ring_open(ring);
	}
	assert_true(refused > 1000 && ring->heap_wraps > 1000);
	assert_true(ring->heap_live_max <= HEAP_BYTES);
	memory_free(memory);
}

static void test_heap_limits(void **state)
{
	struct ring_memory *memory = memory_make();
	struct ring *ring = &memory->ring;

	(void)state;
	assert_false(ring_heap_fits(ring, HEAP_BYTES + 1024));
	assert_true(ring_heap_fits(ring, HEAP_BYTES));
	assert_ptr_equal(ring_heap_take(ring, HEAP_BYTES), memory->heap);
	assert_false(ring_heap_fits(ring, 1024));
	assert_true(ring_heap_fits(ring, 0));
	memory_free(memory);
}

/* What is skipped at the end of an empty heap is not in use: the rest can be taken at once. */
static void test_heap_skip(void **state)
{
	struct ring_memory *memory = memory_make();
	struct ring *ring = &memory->ring;

	(void)state;
	ring_heap_take(ring, 12288);
	slot_consume(ring_open(ring));
	assert_true(ring_advance(ring));
	assert_true(ring_heap_fits(ring, 8192));
	assert_ptr_equal(ring_heap_take(ring, 8192), memory->heap);
	ring_open(ring);
	assert_true(ring_heap_fits(ring, 8192));
	assert_false(ring_heap_fits(ring, 8193));
	memory_free(memory);
}

static void test_links(void **state)
{
	struct ring_memory *memory = memory_make();
	struct ring *ring = &memory->ring;
	struct task_slot *producer = ring_open(ring), *consumer = ring_open(ring);
	struct task_dep *dep = ring_dep_next(ring);

	(void)state;
	consumer->fanin_count = 1;
	assert_int_equal(slot_link(producer, consumer, dep), 1);
	ring_dep_take(ring);
	consumer->dep_end = (uint32_t)ring->dep_head;
	assert_false(slot_arrive(consumer, 1));
	assert_true(ring_deps_fit(ring, 3));
	assert_false(ring_deps_fit(ring, 4));

	assert_ptr_equal(slot_complete(producer), dep);
	assert_ptr_equal(dep->consumer, consumer);
	assert_true(slot_arrive(consumer, 1));
	assert_int_equal(slot_link(producer, consumer, dep), 0); /* finished, but held */
	assert_false(slot_release(producer));			 /* scope */
	assert_false(slot_release(producer));			 /* completion */
	assert_false(slot_release(producer));			 /* first consumer */
	assert_true(slot_release(producer));			 /* second consumer */
	assert_int_equal(slot_link(producer, consumer, dep), -1);
	assert_true(ring_advance(ring));
	assert_false(ring_deps_fit(ring, 4)); /* they are the consumer's */
	slot_consume(consumer);
	assert_true(ring_advance(ring));
	assert_true(ring_deps_fit(ring, 4));
	memory_free(memory);
}

#define ITEMS 20000
#define THREADS 3

struct traffic {
	struct queue queue;
	_Atomic uint32_t taken;
	_Atomic uint8_t seen[THREADS * ITEMS + 1];
};

struct traffic_thread {
	struct traffic *traffic;
	uintptr_t first;
	pthread_t id;
};

static void *traffic_push(void *argument)
{
	struct traffic_thread *thread = argument;
	uintptr_t i;

	for (i = 0; i < ITEMS; i++)
		while (!queue_push(&thread->traffic->queue, (void *)(thread->first + i)))
			sched_yield();
	return NULL;
}

static void *traffic_pop(void *argument)
{
	struct traffic_thread *thread = argument;
	struct traffic *traffic = thread->traffic;

	while (atomic_load(&traffic->taken) < THREADS * ITEMS) {
		uintptr_t item = (uintptr_t)queue_pop(&traffic->queue);

		if (!item) {
			sched_yield();
			continue;
		}
		atomic_fetch_add(&traffic->seen[item], 1);
		atomic_fetch_add(&traffic->taken, 1);
	}
	return NULL;
}

static void test_queue(void **state)
{
	struct traffic *traffic = aligned_alloc(64, (sizeof(*traffic) + 63) & ~(size_t)63);
	struct traffic_thread threads[2 * THREADS];
	uintptr_t i;

	(void)state;
	memset(traffic, 0, sizeof(*traffic));
	assert_int_equal(queue_create(&traffic->queue, 64, NULL), 0);
	assert_null(queue_pop(&traffic->queue));
	for (i = 1; i <= 64; i++)
		assert_true(queue_push(&traffic->queue, (void *)i));
	assert_false(queue_push(&traffic->queue, (void *)i));
	for (i = 1; i <= 64; i++)
		assert_int_equal((uintptr_t)queue_pop(&traffic->queue), i);
	assert_true(queue_is_empty(&traffic->queue));

	for (i = 0; i < 2 * THREADS; i++) {
		threads[i] = (struct traffic_thread){ traffic, 1 + i / 2 * ITEMS, 0 };
		assert_int_equal(pthread_create(&threads[i].id, NULL,
						i % 2 ? traffic_pop : traffic_push, &threads[i]),
				 0);
	}
	for (i = 0; i < 2 * THREADS; i++)
		pthread_join(threads[i].id, NULL);
	for (i = 1; i <= THREADS * ITEMS; i++)
		assert_int_equal(atomic_load(&traffic->seen[i]), 1);
	queue_destroy(&traffic->queue);
	free(traffic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),	    cmocka_unit_test(test_heap_wrap),
		cmocka_unit_test(test_heap_limits), cmocka_unit_test(test_heap_skip),
		cmocka_unit_test(test_links),	    cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
