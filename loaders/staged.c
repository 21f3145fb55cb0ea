/* The list of staged files. A slot goes free → claimed → live by compare and swap, so that threads
 * and a signal handler may meet in it at any instruction. */
#include "loaders/staged.h"

#include <string.h>
#include <unistd.h>

enum { SLOT_FREE, SLOT_CLAIMED, SLOT_LIVE };

static struct staged_list own;
static struct staged_list *active = &own;

static int own_number; /* 0: the process's */

int staged_number(void)
{
	return own_number ? own_number : (int)getpid();
}

void staged_number_set(int number)
{
	own_number = number;
}

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

int staged_add(const char *path)
{
	size_t length = strlen(path);

	if (length >= STAGED_PATH_BYTES)
		return -1;
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		struct staged_file *file = &active->files[i];

		if (!slot_take(file, SLOT_FREE))
			continue;
		memcpy(file->path, path, length + 1);
		file->owner = getpid();
		slot_set(file, SLOT_LIVE);
		return i;
	}
	return -1;
}

/* Only the one who added it removes it, so the slot is live, unless a handler was faster. */
void staged_remove(int place)
{
	if (place < 0 || place >= STAGED_FILES_MAX)
		return;
	if (slot_take(&active->files[place], SLOT_LIVE))
		slot_set(&active->files[place], SLOT_FREE);
}

/* owner 0: anybody's. */
static void list_unlink(struct staged_list *list, int32_t owner)
{
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		struct staged_file *file = &list->files[i];

		if (!slot_take(file, SLOT_LIVE))
			continue;
		if (owner && file->owner != owner) {
			slot_set(file, SLOT_LIVE);
			continue;
		}
		file->path[STAGED_PATH_BYTES - 1] = '\0';
		unlink(file->path);
		slot_set(file, SLOT_FREE);
	}
}

void staged_unlink_list(struct staged_list *list)
{
	list_unlink(list, 0);
}

void staged_unlink_all(void)
{
	list_unlink(active, getpid());
}
