/*
 * The host's part of host_build_graph: the object is loaded in this process as simpler does it
 * (written to /tmp, opened with RTLD_NOW, the name removed at once, the handle never closed), its
 * entry writes the graph into the Runtime struct, and the struct is sent as a whole.
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

/*
 * Loads and builds, in phases STAGE, LINK, UNSTAGE, RESOLVE and ORCHESTRATE of `time`. A failure is
 * an error here and now, not a device that hangs. An object that was opened once stays for the life
 * of this process.
 */
int graph_build(const struct so *so, const struct graph_input *input, struct timeline *time,
		struct graph_load *ret_load, struct err *err);

/* The building alone: calls `entry` with operations that write into the table. */
int graph_call(graph_entry_function entry, const struct graph_input *input, struct err *err);

#endif
