/*
 * The variants of simpler's flow that are modelled: a runtime on a platform, with the sizes,
 * threads and entries it has at 78f0869. What differs between them is data here, and an operations
 * table in device/runtime/; nothing else asks which one it is.
 */
#ifndef SOLOAD_DEVICE_VARIANT_H
#define SOLOAD_DEVICE_VARIANT_H

#include "base/err.h"
#include "device/runtime/runtime.h"

/* How upstream's threads tell when they began and ended: */
enum device_log {
	DEVICE_LOG_LINES,      /* each in one line, with its cost */
	DEVICE_LOG_COST,       /* the orchestrator its begin and cost, schedulers their end */
	DEVICE_LOG_APART,      /* every figure in a line of its own */
	DEVICE_LOG_SCHEDULERS, /* as the first, but of schedulers alone */
};

struct device_variant {
	const char *platform, *runtime;
	const char *summary;	   /* one line for `soload list` */
	const char *object_suffix; /* of a workload's objects: "pa_unroll" + suffix + ".so" */
	const struct runtime_variant *operations;
	unsigned int threads;	 /* of the AICPU that stay; the last one loads */
	unsigned int workers;	 /* AI cores, each with a mailbox in the Runtime struct */
	unsigned int aic;	 /* of them; the others are AIV */
	unsigned int counter_ns; /* one tick of the system counter */
	enum device_log log;
	bool has_bind;	  /* the entry finds its runtime through the bind symbol */
	bool host_builds; /* the host loads and orchestrates; nothing to transport */
};

/* Ends with a NULL platform; the first is the default. */
extern const struct device_variant device_variants[];

/* NULL and a sentence when there is none: an unknown name suggests the nearest. */
const struct device_variant *device_variant_find(const char *platform, const char *runtime,
						 struct err *err);

/* Its place in device_variants, and back: NULL when there is none. */
int device_variant_index(const struct device_variant *variant);
const struct device_variant *device_variant_at(int index);

static inline unsigned int device_variant_schedulers(const struct device_variant *variant)
{
	return variant->threads - 1;
}

#endif
