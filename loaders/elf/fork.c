/*
 * Forks. No other thread is in the middle of anything here when one happens. The code pages of a
 * slot are shared memory, so after a fork neither process may write where the other may be running:
 * in the parent the slots in use, in the child all of them get new pages before their next load.
 * What is loaded stays loaded in both.
 */
#include "loaders/elf/arena.h"

#include "loaders/elf/imports.h"
#include "loaders/elf/jitdump.h"
#include "loaders/elf/registry.h"
#include "loaders/elf/tls.h"
#include "loaders/elf/unwind.h"

#include <errno.h>

static pthread_mutex_t arenas_lock = PTHREAD_MUTEX_INITIALIZER;
static struct elf_arena *arenas;
static bool watching;

static void fork_prepare(void)
{
	elf_unwind_lock();
	elf_scopes_lock();
	elf_imports_begin();
	elf_names_lock();
	elf_tls_lock();
	elf_registry_lock();
	elf_jitdump_lock();
	pthread_mutex_lock(&arenas_lock);
	for (struct elf_arena *arena = arenas; arena; arena = arena->next)
		pthread_mutex_lock(&arena->lock);
}

static void fork_resume(void)
{
	for (struct elf_arena *arena = arenas; arena; arena = arena->next)
		pthread_mutex_unlock(&arena->lock);
	pthread_mutex_unlock(&arenas_lock);
	elf_jitdump_unlock();
	elf_registry_unlock();
	elf_tls_unlock();
	elf_names_unlock();
	elf_imports_end();
	elf_scopes_unlock();
	elf_unwind_unlock();
}

static void slots_share(bool all)
{
	for (struct elf_arena *arena = arenas; arena; arena = arena->next) {
		for (uint64_t i = 0; i < arena->options.slots; i++)
			arena->slots[i].shared |= all || arena->slots[i].used;
	}
}

static void fork_parent(void)
{
	slots_share(false);
	fork_resume();
}

static void fork_child(void)
{
	slots_share(true);
	elf_registry_forget_visitors();
	fork_resume();
}

int elf_fork_watch(struct elf_arena *arena, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&arenas_lock);
	if (!watching) {
		r = -pthread_atfork(fork_prepare, fork_parent, fork_child);
		watching = r == 0;
	}
	if (r == 0) {
		arena->next = arenas;
		arenas = arena;
	}
	pthread_mutex_unlock(&arenas_lock);
	return r < 0 ? err_set(err, -r, "register what a fork has to do") : 0;
}

void elf_fork_forget(struct elf_arena *arena)
{
	pthread_mutex_lock(&arenas_lock);
	for (struct elf_arena **at = &arenas; *at; at = &(*at)->next) {
		if (*at == arena) {
			*at = arena->next;
			break;
		}
	}
	pthread_mutex_unlock(&arenas_lock);
}
