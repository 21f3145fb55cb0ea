/* Memory files that a watched process finds through its environment. */
#include "probes/watch.h"

#include "base/file.h"
#include "probes/inside/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int object_open(struct watch *watch, const void *object, size_t size, struct err *err)
{
	watch->object_fd = memfd_create("soload-inside", MFD_CLOEXEC);
	if (watch->object_fd < 0)
		return err_sys(err, "memfd_create");
	return fd_write_all(watch->object_fd, object, size, "the inside object", err);
}

int watch_open(struct watch *watch, const void *object, size_t size, struct err *err)
{
	*watch = (struct watch){ .ring_fd = -1, .object_fd = -1 };
	watch->bytes = sizeof(struct ring) + WATCH_EVENTS * sizeof(struct probe_event);
	watch->ring_fd = memfd_create("soload-watch", MFD_CLOEXEC);
	if (watch->ring_fd < 0 || ftruncate(watch->ring_fd, (off_t)watch->bytes) < 0)
		return err_sys(err, "memory for events");
	watch->ring =
		mmap(NULL, watch->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, watch->ring_fd, 0);
	if (watch->ring == MAP_FAILED) {
		watch->ring = NULL;
		return err_sys(err, "memory for events");
	}
	watch->ring->magic = RING_MAGIC;
	watch->ring->version = RING_VERSION;
	watch->ring->capacity = WATCH_EVENTS;
	watch->ring->raw = clock_is_raw;
	return object ? object_open(watch, object, size, err) : 0;
}

void watch_close(struct watch *watch)
{
	if (!watch->bytes) /* never opened */
		return;
	if (watch->ring)
		munmap(watch->ring, watch->bytes);
	if (watch->ring_fd >= 0)
		close(watch->ring_fd);
	if (watch->object_fd >= 0)
		close(watch->object_fd);
	*watch = (struct watch){ .ring_fd = -1, .object_fd = -1 };
}

int watch_environment(const struct watch *watch, const char *variable,
		      struct probe_environment *environment, struct err *err)
{
	int r = asprintf(&environment->variables[0], "%s=/proc/%d/fd/%d", RING_VARIABLE,
			 (int)getpid(), watch->ring_fd);

	if (r >= 0 && variable)
		r = asprintf(&environment->variables[1], "%s=/proc/%d/fd/%d", variable,
			     (int)getpid(), watch->object_fd);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

int watch_own_environment(const struct watch *watch, const char *counting,
			  struct probe_environment *environment, struct err *err)
{
	int r = asprintf(&environment->variables[0], "%s=/proc/%d/fd/%d", RING_OWN_VARIABLE,
			 (int)getpid(), watch->ring_fd);

	if (r >= 0 && counting)
		r = asprintf(&environment->variables[1], "%s=%s", RING_COUNT_VARIABLE, counting);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void event_hand(const struct watch *watch, const struct clock_map *map,
		       const struct probe_event *from, probe_take take, void *to)
{
	struct probe_event event = *from;
	const char *name = NULL;

	if (watch->ring->raw && event.kind != EVENT_TIMING)
		event.ts = clock_map_ns(map, event.ts);
	if (event.kind == EVENT_STEP && event.what == STEP_OPEN) {
		uint32_t place = RING_NAME(event.extra);

		if (place && place <= RING_NAMES)
			name = watch->ring->names[place - 1];
		event.extra = (event.extra & RING_OPEN_ENDED) != 0;
	}
	take(to, &event, name);
}

long watch_read(struct watch *watch, probe_take take, void *to)
{
	struct ring *ring = watch->ring;
	uint32_t cursor = ring->cursor;
	uint32_t end = cursor < ring->capacity ? cursor : ring->capacity;
	struct clock_map map = clock_map_now();

	while (watch->read < end) {
		struct probe_event *event = &ring->events[watch->read];

		if (__atomic_load_n(&event->kind, __ATOMIC_ACQUIRE) == EVENT_NONE)
			break;
		event_hand(watch, &map, event, take, to);
		event->kind = EVENT_NONE;
		watch->read++;
	}
	if (watch->read < end || ring->cursor != cursor)
		return 0;
	watch->read = 0;
	ring->cursor = 0;
	return (long)(cursor - end);
}
