/*
 * The host: starts a modelled device and has it run an orchestration, in upstream's order.
 *
 * A device is one AICPU process (this program, executed again, or a build for another architecture)
 * with one loader and one transport. Several devices may be open on one device memory; they run one
 * at a time. Devices on memories of their own, with DMA engines of their own, may run at once, each
 * by a thread. Whatever happens in the AICPU — a bad object, a crash, a constructor that never
 * returns — comes back as one sentence and the phase it happened in, and the next round starts a
 * fresh process.
 */
#ifndef SOLOAD_DEVICE_HOST_H
#define SOLOAD_DEVICE_HOST_H

#include "base/err.h"
#include "base/timeline.h"
#include "device/args.h"
#include "device/dma.h"
#include "device/memory.h"
#include "device/runtime/runtime.h"
#include "device/transport.h"
#include "device/variant.h"
#include "device/when.h"
#include "loaders/freshness.h"
#include "loaders/staged.h"

#include <stdbool.h>
#include <sys/types.h>

#define DEVICE_THREADS_MAX 7	/* AICPU threads of any variant */
#define DEVICE_CALLABLES_MAX 64 /* objects on a device, as in simpler's table of callables */
#define DEVICE_SPANS_MAX 64	/* per lane and round; what does not fit is counted as dropped */
#define DEVICE_TIMEOUT_NS UINT64_C(10000000000)

/* An object as the host knows it: a private copy with its identity. */
struct device_object {
	struct so so;
	uint64_t register_ns; /* hashing the content, once */
};

/* Copies the bytes and hashes the copy: equal contents get equal identities, in every process.
 * `path` and `linked` are kept as they are. */
int device_object_register(struct device_object *ret_object, const struct so *so, struct err *err);
void device_object_release(struct device_object *object); /* zeroed is fine */

struct device_options {
	const char *loader;  /* "NAME[:KEY[=VALUE]]…" */
	const char *program; /* of the AICPU, whose kernels and linked functions it has */
	/* What to execute as AICPU: a build of this program, before it an emulator if it needs one.
	 * Ends with NULL and outlives the device. NULL: this program. */
	const char *const *command;
	const struct device_variant *variant; /* NULL: the first */
	const struct transport *transport;
	const struct device_when *when; /* NULL: the first */
	struct dma *dma;		/* of the same memory; shared, too */
	enum runtime_pools pools;
	uint64_t timeout_ns;	 /* without any progress of the AICPU; 0 = DEVICE_TIMEOUT_NS */
	bool incoherent;	 /* the AICPU invalidates what DMA brought */
	bool shared_directories; /* the AICPU stages in the machine's own directories */
	/*
	 * For the dies of one chip, which share a file system: the process number in the names of
	 * staged files, the same for each of them (0: the AICPU's own, and nothing is shared); and,
	 * but for the first, the device that was opened before.
	 */
	int chip;
	struct device *beside;
	int (*interrupted)(void); /* not 0: every wait ends with -EINTR. May be NULL */
};

struct device;

/*
 * Starts the AICPU and waits until its loader is ready. A loader that is not available here is an
 * error with the reason. `memory` is shared with other devices and outlives them all.
 */
int device_open(struct device **ret_device, struct memory *memory,
		const struct device_options *options, struct err *err);
void device_close(struct device *device); /* NULL is fine */

/*
 * Starts an AICPU that has ended anew, which device_run() would do by itself: for devices of one
 * chip, whose AICPUs must start one after the other. The next result says that it was restarted.
 */
int device_revive(struct device *device, struct err *err);

/* Where the AICPU stages files: "its own directories", or why it uses the machine's. Static or
 * owned by the device. */
const char *device_directories(const struct device *device);

/* The process that runs now, or 0. */
pid_t device_process(const struct device *device);

/* The AICPU's clock between two looks at CLOCK_MONOTONIC: `device` was read in between. */
struct device_stamp {
	uint64_t before_ns, device, after_ns;
};

#define DEVICE_STAMPS 64

/* So many stamps, between two rounds. Whoever asks at the beginning and at the end can lay the two
 * clocks over each other (probes/align.h). */
int device_stamps(struct device *device, struct device_stamp *ret_stamps, struct err *err);

/* What `device` counts: CLOCK_MONOTONIC as the AICPU sees it, or the counter of base/clock.h. */
bool device_clock_is_ns(const struct device *device);

/* What to run; everything is the caller's and outlives the round. Where an object was given up in
 * the host (device/host_guard.h), what it was given outlives everything. */
struct device_job {
	const struct device_object *object;
	unsigned int callable; /* the object's place on the device, for life cycles that keep it */
	const struct device_arg *args;
	int arg_count;
	const struct device_kernel *kernels; /* ends with a NULL name */
};

/* A lane that has ended. Its `time.spans` points to `spans`: copy both together. */
struct device_lane {
	const char *name; /* "host", "aicpu0" … "aicpu6" */
	struct timeline time;
	struct span spans[DEVICE_SPANS_MAX];
};

enum device_failure {
	DEVICE_OK,
	DEVICE_REFUSED, /* the host would not start: nothing was run */
	DEVICE_FAILED,	/* the AICPU answered with an error and goes on */
	DEVICE_CRASHED, /* a signal, or the process ended */
	DEVICE_TIMEOUT, /* no progress; the process was ended */
	DEVICE_INTERRUPTED,
};

/* What the host did to the object before it was sent, for a device that told where it will lie. */
struct device_ahead {
	uint64_t base;	    /* it is relocated for, 0 = as it was */
	uint64_t relatives; /* relocations the host computed */
	uint64_t ns;	    /* once per object and device: check, copy, relocate, hash */
	char reason[160];   /* why it was sent as it was, or lies elsewhere than asked; "" = none */
};

#define DEVICE_LANE_HOST DEVICE_THREADS_MAX /* the index of the host's lane */

/* What a round came to. About 12 KiB: allocate once. */
struct device_result {
	enum device_failure failure;
	enum phase failed_phase; /* of the lane that failed */
	unsigned int threads;	 /* lanes of the AICPU; the last of them loads */
	struct device_lane lanes[DEVICE_THREADS_MAX + 1];
	struct device_lane early; /* of the AICPU's loading thread before the run; no spans: none */
	struct dma_totals dma_args, dma_object,
		dma_back;	    /* dma_object: Runtime struct and object */
	uint64_t device_ticks;	    /* from the doorbell to the completion */
	struct image_report report; /* texts are in this struct */
	struct freshness_verdict verdict;
	char staged_at[STAGED_PATH_BYTES], note[160];
	struct runtime_counters counters;
	struct device_ahead ahead;
	uint64_t tasks;	       /* executed */
	int64_t minflt;	       /* page faults of load and unload, on the thread that does both */
	uint64_t lines;	       /* of its cache that the AICPU invalidated, if it is incoherent */
	int32_t expected_args; /* what the object said; 0 = it has no config symbol */
	bool restarted;	       /* this round had to start a new AICPU */
};

/*
 * One round: 0, or a negative errno with one sentence; `ret_result` is set in either case, with the
 * lanes that could still be read. After a failed one the device has the object no more. -ENOENT
 * when the device's life cycle wants objects registered and this one is not.
 */
int device_run(struct device *device, const struct device_job *job,
	       struct device_result *ret_result, struct err *err);

/*
 * Sends an object and has it loaded into the place `callable`, where later rounds find it; what was
 * there is unloaded. As device_run(): the load is in lane `early`, what the host did in its own.
 * For life cycles that keep objects.
 */
int device_register(struct device *device, const struct device_object *object,
		    unsigned int callable, struct device_result *ret_result, struct err *err);

/* Has the place emptied: the unload is in lane `early`. An empty one stays so. */
int device_unregister(struct device *device, unsigned int callable,
		      struct device_result *ret_result, struct err *err);

/* Is this content in that place now? False after the AICPU ended, for whatever reason. */
bool device_has(struct device *device, const struct device_object *object, unsigned int callable);

#endif
