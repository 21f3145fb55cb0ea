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

/* What the variable holds already, without an object of this process in front: the program's own
 * library is loaded behind ours. */
static const char *variable_rest(const char *variable)
{
	const char *value = getenv(variable);
	char own[32];
	int length = snprintf(own, sizeof(own), "/proc/%d/fd/", (int)getpid());

	if (!value)
		return "";
	if (strncmp(value, own, (size_t)length) == 0) {
		value += strcspn(value, ":");
		value += *value == ':';
	}
	return value;
}

int watch_environment(const struct watch *watch, const char *variable,
		      struct probe_environment *environment, struct err *err)
{
	const char *rest = variable ? variable_rest(variable) : "";
	int r = asprintf(&environment->variables[0], "%s=/proc/%d/fd/%d", RING_VARIABLE,
			 (int)getpid(), watch->ring_fd);

	if (r >= 0 && variable)
		r = asprintf(&environment->variables[1], "%s=/proc/%d/fd/%d%s%s", variable,
			     (int)getpid(), watch->object_fd, *rest ? ":" : "", rest);
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

/* The name at a place, copied; NULL when another has taken its turn there. */
static const char *name_copy(struct ring *ring, uint32_t place, char *ret_text)
{
	struct ring_name *name = &ring->names[place % RING_NAMES];

	if (!place || __atomic_load_n(&name->place, __ATOMIC_ACQUIRE) != place)
		return NULL;
	memcpy(ret_text, name->text, EVENT_NAME_BYTES);
	ret_text[EVENT_NAME_BYTES - 1] = '\0';
	/* A write of what is there, for no read of the text may come after it. */
	return __atomic_fetch_add(&name->place, 0, __ATOMIC_ACQ_REL) == place ? ret_text : NULL;
}

static void event_hand(const struct watch *watch, const struct clock_map *map,
		       const struct probe_event *from, probe_take take, void *to)
{
	struct probe_event event = *from;
	const char *name = NULL;
	char text[EVENT_NAME_BYTES];

	if (watch->ring->raw && event.kind != EVENT_TIMING)
		event.ts = clock_map_ns(map, event.ts);
	if (event.kind == EVENT_STEP && event.what == STEP_OPEN) {
		name = name_copy(watch->ring, RING_NAME(event.extra), text);
		event.extra = (event.extra & RING_OPEN_ENDED) != 0;
	}
	take(to, &event, name);
}

bool watch_came(const struct watch *watch)
{
	return __atomic_load_n(&watch->ring->attached, __ATOMIC_RELAXED) > 0;
}

long watch_read(struct watch *watch, probe_take take, void *to)
{
	struct ring *ring = watch->ring;
	uint32_t cursor = __atomic_load_n(&ring->cursor, __ATOMIC_ACQUIRE);
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
	/* Whoever has taken a slot meanwhile still writes behind it: then the next time. */
	if (watch->read < end || !__atomic_compare_exchange_n(&ring->cursor, &cursor, 0, false,
							      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	watch->read = 0;
	return (long)(cursor - end);
}
