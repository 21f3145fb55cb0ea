/*
 * Freshness: is what answers made from the bytes that were sent? Judged after a load, never timed
 * as part of one, and never taken on trust: the mapped file's inode is compared with the staged
 * one, and every byte of the segments that nothing may write with the bytes of the object.
 */
#ifndef SOLOAD_LOADERS_FRESHNESS_H
#define SOLOAD_LOADERS_FRESHNESS_H

#include "loaders/loader.h"

#include <stdint.h>
#include <sys/types.h>

enum freshness {
	FRESHNESS_FRESH,   /* this load brought these bytes in */
	FRESHNESS_REUSED,  /* a kept image of the same bytes answers, on purpose */
	FRESHNESS_STALE,   /* an older image answers: of other bytes, or of the same by accident */
	FRESHNESS_UNKNOWN, /* cannot be told; `reason` says why */
};

const char *freshness_name(enum freshness freshness); /* "fresh", "reused", "stale", "unknown" */

struct freshness_verdict {
	enum freshness freshness;
	uint64_t compared_bytes; /* that were equal, or up to the first difference */
	dev_t mapped_dev;	 /* what is mapped at the object's base; ino 0 = anonymous memory */
	ino_t mapped_ino;
	char reason[160]; /* one sentence, always set */
};

/*
 * Judges an image that is loaded. Allocates nothing; takes tens of microseconds (it reads
 * /proc/self/maps), so enter PHASE_CHECK first. Only code and constants are compared: an object
 * that differs in nothing but its writable data or in what its constructors did is beyond it.
 */
void freshness_check(const struct image *image, struct freshness_verdict *ret_verdict);

#endif
