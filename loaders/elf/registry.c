/*
 * A growing list of blocks of entries that are never freed, so that a reader needs no lock. An
 * entry carries a sequence number, odd while it is written; a reader that saw it change reads it
 * again.
 */
#include "loaders/elf/registry.h"

#include "loaders/elf/watched.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define BLOCK_ENTRIES 64
#define VISITORS_PAUSE_NS 50000

struct entry {
	atomic_uint sequence;
	atomic_uint visitors; /* threads in a visit of it: its object stays until they have left */
	atomic_uintptr_t begin, end, frames, object;
};

struct block {
	_Atomic(struct block *) next;
	struct entry entries[BLOCK_ENTRIES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block first;
static atomic_int used; /* entries ever used: readers look no further */

static struct entry *entry_at(int index)
{
	struct block *block = &first;

	for (; index >= BLOCK_ENTRIES; index -= BLOCK_ENTRIES)
		block = atomic_load_explicit(&block->next, memory_order_acquire);
	return &block->entries[index];
}

static void entry_write(struct entry *entry, const struct elf_mapped *mapped)
{
	unsigned int sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed);

	atomic_store_explicit(&entry->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&entry->begin, mapped->begin, memory_order_relaxed);
	atomic_store_explicit(&entry->end, mapped->end, memory_order_relaxed);
	atomic_store_explicit(&entry->frames, mapped->frames, memory_order_relaxed);
	atomic_store_explicit(&entry->object, (uintptr_t)mapped->object, memory_order_relaxed);
	atomic_store_explicit(&entry->sequence, sequence + 2, memory_order_release);
}

/* False when the entry was being written: it then holds an object that is coming or going, which is
 * not the one whose code asks. */
static bool entry_read(const struct entry *entry, struct elf_mapped *ret_mapped)
{
	unsigned int sequence = atomic_load_explicit(&entry->sequence, memory_order_acquire);

	ret_mapped->begin = atomic_load_explicit(&entry->begin, memory_order_relaxed);
	ret_mapped->end = atomic_load_explicit(&entry->end, memory_order_relaxed);
	ret_mapped->frames = atomic_load_explicit(&entry->frames, memory_order_relaxed);
	ret_mapped->object =
		(struct elf_object *)atomic_load_explicit(&entry->object, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return !(sequence & 1) &&
	       sequence == atomic_load_explicit(&entry->sequence, memory_order_relaxed);
}

int elf_registry_add(const struct elf_mapped *mapped)
{
	int index, count;

	pthread_mutex_lock(&lock);
	count = atomic_load_explicit(&used, memory_order_relaxed);
	for (index = 0; index < count; index++) {
		if (!atomic_load_explicit(&entry_at(index)->begin, memory_order_relaxed))
			break;
	}
	if (index == count && index && index % BLOCK_ENTRIES == 0) {
		struct block *last = &first, *next = calloc(1, sizeof(*next));

		for (struct block *at = last; at; at = atomic_load(&at->next))
			last = at;
		if (next)
			atomic_store_explicit(&last->next, next, memory_order_release);
		else
			index = -1;
	}
	if (index >= 0) {
		entry_write(entry_at(index), mapped);
		if (index == count)
			atomic_store_explicit(&used, count + 1, memory_order_release);
	}
	pthread_mutex_unlock(&lock);
	return index;
}

/* Whoever counts itself in from now on sees that the entry is free: adding nothing orders the two.
 * Visits are few and short, what unwinders do at one object. */
static void visitors_await(struct entry *entry)
{
	const struct timespec pause = { .tv_nsec = VISITORS_PAUSE_NS };

	while (atomic_fetch_add(&entry->visitors, 0))
		nanosleep(&pause, NULL);
}

void elf_registry_remove(int entry)
{
	static const struct elf_mapped nothing;

	if (entry < 0)
		return;
	pthread_mutex_lock(&lock);
	entry_write(entry_at(entry), &nothing);
	pthread_mutex_unlock(&lock);
	visitors_await(entry_at(entry));
}

bool elf_registry_find(uintptr_t address, struct elf_mapped *ret_mapped)
{
	int count = atomic_load_explicit(&used, memory_order_acquire);

	for (int i = 0; i < count; i++) {
		struct elf_mapped mapped;

		if (entry_read(entry_at(i), &mapped) &&
		    address - mapped.begin < mapped.end - mapped.begin) {
			*ret_mapped = mapped;
			return true;
		}
	}
	return false;
}

int elf_registry_walk(int (*visit)(void *context, const struct elf_mapped *mapped), void *context)
{
	int count = atomic_load_explicit(&used, memory_order_acquire), r = 0;

	for (int i = 0; i < count && r == 0; i++) {
		struct elf_mapped mapped;

		if (entry_read(entry_at(i), &mapped) && mapped.begin)
			r = visit(context, &mapped);
	}
	return r;
}

struct visit {
	int (*function)(void *context, const struct elf_mapped *mapped);
	void *context;
	struct entry *entry;
	int r;
};

static void entry_visit(void *context)
{
	struct visit *visit = context;
	struct elf_mapped mapped;

	if (entry_read(visit->entry, &mapped) && mapped.begin)
		visit->r = visit->function(visit->context, &mapped);
}

/* A child of a fork has forgotten all visitors, should it come from within a visit. */
static void entry_leave(void *context)
{
	const struct visit *visit = context;
	unsigned int visitors = atomic_load(&visit->entry->visitors);

	while (visitors &&
	       !atomic_compare_exchange_weak(&visit->entry->visitors, &visitors, visitors - 1))
		;
}

int elf_registry_visit(int (*visit)(void *context, const struct elf_mapped *mapped), void *context)
{
	int count = atomic_load_explicit(&used, memory_order_acquire);
	struct visit one = { .function = visit, .context = context };

	for (int i = 0; i < count && one.r == 0; i++) {
		one.entry = entry_at(i);
		if (!atomic_load_explicit(&one.entry->begin, memory_order_relaxed))
			continue;
		atomic_fetch_add(&one.entry->visitors, 1);
		elf_watched_call(entry_visit, entry_leave, &one);
		entry_leave(&one);
	}
	return one.r;
}

void elf_registry_forget_visitors(void)
{
	int count = atomic_load(&used);

	for (int i = 0; i < count; i++)
		atomic_store(&entry_at(i)->visitors, 0);
}

void elf_registry_lock(void)
{
	pthread_mutex_lock(&lock);
}

void elf_registry_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
