/*
 * Memory between a watched process and whoever watches it: a memory file that both map, found by
 * the variable SOLOAD_WATCH (a path such as /proc/PID/fd/N of the watcher). What lives inside the
 * process writes events into it and never waits; what does not fit is counted.
 */
#ifndef SOLOAD_PROBES_INSIDE_RING_H
#define SOLOAD_PROBES_INSIDE_RING_H

#include "probes/event.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_VARIABLE "SOLOAD_WATCH"
#define RING_OWN_VARIABLE "SOLOAD_WATCH_SELF" /* what the worker itself writes */
#define RING_PADS_VARIABLE "SOLOAD_PADS"      /* mappings it makes first, see self.h */
#define RING_COUNT_VARIABLE "SOLOAD_COUNT"    /* the counting probes it opens */
#define RING_MAGIC 0x72696e67u		      /* "ring" */
#define RING_VERSION 2u
#define RING_NAMES 4096

/* What the functions below may use, where whoever includes this must not touch some registers. */
#ifndef RING_FUNCTION
#define RING_FUNCTION static inline
#endif

/* A function of ld.so for ldhook to hook: an address before the load bias is added. */
struct ring_site {
	uint64_t address; /* 0 = none */
	uint32_t hooked;  /* set by the hook */
	uint32_t padding;
};

/* Names are kept in turns: `place` says whose is there now, from 1, 0 while it is written. */
struct ring_name {
	uint32_t place;
	char text[EVENT_NAME_BYTES];
};

struct ring {
	uint32_t magic, version;
	uint32_t capacity;	    /* events */
	uint32_t raw;		    /* the counter may be read raw: times are its ticks, not ns */
	uint32_t cursor;	    /* may run past the capacity: that many were lost */
	uint32_t name_cursor;	    /* names so far */
	uint32_t attached;	    /* how many have mapped it to write */
	uint32_t refused;	    /* hooks refused because of their first instructions */
	unsigned char build_id[32]; /* of the ld.so that `sites` are in */
	uint32_t build_id_bytes, padding;
	struct ring_site sites[STEP_COUNT];
	struct ring_name names[RING_NAMES];
	struct probe_event events[];
};

/* In `extra` of an OPEN: that its return will not be seen, and the place of its name, 0 = none. */
#define RING_OPEN_ENDED (UINT64_C(1) << 32)
#define RING_NAME(extra) ((uint32_t)(extra))

RING_FUNCTION uint64_t ring_now(const struct ring *ring)
{
	struct timespec now;

#ifdef __x86_64__
	if (ring->raw)
		return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	if (ring->raw) {
		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
		return ticks;
	}
#endif
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The ring a variable names, mapped and touched; NULL when there is none or it is not ours. */
static inline struct ring *ring_map(const char *variable)
{
	const char *path = getenv(variable);
	struct stat file;
	struct ring *ring;
	int fd;

	if (!path)
		return NULL;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &file) < 0 || (size_t)file.st_size < sizeof(*ring)) {
		close(fd);
		return NULL;
	}
	ring = (struct ring *)mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (ring == MAP_FAILED)
		return NULL;
	if (ring->magic == RING_MAGIC && ring->version == RING_VERSION &&
	    (size_t)file.st_size >= sizeof(*ring) + ring->capacity * sizeof(ring->events[0])) {
		__atomic_fetch_add(&ring->attached, 1, __ATOMIC_RELAXED);
		return ring;
	}
	munmap(ring, (size_t)file.st_size);
	return NULL;
}

/* One slot, or NULL when the ring is full. */
RING_FUNCTION struct probe_event *ring_slot(struct ring *ring)
{
	uint32_t slot = __atomic_fetch_add(&ring->cursor, 1, __ATOMIC_ACQUIRE);

	return slot < ring->capacity ? &ring->events[slot] : NULL;
}

/* The kind is written last: a reader takes a slot whose kind is set. */
RING_FUNCTION void ring_done(struct probe_event *event, enum event_kind kind)
{
	__atomic_store_n(&event->kind, (unsigned short)kind, __ATOMIC_RELEASE);
}

/* Keeps a name until 4095 more have come: its place. One that does not fit loses its beginning, as
 * what tells one object from another is its end. */
RING_FUNCTION uint32_t ring_name_keep(struct ring *ring, const char *text)
{
	uint32_t place = __atomic_add_fetch(&ring->name_cursor, 1, __ATOMIC_RELAXED);
	struct ring_name *name = &ring->names[place % RING_NAMES];
	unsigned int length = 0, at = 0;

	(void)__atomic_exchange_n(&name->place, 0, __ATOMIC_ACQUIRE); /* before the text changes */
	while (text[length])
		length++;
	if (length >= EVENT_NAME_BYTES) {
		text += length - (EVENT_NAME_BYTES - 1);
		for (; at < 3; at++)
			name->text[at] = '.';
	}
	for (; at < EVENT_NAME_BYTES - 1 && text[at]; at++)
		name->text[at] = text[at];
	name->text[at] = '\0';
	__atomic_store_n(&name->place, place, __ATOMIC_RELEASE);
	return place;
}

#endif
