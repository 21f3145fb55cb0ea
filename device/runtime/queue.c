/* The queue's two ends. */
#include "device/runtime/queue.h"

#include "device/runtime/pool.h"

#include <errno.h>
#include <stdlib.h>

int queue_create(struct queue *queue, uint32_t capacity, struct err *err)
{
	uint64_t i;

	atomic_init(&queue->head, 0);
	atomic_init(&queue->tail, 0);
	queue->mask = capacity - 1;
	queue->cells = pool_new(capacity, sizeof(struct queue_cell));
	if (!queue->cells)
		return err_set(err, ENOMEM, "no memory for a queue of %u tasks", capacity);
	for (i = 0; i < capacity; i++)
		atomic_init(&queue->cells[i].sequence, i);
	return 0;
}

void queue_destroy(struct queue *queue)
{
	free(queue->cells);
	queue->cells = NULL;
}

bool queue_push(struct queue *queue, void *item)
{
	uint64_t at = atomic_load_explicit(&queue->tail, memory_order_relaxed);

	for (;;) {
		struct queue_cell *cell = &queue->cells[at & queue->mask];
		uint64_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);

		if (sequence == at) {
			if (!atomic_compare_exchange_weak(&queue->tail, &at, at + 1))
				continue;
			cell->item = item;
			atomic_store(&cell->sequence, at + 1);
			return true;
		}
		if ((int64_t)(sequence - at) < 0)
			return false;
		at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	}
}

void *queue_pop(struct queue *queue)
{
	uint64_t at = atomic_load_explicit(&queue->head, memory_order_relaxed);

	for (;;) {
		struct queue_cell *cell = &queue->cells[at & queue->mask];
		uint64_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);

		if (sequence == at + 1) {
			void *item;

			if (!atomic_compare_exchange_weak(&queue->head, &at, at + 1))
				continue;
			item = cell->item;
			atomic_store_explicit(&cell->sequence, at + queue->mask + 1,
					      memory_order_release);
			return item;
		}
		if ((int64_t)(sequence - (at + 1)) < 0)
			return NULL;
		at = atomic_load_explicit(&queue->head, memory_order_relaxed);
	}
}
