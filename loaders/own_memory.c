/* process_vm_readv, and a pipe where that is refused. See own_memory.h. */
#include "loaders/own_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* A pipe holds at least a page, and any kernel lets a process write its own memory into one. */
static ssize_t read_by_pipe(uintptr_t address, void *bytes, size_t size)
{
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	n = write(ends[1], (const void *)address, size);
	if (n > 0)
		n = read(ends[0], bytes, (size_t)n);
	close(ends[0]);
	close(ends[1]);
	return n;
}

/* Containers may forbid process_vm_readv, emulators not have it. */
ssize_t own_memory_read(uintptr_t address, void *bytes, size_t size)
{
	struct iovec local = { .iov_base = bytes, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)address, .iov_len = size };
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return n < 0 && errno != EFAULT ? read_by_pipe(address, bytes, size) : n;
}
