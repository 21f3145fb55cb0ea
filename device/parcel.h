/*
 * Parcels: an object as it travels when every byte counts. What no loader maps stays at home (debug
 * information, symbol tables, section headers), and so do runs of zeros, which are put back where
 * the parcel is opened. What is put back is the trimmed object: its segments, program headers and
 * build-id are where they were, so every loader takes it for the object it came from.
 */
#ifndef SOLOAD_DEVICE_PARCEL_H
#define SOLOAD_DEVICE_PARCEL_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PARCEL_MAGIC 0x6c637270u
#define PARCEL_ZEROS_MIN 64 /* a run shorter than this travels: naming it costs 16 bytes */

/* On the wire: head, pieces in ascending order, then the bytes of all pieces without a gap. */
struct parcel_head {
	uint32_t magic, piece_count;
	uint64_t object_bytes; /* of the trimmed object */
};

struct parcel_piece {
	uint64_t offset, bytes; /* in the trimmed object */
};

struct parcel_size {
	size_t bytes;	     /* on the wire */
	size_t object_bytes; /* of the trimmed object */
};

/* No parcel of an object of that size is longer. */
size_t parcel_bytes_max(size_t object_bytes);

/*
 * Packs an object into `parcel`, which has parcel_bytes_max() bytes. Bytes that are no shared
 * object travel whole, but for their zeros: what they are is for a loader to judge. -ENOMEM is the
 * only failure.
 */
int parcel_pack(const void *object, size_t size, void *parcel, struct parcel_size *ret_size,
		struct err *err);

/*
 * Opens a parcel into `object_bytes` bytes at `object`. -EBADMSG in words when anything in it does
 * not add up; it may change meanwhile without harm.
 */
int parcel_unpack(const void *parcel, size_t bytes, void *object, size_t object_bytes,
		  struct err *err);

#endif
