/*
 * Ways to executable memory, each tried in a child process that runs two instructions there: what
 * is forbidden may be refused, or may kill.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES ((size_t)65536) /* a multiple of every page size */
#define ANSWER 42

/* return 42 */
#if defined(__aarch64__)
static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };
#elif defined(__x86_64__)
static const uint8_t code[] = { 0xb8, ANSWER, 0, 0, 0, 0xc3 };
#else
#error "device-facts knows no code of this processor"
#endif

static int run(void *at)
{
	int (*answer)(void);

	memcpy(&answer, &at, sizeof(answer));
	return answer() == ANSWER ? 0 : ENOEXEC;
}

static void put(void *at)
{
	memcpy(at, code, sizeof(code));
	__builtin___clear_cache((char *)at, (char *)at + sizeof(code));
}

static int memory_file(unsigned int flags)
{
	int fd = (int)syscall(SYS_memfd_create, "soload-facts", flags);

	if (fd >= 0 && ftruncate(fd, (off_t)BYTES) < 0)
		return -1;
	return fd;
}

/* Each gives 0 when code ran, else an errno. */
static int try_anonymous(void)
{
	void *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	put(at);
	return mprotect(at, BYTES, PROT_READ | PROT_EXEC) < 0 ? errno : run(at);
}

static int try_anonymous_again(void)
{
	void *at = mmap(NULL, BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 2; i++) {
		if (at == MAP_FAILED || mprotect(at, BYTES, PROT_READ | PROT_WRITE) < 0)
			return errno;
		put(at);
		if (mprotect(at, BYTES, PROT_READ | PROT_EXEC) < 0)
			return errno;
	}
	return run(at);
}

static int try_writable(void)
{
	void *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	put(at);
	return run(at);
}

static int descriptor_run(int fd)
{
	void *at =
		fd < 0 ? MAP_FAILED : mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *view;

	if (at == MAP_FAILED)
		return errno;
	view = mmap(NULL, BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (view == MAP_FAILED)
		return errno;
	put(at);
	__builtin___clear_cache((char *)view, (char *)view + sizeof(code));
	return run(view);
}

static int try_two_views(void)
{
	return descriptor_run(memory_file(1 /* MFD_CLOEXEC */));
}

static int try_exec_flag(void)
{
	return descriptor_run(memory_file(1 | 0x10 /* MFD_EXEC */));
}

static int try_no_descriptor_path(void)
{
	int fd = memory_file(1);
	char path[64];

	if (fd < 0)
		return errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

static int try_shared_anonymous(void)
{
	void *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	put(at);
	return mprotect(at, BYTES, PROT_READ | PROT_EXEC) < 0 ? errno : run(at);
}

static int try_membarrier(void)
{
#ifdef SYS_membarrier
	const int register_sync_core = 1 << 6;

	return syscall(SYS_membarrier, register_sync_core, 0, 0) < 0 ? errno : 0;
#else
	return ENOSYS;
#endif
}

static int try_read_own_memory(void)
{
	int from = ANSWER, to = 0;
	struct {
		void *base;
		size_t bytes;
	} local = { &to, sizeof(to) }, remote = { &from, sizeof(from) };

	if (syscall(SYS_process_vm_readv, getpid(), &local, 1ul, &remote, 1ul, 0ul) < 0)
		return errno;
	return to == ANSWER ? 0 : EIO;
}

/* A child tries; what kills it kills no more. */
static void try_fact(const char *name, int (*attempt)(void))
{
	const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		_exit(attempt());
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		fact_unknown("executable memory", name, "no child process: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		fact_text("executable memory", name, "kills: signal %d (%s)", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0)
		fact_text("executable memory", name, "works");
	else
		fact_text("executable memory", name, "refused: %s", strerror(WEXITSTATUS(status)));
}

void memory_facts(void)
{
	try_fact("anonymous, written, then executable", try_anonymous);
	try_fact("anonymous, executable, written again", try_anonymous_again);
	try_fact("writable and executable at once", try_writable);
	try_fact("shared anonymous, then executable", try_shared_anonymous);
	try_fact("memory file, two views at once", try_two_views);
	try_fact("memory file with MFD_EXEC", try_exec_flag);
	try_fact("memory file reopened through /proc", try_no_descriptor_path);
	try_fact("membarrier for other cores' pipelines", try_membarrier);
	try_fact("process_vm_readv of itself", try_read_own_memory);
}
