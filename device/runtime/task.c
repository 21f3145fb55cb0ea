/* How tasks wait for each other and how long they stay. */
#include "device/runtime/task.h"

#include "device/runtime/sleepers.h"

#include <sched.h>

#define LOCK_SPINS 100

/* Held for a few instructions; but its holder may have lost its CPU. */
static void slot_lock(struct task_slot *slot)
{
	unsigned int spin = 0;

	while (atomic_exchange_explicit(&slot->lock, 1, memory_order_acquire)) {
		if (++spin % LOCK_SPINS == 0)
			sched_yield();
		cpu_relax();
	}
}

static void slot_unlock(struct task_slot *slot)
{
	atomic_store_explicit(&slot->lock, 0, memory_order_release);
}

int slot_link(struct task_slot *producer, struct task_slot *consumer, struct task_dep *dep)
{
	int result;

	slot_lock(producer);
	switch (atomic_load_explicit(&producer->state, memory_order_relaxed)) {
	case TASK_CONSUMED:
	case TASK_RETIRING:
		result = -1;
		break;
	case TASK_COMPLETED:
		producer->fanout_count++;
		result = 0;
		break;
	default:
		producer->fanout_count++;
		*dep = (struct task_dep){ .consumer = consumer, .next = producer->fanout };
		producer->fanout = dep;
		result = 1;
	}
	slot_unlock(producer);
	return result;
}

bool slot_release(struct task_slot *slot)
{
	bool last;

	slot_lock(slot);
	last = ++slot->fanout_done == slot->fanout_count;
	if (last)
		atomic_store_explicit(&slot->state, TASK_RETIRING, memory_order_relaxed);
	slot_unlock(slot);
	/* Only now may the slot be reused: the lock is ours no more. */
	if (last)
		atomic_store(&slot->state, TASK_CONSUMED);
	return last;
}

struct task_dep *slot_complete(struct task_slot *slot)
{
	struct task_dep *fanout;

	slot_lock(slot);
	atomic_store_explicit(&slot->state, TASK_COMPLETED, memory_order_relaxed);
	fanout = slot->fanout;
	slot->fanout = NULL;
	slot_unlock(slot);
	return fanout;
}

bool slot_arrive(struct task_slot *slot, uint32_t count)
{
	/* Read before: with the last arrival the task runs, and its slot may be reused. */
	uint32_t wanted = slot->fanin_count + 1;

	return atomic_fetch_add(&slot->fanin_done, count) + count == wanted;
}
