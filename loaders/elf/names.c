/*
 * Names of symbol versions, one copy of each for the life of the process. There are a few dozen in
 * any system; the list is closed long before a hostile object fills the memory with it. It is only
 * ever added to, so that looking needs no lock.
 */
#include "loaders/elf/imports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256
#define NAMES_MAX 16384
#define NAME_BYTES_MAX 512

struct kept {
	struct kept *next;
	char text[];
};

static _Atomic(struct kept *) buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t count;

static const char *kept_find(const struct kept *kept, const char *name)
{
	for (; kept; kept = kept->next) {
		if (strcmp(kept->text, name) == 0)
			return kept->text;
	}
	return NULL;
}

static const char *kept_add(_Atomic(struct kept *) *bucket, const char *name, size_t length)
{
	struct kept *first = atomic_load_explicit(bucket, memory_order_acquire), *kept;
	const char *known = kept_find(first, name);

	if (known)
		return known;
	kept = count < NAMES_MAX ? malloc(sizeof(*kept) + length + 1) : NULL;
	if (!kept)
		return NULL;
	memcpy(kept->text, name, length + 1);
	kept->next = first;
	atomic_store_explicit(bucket, kept, memory_order_release);
	count++;
	return kept->text;
}

const char *elf_version_keep(const char *name)
{
	size_t length = strlen(name);
	/* Versions differ in their last characters: GLIBC_2.17, GLIBC_2.34. */
	unsigned int hash = (unsigned int)length * 31;
	_Atomic(struct kept *) *bucket;
	const char *known;

	if (length > NAME_BYTES_MAX)
		return NULL;
	for (size_t i = length > 4 ? length - 4 : 0; i < length; i++)
		hash = hash * 33 + (unsigned char)name[i];
	bucket = &buckets[hash % BUCKETS];
	known = kept_find(atomic_load_explicit(bucket, memory_order_acquire), name);
	if (known)
		return known;
	pthread_mutex_lock(&lock);
	known = kept_add(bucket, name, length);
	pthread_mutex_unlock(&lock);
	return known;
}

void elf_names_lock(void)
{
	pthread_mutex_lock(&lock);
}

void elf_names_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
