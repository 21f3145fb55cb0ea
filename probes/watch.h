/* The watcher's side of inside/ring.h: the memory file, the object that goes into the process, and
 * what is read back. */
#ifndef SOLOAD_PROBES_WATCH_H
#define SOLOAD_PROBES_WATCH_H

#include "base/clock.h"
#include "base/err.h"
#include "probes/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

#define WATCH_EVENTS (1u << 18)

struct watch {
	struct ring *ring;
	size_t bytes;
	int ring_fd, object_fd; /* -1 = none */
	uint32_t read;		/* events handed over so far */
};

/* `object` (may be NULL) is put into a memory file that ld.so can load. */
int watch_open(struct watch *watch, const void *object, size_t size, struct err *err);
void watch_close(struct watch *watch);

/* A ring for what the worker itself has to say: its TIMING phases, and counters. `counting` is the
 * list of probes it shall open, or NULL. */
int watch_own_environment(const struct watch *watch, const char *counting,
			  struct probe_environment *environment, struct err *err);

/* Adds SOLOAD_WATCH, and `variable` naming the object if it is not NULL, before what the variable
 * holds already. */
int watch_environment(const struct watch *watch, const char *variable,
		      struct probe_environment *environment, struct err *err);

/* Whether the object has come into any process: another ld.so than glibc's, or one that starts a
 * privileged program, does not bring it in. */
bool watch_came(const struct watch *watch);

/* Hands over what is new; returns how many events were lost. Everything read and nobody writing:
 * the ring begins anew. */
long watch_read(struct watch *watch, probe_take take, void *to);

#endif
