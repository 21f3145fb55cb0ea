/* The self-monitoring loop of linux/perf_event.h: a sequence lock around an index and an offset. */
#include "probes/counter.h"

#include "base/clock.h"

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
		/* clang-format off */
		READ_COUNTER(0); READ_COUNTER(1); READ_COUNTER(2); READ_COUNTER(3);
		READ_COUNTER(4); READ_COUNTER(5); READ_COUNTER(6); READ_COUNTER(7);
		READ_COUNTER(8); READ_COUNTER(9); READ_COUNTER(10); READ_COUNTER(11);
		READ_COUNTER(12); READ_COUNTER(13); READ_COUNTER(14); READ_COUNTER(15);
		READ_COUNTER(16); READ_COUNTER(17); READ_COUNTER(18); READ_COUNTER(19);
		READ_COUNTER(20); READ_COUNTER(21); READ_COUNTER(22); READ_COUNTER(23);
		READ_COUNTER(24); READ_COUNTER(25); READ_COUNTER(26); READ_COUNTER(27);
		READ_COUNTER(28); READ_COUNTER(29); READ_COUNTER(30);
		/* clang-format on */
	default: /* 31 is the counter of cycles */
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

/* The time since the kernel last wrote the page, in ns (cap_user_time of linux/perf_event.h). */
static uint64_t page_time_ns(const volatile struct perf_event_mmap_page *page, uint64_t ticks)
{
	uint64_t whole, rest;

	if (!page->cap_user_time)
		return 0;
	if (page->cap_user_time_short)
		ticks = page->time_cycles + ((ticks - page->time_cycles) & page->time_mask);
	whole = ticks >> page->time_shift;
	rest = ticks & ((UINT64_C(1) << page->time_shift) - 1);
	return page->time_offset + whole * page->time_mult +
	       ((rest * page->time_mult) >> page->time_shift);
}

/* The hardware counts with fewer bits than 64: the highest is a sign, the offset has the rest. */
static uint64_t count_widen(uint64_t raw, uint16_t width)
{
	unsigned int unused = width && width < 64 ? 64u - width : 0;

	return (uint64_t)((int64_t)(raw << unused) >> unused);
}

int counter_page_read(const volatile struct perf_event_mmap_page *page,
		      const struct counter_hardware *hardware, struct counter_value *ret_value)
{
	uint32_t lock, index;
	uint64_t since;

	if (!page->cap_user_rdpmc)
		return -EAGAIN;
	do {
		lock = page->lock;
		__asm__ volatile("" ::: "memory");
		index = page->index;
		if (!index) /* not on a counter now: another has its turn */
			return -EAGAIN;
		since = page_time_ns(page, hardware->ticks());
		ret_value->enabled_ns = page->time_enabled + since;
		ret_value->running_ns = page->time_running + since;
		ret_value->count = (uint64_t)page->offset +
				   count_widen(hardware->read(index - 1), page->pmc_width);
		__asm__ volatile("" ::: "memory");
	} while (page->lock != lock);
	return 0;
}

const struct counter_hardware counter_processor = { hardware_read, clock_ticks };
