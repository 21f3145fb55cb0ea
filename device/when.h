/*
 * The life cycle of an object on the device: when it is loaded, and for how long. Two questions
 * with two answers each:
 *
 *                      loaded again for every run   kept until it changes
 *   within the run     per-run (simpler at 78f0869) once (pypto)
 *   before the run     prewarm                      register
 */
#ifndef SOLOAD_DEVICE_WHEN_H
#define SOLOAD_DEVICE_WHEN_H

#include "base/err.h"

#include <stdbool.h>

struct device_when {
	const char *name;
	const char *summary; /* one line for `soload list` */
	bool early;	     /* of the run: the run itself only finds it there */
	bool kept;	     /* after the run, until its place is given to another content */
};

/* Ends with a NULL name; the first is the default. */
extern const struct device_when device_whens[];

/* NULL and a sentence when there is none: an unknown name suggests the nearest. */
const struct device_when *device_when_find(const char *name, struct err *err);

#endif
