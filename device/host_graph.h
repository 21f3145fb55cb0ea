/*
 * The host's part of host_build_graph: the object is loaded in this process as simpler does it
 * (written to /tmp, opened with RTLD_NOW, the name removed at once, the handle never closed), its
 * entry writes the graph into the Runtime struct, and the struct is sent as a whole.
 *
 * Because the handle is never closed and the name is always the same, the dynamic linker answers
 * every later load with the first image. With the same bytes that is an image kept on purpose,
 * whose code is right; with other bytes it is stale.
 */
#ifndef SOLOAD_DEVICE_HOST_GRAPH_H
#define SOLOAD_DEVICE_HOST_GRAPH_H

#include "device/args.h"
#include "device/graph.h"
#include "device/transport.h"
#include "loaders/freshness.h"
#include "loaders/staged.h"

/* The whole struct; in no list, because there is nothing to choose. */
extern const struct transport transport_graph;

/* What the graph is built from and into. */
struct graph_input {
	struct graph_table *table;
	uint64_t heap, heap_bytes; /* device memory for outputs without an address */
	const struct device_arg *args;
	const uint64_t *addresses; /* of the arguments on the device */
	int arg_count;
};

/* What became of the load; the texts of the report are in this struct. */
struct graph_load {
	struct image_report report;
	struct freshness_verdict verdict;
	char staged_at[STAGED_PATH_BYTES];
};

/* An object in this process; zeroed is none. `kept` is the caller's wish. */
struct graph_object {
	bool kept;
	struct image image;
	struct so so;
	void *handle, *copy; /* `copy` of the bytes, for who judges a kept one later */
	graph_entry_function entry;
};

/*
 * Loads, in phases STAGE, LINK, UNSTAGE and RESOLVE of `time`. A failure is an error here and now,
 * not a device that hangs; it is to be closed then. One that is `kept` has a file name of its own
 * and is closed in the end; any other stays for the life of this process.
 */
int graph_object_open(struct graph_object *object, const struct so *so, struct timeline *time,
		      struct graph_load *ret_load, struct err *err);

/* Judges a kept one anew. */
void graph_object_find(struct graph_object *object, struct timeline *time,
		       struct graph_load *ret_load);

void graph_object_close(struct graph_object *object, struct timeline *time);

/* The building: calls `entry` with operations that write into the table. */
int graph_call(graph_entry_function entry, const struct graph_input *input, struct err *err);

#endif
