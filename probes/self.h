/*
 * The watched worker's own side: counting probes around every load, and its TIMING phases, handed
 * to the watcher through a ring that the environment names. Without one every call is a branch.
 */
#ifndef SOLOAD_PROBES_SELF_H
#define SOLOAD_PROBES_SELF_H

#include "base/clock.h"
#include "base/timeline.h"
#include "probes/probe.h"

#include <stdbool.h>
#include <stdint.h>

struct ring;

#define SELF_PROBES_MAX 4
#define SELF_PADS_MAX 64

struct self {
	struct ring *ring; /* NULL = nobody watches */
	struct probe *probes[SELF_PROBES_MAX];
	unsigned int probe_count;
	bool begun[SELF_PROBES_MAX], noted[SELF_PROBES_MAX];
	struct timeline_hook hook;
	uint32_t load; /* number of the load, from 0 */
};

/*
 * A counting probe that is not available is left out: its watcher has asked before. SOLOAD_PADS=n
 * makes n mappings of a page first: how many a process has decides where the kernel's tree of them
 * splits, which costs a mapping 1 to 3 us, and a probe that adds one moves that. Comparing over all
 * numbers keeps it out of the comparison.
 */
void self_open(struct self *self);
void self_close(struct self *self);

/* Around a load, outside its timeline; `loaded` while the object is there. */
void self_begin(struct self *self);
void self_loaded(struct self *self, const struct probe_object *object);
void self_end(struct self *self);

/* What the load's timeline is to have as its hook, between self_begin() and self_end(); NULL = no
 * probe wants to know its phases. */
const struct timeline_hook *self_hook(struct self *self);

/* Every span of a lane that has ended, and its end. `load` counts as in self_begin(). */
void self_timeline(struct self *self, const struct timeline *time, const struct clock_map *map,
		   uint32_t load);

/* In an EVENT_VALUE, `extra`: which probe of the list, and which load; `what`: which metric, and of
 * which part, from 1, 0 = of the whole load. An EVENT_TIMING has the load in `extra`; its `what` is
 * SELF_END where the lane ends. */
#define SELF_VALUE_PROBE(extra) ((unsigned int)((extra) >> 32))
#define SELF_VALUE_LOAD(extra) ((uint32_t)(extra))
#define SELF_VALUE_METRIC(what) ((what)&0xffu)
#define SELF_VALUE_PART(what) ((unsigned int)(what) >> 8)
#define SELF_END 0xffff

#endif
