/*
 * Workloads: what runs on the modelled device. A workload is one orchestration object, its kernels,
 * cases by name, and a golden that computes the expected output a second, independent way.
 *
 * To add one: a folder with a `const struct workload workload_<id>` and a line in workloads.def.
 */
#ifndef SOLOAD_BENCH_WORKLOADS_WORKLOAD_H
#define SOLOAD_BENCH_WORKLOADS_WORKLOAD_H

#include "base/err.h"
#include "device/args.h"
#include "loaders/loader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called now and then, always by the thread that asked; `done` of `total` is of no particular unit.
 */
typedef void (*workload_progress)(void *context, const char *what, uint64_t done, uint64_t total);

/* What to build. Zeroes are the defaults. */
struct workload_request {
	const char *case_name;	      /* NULL = the workload's first case */
	const uint32_t *context_lens; /* tokens per sequence, cycled or cut to the batch; NULL = the
					 case's own */
	uint32_t context_count;
	uint64_t seed;	      /* equal seeds build equal arrays on every machine */
	unsigned int threads; /* 0 = one per processor */
	workload_progress progress;
	void *progress_context;
};

/* Arrays of one case. Owned by whoever called workload_build(), freed by workload_free(). */
struct workload_data {
	const struct workload *workload;
	const struct workload_case *which;
	struct device_arg args[ABI_HOST_ARGS_MAX]; /* in upstream's order; bytes are owned here */
	int arg_count;
	int output;	   /* the index in args of the array the golden judges: f32 */
	uint64_t bytes;	   /* of all arrays together: what the host copies to the device */
	uint64_t tasks;	   /* that the graph submits */
	uint64_t macs;	   /* multiply-accumulates of all its kernels */
	uint32_t *lengths; /* context length per sequence */
	uint32_t length_count;
	uint64_t seed;
	unsigned int threads;
	float *expected; /* the golden's output, computed by the first workload_check() */
	bool shared;	 /* made by workload_share() */
};

/* How an output compares with the golden. */
struct workload_verdict {
	uint64_t elements, within; /* passed when equal and not 0 */
	uint64_t worst_index;	   /* the element furthest outside (or nearest to the edge) */
	float worst_got, worst_expected;
};

struct workload_case {
	const char *name;
	const char *summary; /* one line for `soload list` */
	const void *shape;   /* the workload's own */
};

/* What a workload has for one variant of the flow. */
struct workload_variant {
	const char *suffix;		/* device_variant.object_suffix */
	const struct so_symbol *linked; /* the orchestration as linked into this program */
	const char *const *objects;	/* file names under build/objects/, default first,
					   NULL-terminated */
};

struct workload {
	const char *name;
	const char *summary;
	const struct workload_case *cases;   /* ends with a NULL name; the first is the default */
	const struct device_kernel *kernels; /* ends with a NULL name */
	const struct workload_variant *variants; /* ends with a NULL suffix; the first is a2a3
						    tensormap_and_ringbuffer's */
	float tolerance;			 /* both relative and absolute */

	/* Called by the functions below, which do what is common to all workloads. */
	int (*build)(struct workload_data *data, const struct workload_request *request,
		     struct err *err);
	int (*golden)(const struct workload_data *data, const struct workload_request *progress,
		      float *ret_expected, struct err *err);
};

/* All workloads in the order of workloads.def, NULL-terminated. */
extern const struct workload *const workloads[];

/* By name; NULL is the first. An unknown name suggests the nearest: NULL and a sentence. */
const struct workload *workload_find(const char *name, struct err *err);

/* What it has for a variant, by suffix: NULL and a sentence when that is nothing. */
const struct workload_variant *workload_variant_find(const struct workload *workload,
						     const char *suffix, struct err *err);

/*
 * Builds the arrays of a case. -EINVAL for an unknown case or a context length that does not fit,
 * -ENOMEM with sizes in words when the machine cannot hold the arrays on host and device.
 */
int workload_build(struct workload_data *ret_data, const struct workload *workload,
		   const struct workload_request *request, struct err *err);
void workload_free(struct workload_data *data); /* zeroed data is fine */

/*
 * The same case for another device: inputs, lengths and the golden's output, which workload_check()
 * must have computed, are those of `of`, which outlives it; arrays that a device writes are its
 * own. Freed by workload_free().
 */
int workload_share(struct workload_data *ret_data, const struct workload_data *of, struct err *err);

/* Zeroes what the device writes, so that the next round cannot pass with an old output. */
void workload_reset(struct workload_data *data);

/*
 * Compares the output array with the golden, which is computed once and kept. `progress` may be
 * NULL; only its progress members are read. Returns 0 when it could judge, whatever the verdict.
 */
int workload_check(struct workload_data *data, const struct workload_request *progress,
		   struct workload_verdict *ret_verdict, struct err *err);
bool workload_passed(const struct workload_verdict *verdict);

#endif
