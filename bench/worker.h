/*
 * The protocol of `soload worker`: a fresh process that loads one object with one loader, on
 * command, and answers with raw nanoseconds. Every command that measures loads is a client of it
 * (client.h), also over another build of this program; hence the version, and the phases by name.
 *
 * Descriptor 0 brings requests and 1 takes answers: a head, then as many bytes as it says, in the
 * machine's own byte order. Descriptor 3, when open, is shared memory of WORKER_SHARED_BYTES. What
 * the object itself reads or prints is kept off them.
 *
 *	worker → HELLO
 *	client → OPEN (once)      worker → READY, or FAILED and the end
 *	client → RUN n            worker → BATCH, n loads or fewer when one failed
 *	end of file               the worker finishes and exits with 0
 */
#ifndef SOLOAD_BENCH_WORKER_H
#define SOLOAD_BENCH_WORKER_H

#include "base/err.h"
#include "base/timeline.h"
#include "loaders/staged.h"

#include <stddef.h>
#include <stdint.h>

#define WORKER_VERSION 3
/* The oldest a client understands. 1 has no groups and injects nothing; 2 has no threads, drops no
 * caches, and its loads end before user_ns. */
#define WORKER_VERSION_OLDEST 1
#define WORKER_MAGIC 0x6b726f77u /* "work" */
#define WORKER_BATCH_MAX 4096
#define WORKER_LABEL_BYTES 16
#define WORKER_TEXT_BYTES ERR_TEXT_BYTES
#define WORKER_PATH_BYTES 128
#define WORKER_MESSAGE_MAX (16u << 20)

enum worker_type {
	WORKER_HELLO = 1,
	WORKER_OPEN,
	WORKER_READY,
	WORKER_FAILED,
	WORKER_RUN,
	WORKER_BATCH,
};

struct worker_head {
	uint32_t type;
	uint32_t bytes; /* that follow */
};

struct worker_hello {
	uint32_t magic, version;
	uint32_t phase_count; /* labels that follow this struct, WORKER_LABEL_BYTES each */
	uint32_t load_bytes;  /* sizeof(struct worker_load) without its phases */
	char program[32];     /* "soload 0.1.0" */
};

enum worker_flag {
	WORKER_CALL = 1,    /* call the symbol as long f(void) */
	WORKER_SPINNER = 2, /* another thread of the process spins while a batch runs */
	WORKER_SPREAD = 4,  /* every thread that loads gets a CPU of its own, as far as they go */
};

/* Followed by five strings, each with its NUL: loader, path of the object, symbol, an empty folder
 * for private staging directories (device/directories.h) or "", and what to inject (bench/inject.h)
 * or "". */
struct worker_open {
	uint32_t flags;	      /* enum worker_flag */
	uint32_t capacity;    /* the longest batch that will be asked for */
	int32_t cpu;	      /* to run on, -1 = any */
	int32_t spinner_cpu;  /* the same for the spinner */
	uint32_t check_every; /* judge the freshness of every n-th load, 0 = of none */
	uint32_t threads;     /* that load at once, 0 = 1 */
	uint32_t cold;	      /* enum cold (bench/cold.h) */
	uint32_t reserved[9]; /* 0 */
};

struct worker_ready {
	int32_t pid;
	uint32_t caps;	 /* of the loader with its options, enum loader_cap of that build */
	uint32_t split;	 /* the loader tells map, relocate, protect and init apart */
	uint32_t locked; /* the worker's own memory is locked */
	uint64_t so_bytes;
	char note[WORKER_PATH_BYTES]; /* why there are no private staging directories, or "" */
};

struct worker_failed {
	int32_t code; /* negative errno */
	char text[ERR_TEXT_BYTES];
};

struct worker_run {
	uint32_t count;	 /* of loads, in every thread */
	uint32_t marks;	 /* bracket every load with marker system calls, for a tracer */
	uint32_t proofs; /* of the first so many loads, judge the freshness over all their bytes */
	uint32_t group;	 /* so many loads back to back are stamped as one, its phases unknown; 0 = 1
			  */
};

/* The markers: prctl(WORKER_MARK, enum worker_mark), an option no kernel knows. Between PAUSE and
 * RESUME the worker judges what it has loaded. */
#define WORKER_MARK 0x736f6c64 /* "sold" */
enum worker_mark { WORKER_MARK_LOAD = 1, WORKER_MARK_PAUSE, WORKER_MARK_RESUME, WORKER_MARK_DONE };

/* Followed by `count` loads, those of the threads in turns: the first of each, the second … After
 * one that failed, those its thread did not come to have the result -ECANCELED. */
struct worker_batch {
	uint32_t count, wanted;
};

enum worker_load_flag {
	WORKER_KNOWN_BEFORE = 1, /* the linker answered with an image it already had */
	WORKER_HIT = 2,		 /* answered from a kept image, on purpose */
	WORKER_CHECKED = 4,	 /* `freshness` is a verdict over bytes and inodes */
	WORKER_CALLED = 8,
	WORKER_COLD = 16, /* what the linker opened was on the disk alone */
};

/* One load. Followed by phase_count uint64_t, the nanoseconds per phase, CHECK among them. */
struct worker_load {
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t cpu_ns;   /* of the thread, the harness's checks included */
	uint64_t load_bytes;
	int32_t minflt, majflt, nvcsw, nivcsw; /* of the load, its checks left out */
	int32_t cpu;
	int32_t result;	    /* 0, or the negative errno the load or the lookup failed with */
	uint32_t flags;	    /* enum worker_load_flag */
	uint32_t freshness; /* enum freshness */
	uint32_t phase;	    /* the one it failed in */
	uint32_t group;	    /* so many loads, if more than 1: times and faults are their sums */
	char staged_at[WORKER_PATH_BYTES];
	char text[WORKER_TEXT_BYTES]; /* why it failed or is stale, or the loader's note */
	/* Since version 3; 0 from an older worker. */
	uint64_t user_ns,
		system_ns; /* of cpu_ns, as the kernel divides it: exact in the long run */
};

#define WORKER_LOAD_BYTES_OLDEST offsetof(struct worker_load, user_ns)

/* What the client can still read when the worker has crashed, hangs or was killed. */
struct worker_shared {
	volatile uint32_t phase; /* enum phase of that build */
	volatile uint32_t loads; /* begun so far */
	uint32_t staged_bytes;	 /* sizeof(staged) of that build */
	uint32_t padding;
	struct staged_list staged;
};

#define WORKER_SHARED_BYTES 65536
_Static_assert(sizeof(struct worker_shared) <= WORKER_SHARED_BYTES, "the staged list has grown");

#endif
