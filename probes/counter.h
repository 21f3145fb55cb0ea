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

/* A count, and for how long (ns, since it was enabled) it was wanted and was really counted. */
struct counter_value {
	uint64_t count, enabled_ns, running_ns;
};

/* What the processor says: counter `index`, from 0, as many bits as it has; and its clock. */
struct counter_hardware {
	uint64_t (*read)(uint32_t index);
	uint64_t (*ticks)(void);
};

extern const struct counter_hardware counter_processor; /* the one this runs on */

/* Asks for user access where it must be asked for: aarch64 (kernel 83a7a4d643d3). */
void counter_request(struct perf_event_attr *attr);

void counter_map(struct counter_page *counter, int fd);
void counter_unmap(struct counter_page *counter);

/* -EAGAIN where it cannot be read this way now. */
int counter_page_read(const volatile struct perf_event_mmap_page *page,
		      const struct counter_hardware *hardware, struct counter_value *ret_value);

#endif
