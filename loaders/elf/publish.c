/*
 * New code to the instruction caches. In a file of its own, so that a test can leave it out and see
 * that old code answers then (tests/loaders/publish_test.c).
 */
#include "loaders/elf/map.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

void code_publish(const struct code_range *ranges, size_t count)
{
#if defined(__x86_64__)
	/* Instruction fetch snoops stores, by physical address; a thread gets to the new code only
	 * through a jump after a synchronising load. Nothing to do. */
	(void)ranges;
	(void)count;
#else
	/* Clean to the point of unification through the executable alias, then make every other
	 * thread of the process discard what it fetched ahead. */
	for (size_t i = 0; i < count; i++)
		__builtin___clear_cache((char *)ranges[i].begin, (char *)ranges[i].end);
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
#endif
}
