/*
 * One measured cycle in this process: load, look a symbol up, call it, unload. What the worker
 * runs.
 *
 * cycle_run() allocates nothing, prints nothing and touches no memory that cycle_open() has not
 * touched: what it costs beyond the loader is what the timeline says is `other`.
 */
#ifndef SOLOAD_BENCH_CYCLE_H
#define SOLOAD_BENCH_CYCLE_H

#include "base/file.h"
#include "bench/cold.h"
#include "bench/inject.h"
#include "bench/pieces.h"
#include "bench/worker.h"
#include "loaders/freshness.h"
#include "loaders/loader.h"
#include "probes/self.h"

#include <stdbool.h>

#define CYCLE_SPANS 16 /* a load enters about ten phases; more are dropped */

struct cycle_options {
	const char *loader, *path, *symbol; /* a symbol of "" is not looked up */
	const char *inject;		    /* bench/inject.h, "" = nothing */
	bool call;
	uint32_t capacity;    /* cycles per batch */
	uint32_t check_every; /* judge every n-th load, 0 = none but a run's proofs */
	enum cold cold;
	volatile uint32_t *watch; /* or NULL: holds the current phase */
};

struct cycle {
	struct cycle_options options;
	struct loader *loader;
	struct image *image;
	struct file_bytes file;
	struct so so;
	struct timeline *timelines; /* one per cycle of a batch */
	struct span *spans;	    /* CYCLE_SPANS for each of them */
	struct worker_load *loads;
	void *memory; /* holds all three */
	size_t memory_bytes;
	struct inject inject;
	uint32_t since_check;
	bool beside; /* file and loader belong to another cycle */
	bool locked;
	struct self self; /* what a watcher asked for; nothing, mostly */
	struct probe_piece pieces[PIECES_MAX];
	size_t piece_count;
	bool marks; /* bracket what is timed with the marks of worker.h, for a tracer */
};

int cycle_open(struct cycle *cycle, const struct cycle_options *options, struct err *err);
void cycle_close(struct cycle *cycle); /* zeroed is fine */

/* Another one for another thread: of the same loader and object, which `first` keeps. It is never
 * watched and nothing is injected. */
int cycle_open_beside(struct cycle *cycle, const struct cycle *first, struct err *err);

/* Whether the freshness of a load is judged before it is unloaded. Judging is never timed, but it
 * touches caches, and FULL every page of the object, which unloading then has to give back. */
enum cycle_check { CYCLE_CHECK_NONE, CYCLE_CHECK_QUICK, CYCLE_CHECK_FULL };

/* What is due for load `i` of this batch; counts on towards check_every. */
enum cycle_check cycle_check_due(struct cycle *cycle, const struct worker_run *run, uint32_t i);

/* Runs cycle `i` of a batch into loads[i] and timelines[i]; returns loads[i].result. */
int cycle_run(struct cycle *cycle, uint32_t i, enum cycle_check check);

/* The same under a name of its own: emulators that count instructions count inside it alone. */
#define CYCLE_COUNTED "cycle_run_counted"
int cycle_run_counted(struct cycle *cycle, uint32_t i, enum cycle_check check);

/* For loads so short that stamping each would be what is measured: `group` cycles as one, in
 * PHASE_OTHER alone and unchecked. */
int cycle_run_group(struct cycle *cycle, uint32_t i, uint32_t group);

#endif
