/* One hardware counter read from user space, without a system call, where kernel and CPU allow it
 * (linux/perf_event.h, struct perf_event_mmap_page). */
#ifndef SOLOAD_PROBES_COUNTER_H
#define SOLOAD_PROBES_COUNTER_H

#include <stdint.h>

struct perf_event_attr;
struct perf_event_mmap_page;

struct counter_page {
	struct perf_event_mmap_page *page; /* NULL = by read() only */
};

/* Asks for user access where it must be asked for: aarch64 (kernel 83a7a4d643d3). */
void counter_request(struct perf_event_attr *attr);

void counter_map(struct counter_page *counter, int fd);
void counter_unmap(struct counter_page *counter);

/* -EAGAIN where it cannot be read this way now. */
int counter_read(const struct counter_page *counter, uint64_t *ret_value, uint64_t *ret_enabled,
		 uint64_t *ret_running);

#endif
