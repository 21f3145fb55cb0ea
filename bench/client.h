/*
 * A worker process as its client sees it: started, asked for batches, and buried whatever it died
 * of. See worker.h for the protocol.
 */
#ifndef SOLOAD_BENCH_CLIENT_H
#define SOLOAD_BENCH_CLIENT_H

#include "base/err.h"
#include "base/timeline.h"
#include "bench/cold.h"
#include "bench/worker.h"
#include "loaders/freshness.h"

#include <stdbool.h>
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#define CLIENT_TIMEOUT_NS UINT64_C(10000000000)

/* In an initialiser: no symbol chosen, and any CPU. */
#define CLIENT_ANYWHERE .symbol = "", .cpu = -1, .spinner_cpu = -1

struct client_options {
	const char *program; /* a build of soload; NULL = this one */
	const char *loader, *path, *symbol;
	bool call;
	int cpu; /* -1 = any */
	bool spinner;
	int spinner_cpu; /* -1 = any */
	uint32_t capacity;
	uint32_t threads; /* loading at once, 0 = 1 */
	bool spread;	  /* each of them on a CPU of its own */
	enum cold cold;
	uint32_t check_every;
	const char *const *wrapper; /* words before the program's, ends with NULL; or NULL */
	const char *inject;	    /* bench/inject.h, NULL = nothing */
	bool private_directories; /* stage in directories of the worker's own, where that can be */
	uint64_t timeout_ns;	  /* without finishing a load; 0 = CLIENT_TIMEOUT_NS */
	char *const *environment; /* variables to add, "NAME=VALUE", ends with NULL; or NULL */
	/* 0 = memory is laid out at random, as usual. N: always the same, with everything that is
	 * mapped N pages further down; random where the kernel does not permit that. */
	uint32_t layout;
};

/* One load, phases in this build's numbering whatever the worker's build was. */
struct client_load {
	struct worker_load load;
	uint64_t phase_ns[PHASE_COUNT];
};

struct client {
	struct client_options options;
	pid_t pid; /* 0 = none */
	int to, from;
	struct worker_shared *shared;
	uint32_t version;    /* of the worker's protocol */
	uint32_t load_bytes; /* of a struct worker_load of that version */
	uint32_t phase_count;
	int phase_of[64]; /* the worker's phase number → ours, -1 = not known here */
	struct worker_ready ready;
	char folder[PATH_MAX]; /* of the private directories, "" = none */
	int folder_lock;
};

/*
 * Starts a worker and opens its loader: 0, or a negative errno with the reason in words (the loader
 * is not available, the object cannot be read, the program speaks another version).
 */
int client_open(struct client *client, const struct client_options *options, struct err *err);

/*
 * Runs a batch of `run->count` loads, in each thread, into `loads`. Returns how many came back:
 * with one thread fewer when one failed, which is then the last and says why; with several all of
 * them, those after a failed one -ECANCELED. -EIO with a sentence naming the phase when the
 * worker crashed, left or hung (it is dead then), -EINTR when command_interrupted().
 */
int client_run(struct client *client, const struct worker_run *run, struct client_load *loads,
	       struct err *err);

/* The two halves of client_run(), for a tracer that works in between. */
int client_run_send(struct client *client, const struct worker_run *run, struct err *err);
int client_run_receive(struct client *client, struct client_load *loads, uint32_t max,
		       struct err *err);

/* Why a load that succeeded is stale: an older image answered, and not on purpose. NULL = it is
 * not, as far as is known; loads that were stamped as one are not known. */
const char *client_load_stale(const struct worker_load *load);

/* Ends the worker: politely, then not; removes what it left staged. Zeroed is fine. */
void client_close(struct client *client);

#endif
