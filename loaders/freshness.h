/*
 * Freshness: is what answers made from the bytes that were sent? Judged after a load, never timed
 * as part of one, and never taken on trust: the mapped file's inode is compared with the staged
 * one, and every byte of the segments that nothing may write with the bytes of the object.
 */
#ifndef SOLOAD_LOADERS_FRESHNESS_H
#define SOLOAD_LOADERS_FRESHNESS_H

#include "loaders/loader.h"
#include "loaders/mapped_id.h"

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
	uint64_t compared_bytes; /* of memory, found equal */
	dev_t mapped_dev;	 /* what is mapped at the object's base; ino 0 = anonymous memory */
	ino_t mapped_ino;
	/* Where other bytes answer, the GNU build-id of what they are part of; no bytes: unknown.
	 */
	unsigned char answers[MAPPED_ID_BYTES];
	uint32_t answers_bytes;
	char reason[160]; /* one sentence, always set */
};

/*
 * Judges an image that is loaded, by comparing. Allocates nothing, takes tens of microseconds and
 * touches every page of code, so call it after the first call of the object and in PHASE_CHECK.
 *
 * Only code and constants are compared: an object that differs in nothing but its writable data, or
 * in what its constructors did, is beyond it.
 */
void freshness_check(const struct image *image, struct freshness_verdict *ret_verdict);

/*
 * The same judgement without touching the object's pages where the file that was written for this
 * load is the file that is mapped and no older image is known: for loops whose unload is timed,
 * since pages touched here would have to be unmapped there. Compares like freshness_check() when
 * that proof is not to be had.
 */
void freshness_check_quick(const struct image *image, struct freshness_verdict *ret_verdict);

#endif
