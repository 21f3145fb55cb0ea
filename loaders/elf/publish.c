/*
 * New code to the instruction caches. In a file of its own, so that a test can leave it out and see
 * that old code answers then (tests/loaders/publish_test.c).
 */
#include "loaders/elf/map.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

void code_publish(uintptr_t begin, uintptr_t end)
{
#if defined(__x86_64__)
	/* Instruction fetch snoops stores, by physical address; a thread gets to the new code only
	 * through a jump after a synchronising load. Nothing to do. */
	(void)begin;
	(void)end;
#else
	/* Clean to the point of unification through the executable alias, then make every other
	 * thread of the process discard what it fetched ahead. */
	__builtin___clear_cache((char *)begin, (char *)end);
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
#endif
}
