/* The self-monitoring loop of linux/perf_event.h: a sequence lock around an index and an offset. */
#include "probes/counter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

void counter_request(struct perf_event_attr *attr)
{
#ifdef __aarch64__
	attr->config1 = 3; /* 64 bits wide, user access */
#else
	(void)attr;
#endif
}

void counter_map(struct counter_page *counter, int fd)
{
	void *page =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);

	counter->page = page == MAP_FAILED ? NULL : page;
}

void counter_unmap(struct counter_page *counter)
{
	if (counter->page)
		munmap(counter->page, (size_t)sysconf(_SC_PAGESIZE));
	counter->page = NULL;
}

#if defined(__x86_64__)
static uint64_t hardware_read(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(index));
	return low | (uint64_t)high << 32;
}
#elif defined(__aarch64__)
#define READ_COUNTER(n) \
	case n: \
		__asm__ volatile("mrs %0, pmevcntr" #n "_el0" : "=r"(value)); \
		break
static uint64_t hardware_read(uint32_t index)
{
	uint64_t value = 0;

	switch (index) {
		READ_COUNTER(0);
		READ_COUNTER(1);
		READ_COUNTER(2);
		READ_COUNTER(3);
		READ_COUNTER(4);
		READ_COUNTER(5);
	default:
		__asm__ volatile("mrs %0, pmccntr_el0" : "=r"(value));
		break;
	}
	return value;
}
#else
static uint64_t hardware_read(uint32_t index)
{
	(void)index;
	return 0;
}
#endif

int counter_read(const struct counter_page *counter, uint64_t *ret_value, uint64_t *ret_enabled,
		 uint64_t *ret_running)
{
	const volatile struct perf_event_mmap_page *page = counter->page;
	uint32_t lock, index;
	int64_t count;

	if (!page || !page->cap_user_rdpmc)
		return -EAGAIN;
	do {
		lock = page->lock;
		__asm__ volatile("" ::: "memory");
		index = page->index;
		if (!index)
			return -EAGAIN;
		count = page->offset;
		*ret_enabled = page->time_enabled;
		*ret_running = page->time_running;
		count += (int64_t)(hardware_read(index - 1) << (64 - page->pmc_width)) >>
			 (64 - page->pmc_width);
		__asm__ volatile("" ::: "memory");
	} while (page->lock != lock);
	*ret_value = (uint64_t)count;
	return 0;
}
