/* The list of staged files. A slot goes free → claimed → live by compare and swap, so that threads
 * and a signal handler may meet in it at any instruction. */
#include "loaders/staged.h"

#include <string.h>
#include <unistd.h>

enum { SLOT_FREE, SLOT_CLAIMED, SLOT_LIVE };

static struct staged_list own;
static struct staged_list *active = &own;

static int slot_take(struct staged_file *file, uint32_t from)
{
	return __atomic_compare_exchange_n(&file->state, &from, SLOT_CLAIMED, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void slot_set(struct staged_file *file, uint32_t state)
{
	__atomic_store_n(&file->state, state, __ATOMIC_RELEASE);
}

void staged_place(struct staged_list *list)
{
	active = list;
}

void staged_add(const char *path)
{
	size_t length = strlen(path);

	if (length >= STAGED_PATH_BYTES)
		return;
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		struct staged_file *file = &active->files[i];

		if (!slot_take(file, SLOT_FREE))
			continue;
		memcpy(file->path, path, length + 1);
		slot_set(file, SLOT_LIVE);
		return;
	}
}

void staged_remove(const char *path)
{
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		struct staged_file *file = &active->files[i];

		if (__atomic_load_n(&file->state, __ATOMIC_ACQUIRE) != SLOT_LIVE)
			continue;
		if (strcmp(file->path, path) != 0 || !slot_take(file, SLOT_LIVE))
			continue;
		slot_set(file, SLOT_FREE);
		return;
	}
}

void staged_unlink_list(struct staged_list *list)
{
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		struct staged_file *file = &list->files[i];

		if (!slot_take(file, SLOT_LIVE))
			continue;
		file->path[STAGED_PATH_BYTES - 1] = '\0';
		unlink(file->path);
		slot_set(file, SLOT_FREE);
	}
}

void staged_unlink_all(void)
{
	staged_unlink_list(active);
}
