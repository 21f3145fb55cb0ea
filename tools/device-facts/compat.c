/* What the library asks of a C library newer than 2.17, made of system calls, and the
 * start of a program that newer linkers and headers would bind to a newer one. Hidden: no other
 * object of the process is to find these. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#pragma GCC visibility push(hidden)

typedef void (*fork_hook)(void);

typedef void (*init_function)(int argc, char **argv, char **environment);

extern init_function __init_array_start[], __init_array_end[];
void *__dso_handle = &__dso_handle;
void program_init(int argc, char **argv, char **environment);
int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *object);
int __cxa_atexit(void (*function)(void *), void *argument, void *object)
	__attribute__((visibility("default")));
int __register_atfork(fork_hook prepare, fork_hook parent, fork_hook child, void *object)
	__attribute__((visibility("default")));
int pthread_atfork(fork_hook prepare, fork_hook parent, fork_hook child);
ssize_t getrandom(void *bytes, size_t size, unsigned int flags);
int memfd_create(const char *name, unsigned int flags);

int fstat(int fd, struct stat *status)
{
	return (int)syscall(SYS_fstat, fd, status);
}

int stat(const char *restrict path, struct stat *restrict status)
{
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
}

ssize_t getrandom(void *bytes, size_t size, unsigned int flags)
{
	return syscall(SYS_getrandom, bytes, size, flags);
}

int memfd_create(const char *name, unsigned int flags)
{
	return (int)syscall(SYS_memfd_create, name, flags);
}

int pthread_atfork(fork_hook prepare, fork_hook parent, fork_hook child)
{
	return __register_atfork(prepare, parent, child, &__dso_handle);
}

static void call(void *function)
{
	((void (*)(void))(uintptr_t)function)();
}

int atexit(void (*function)(void))
{
	return __cxa_atexit(call, (void *)(uintptr_t)function, &__dso_handle);
}

/* No object that is measured has destructors of a thread. */
int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *object)
{
	(void)function;
	(void)argument;
	(void)object;
	return -1;
}

/* Called by the C library before main(): up to 2.33 it leaves that to the program's own start. */
void program_init(int argc, char **argv, char **environment)
{
	for (init_function *init = __init_array_start; init < __init_array_end; init++)
		(*init)(argc, argv, environment);
}
