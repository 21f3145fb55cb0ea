/*
 * A bounded queue for many producers and many consumers, after Dmitry Vyukov: each cell carries a
 * sequence number that says whose turn it is.
 */
#ifndef SOLOAD_DEVICE_RUNTIME_QUEUE_H
#define SOLOAD_DEVICE_RUNTIME_QUEUE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct queue_cell {
	_Atomic uint64_t sequence;
	void *item;
};

struct queue {
	_Alignas(64) _Atomic uint64_t tail; /* the next to be written */
	_Alignas(64) _Atomic uint64_t head; /* the next to be read */
	_Alignas(64) struct queue_cell *cells;
	uint64_t mask;
};

/* `capacity` is a power of two. */
int queue_create(struct queue *queue, uint32_t capacity, struct err *err);
void queue_destroy(struct queue *queue);

/* False when full. Sequentially consistent, see sleepers.h. */
bool queue_push(struct queue *queue, void *item);

/* NULL when empty. */
void *queue_pop(struct queue *queue);

/* May be outdated as it returns; never true after a push the caller's last look did not see. */
static inline bool queue_is_empty(struct queue *queue)
{
	return atomic_load(&queue->head) == atomic_load(&queue->tail);
}

#endif
