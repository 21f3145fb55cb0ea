/*
 * What the steps of a load cost here, each alone: medians of several batches, a line each as soon
 * as it is known. See facts.h.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 21
#define SWEEP_BYTES ((size_t)64 << 20) /* more than any cache between the AICPU and memory */

static uint8_t *source, *target;

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void line_number(const char *name, double value, const char *unit)
{
	printf("%s\t%.9g\t%s\n", name, value, unit);
	fflush(stdout);
}

static void line_unknown(const char *name, const char *why)
{
	printf("%s\t?\t%s\n", name, why);
	fflush(stdout);
}

/* One batch of a step; gives how many times it was done, or 0 with errno. */
typedef unsigned int (*batch)(void);

static void cost_line(const char *name, batch step, double scale, const char *unit)
{
	double values[BATCHES];

	for (int i = -1; i < BATCHES; i++) {
		double begin = now_ns();
		unsigned int times = step();
		double end = now_ns();

		if (times == 0) {
			line_unknown(name, strerror(errno));
			return;
		}
		if (i >= 0)
			values[i] = (end - begin) / times / scale;
	}
	line_number(name, median_of(values, BATCHES), unit);
}

static unsigned int clock_step(void)
{
	for (int i = 0; i < 1000; i++)
		now_ns();
	return 1000;
}

static unsigned int counter_step(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < 1000; i++) {
#if defined(__aarch64__)
		uint64_t ticks;

		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
		sum += ticks;
#else
		sum += __builtin_ia32_rdtsc();
#endif
	}
	__asm__ volatile("" : : "r"(sum));
	return 1000;
}

static unsigned int call_step(void)
{
	for (int i = 0; i < 1000; i++)
		syscall(SYS_getppid);
	return 1000;
}

static unsigned int fault_step(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 64;
	volatile uint8_t *at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return 0;
	madvise((void *)(uintptr_t)at, pages * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		at[i * page] = 1;
	munmap((void *)(uintptr_t)at, pages * page);
	return (unsigned int)pages;
}

static unsigned int map_step(void)
{
	for (int i = 0; i < 100; i++) {
		void *at = mmap(NULL, OBJECT_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			return 0;
		munmap(at, OBJECT_BYTES);
	}
	return 100;
}

static unsigned int protect_step(void)
{
	for (int i = 0; i < 20; i++) {
		if (mprotect(target, OBJECT_BYTES, PROT_READ) < 0 ||
		    mprotect(target, OBJECT_BYTES, PROT_READ | PROT_WRITE) < 0)
			return 0;
	}
	return 40;
}

static unsigned int copy_step(void)
{
	memcpy(target, source, OBJECT_BYTES);
	return 1;
}

static unsigned int file_write(int fd)
{
	ssize_t written;

	if (fd < 0)
		return 0;
	written = write(fd, source, OBJECT_BYTES);
	close(fd);
	if (written >= 0 && written < OBJECT_BYTES)
		errno = ENOSPC;
	return written == OBJECT_BYTES;
}

static unsigned int memfd_step(void)
{
	return file_write((int)syscall(SYS_memfd_create, "soload-facts", 1u));
}

static const char *written_place;

static unsigned int place_step(void)
{
	int fd = place_file(written_place);

	if (fd < 0)
		errno = -fd;
	return file_write(fd);
}

#if defined(__aarch64__)
static size_t data_line(void)
{
	uint64_t ctr;

	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	return (size_t)4 << (ctr >> 16 & 15);
}

static unsigned int invalidate_step(void)
{
	size_t line = data_line();

	for (size_t i = 0; i < OBJECT_BYTES; i += line)
		__asm__ volatile("dc civac, %0" : : "r"(source + i) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
	return 1;
}

static unsigned int publish_step(void)
{
	__builtin___clear_cache((char *)source, (char *)source + OBJECT_BYTES);
	return 1;
}
#endif

static void *room(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* The copy as it is after DMA: the source in no cache. Timed without what drove it out. */
static void cold_copy_cost(void)
{
	static const char name[] = "copy of 450 KB, cold";
	double values[BATCHES];
	uint8_t *sweep = room(SWEEP_BYTES);

	if (!sweep) {
		line_unknown(name, "no 64 MB of memory to drive it out of the caches with");
		return;
	}
	for (int i = 0; i < BATCHES; i++) {
		double begin;

		for (size_t at = 0; at < SWEEP_BYTES; at += 64)
			sweep[at]++;
		begin = now_ns();
		memcpy(target, source, OBJECT_BYTES);
		values[i] = (now_ns() - begin) / 1e3;
	}
	line_number(name, median_of(values, BATCHES), "us");
}

void costs_run(void)
{
	source = room(OBJECT_BYTES);
	target = room(OBJECT_BYTES);
	if (!source || !target) {
		line_unknown("all", "no memory to measure in");
		return;
	}
	memset(source, 1, OBJECT_BYTES);
	cost_line("clock_gettime", clock_step, 1.0, "ns");
	cost_line("raw counter", counter_step, 1.0, "ns");
	cost_line("system call", call_step, 1.0, "ns");
	cost_line("page fault, anonymous", fault_step, 1.0, "ns");
	cost_line("map and unmap 450 KB, untouched", map_step, 1.0, "ns");
	cost_line("mprotect of 450 KB, present", protect_step, 1.0, "ns");
	cost_line("copy of 450 KB, warm", copy_step, 1e3, "us");
#if defined(__aarch64__)
	cost_line("dc civac over 450 KB", invalidate_step, 1e3, "us");
	cost_line("publishing 450 KB of code", publish_step, 1e3, "us");
#endif
	cost_line("memory file of 450 KB, written", memfd_step, 1e3, "us");
	for (size_t i = 0; places[i]; i++) {
		char name[96];

		written_place = places[i];
		if (access(places[i], W_OK) != 0)
			continue;
		snprintf(name, sizeof(name), "file of 450 KB in %s", places[i]);
		cost_line(name, place_step, 1e3, "us");
	}
	/* Last: it wants memory that a limit may end the process for. */
	cold_copy_cost();
	line_unknown("transfer from the host",
		     "only the driver's own API can tell (16 KB to 4 MB, aclrtMemcpy)");
}
