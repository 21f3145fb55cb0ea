/*
 * Tensors as the runtime sees them: which elements of a buffer a view covers, whether two views
 * overlap, and where a view starts.
 */
#ifndef SOLOAD_DEVICE_RUNTIME_TENSOR_H
#define SOLOAD_DEVICE_RUNTIME_TENSOR_H

#include "device/abi.h"

#include <stdint.h>

/* A view with everything filled in that abi_tensor's flags may leave unset. 80 bytes. */
struct region {
	uint64_t addr;
	int32_t version;
	uint32_t dtype;
	uint32_t ndims;
	uint32_t shapes[ABI_DIMS_MAX];
	uint32_t raw[ABI_DIMS_MAX]; /* extents of the whole buffer */
	uint32_t offsets[ABI_DIMS_MAX];
};

enum overlap {
	OVERLAP_NONE,
	OVERLAP_COVERED, /* the later view contains every element of the earlier one */
	OVERLAP_OTHER,	 /* some elements, or too different to tell */
};

/* `tensor` has at most ABI_DIMS_MAX dimensions and a known dtype. */
struct region region_of(const struct abi_tensor *tensor);

/*
 * Views of the same base address. A later version of the buffer always depends: OTHER. With equal
 * layouts the views are compared dimension by dimension; views that slice the buffer differently
 * are compared by the first and last byte they touch.
 */
enum overlap region_overlap(const struct region *later, const struct region *earlier);

/* In elements, from raw_shapes and offsets; saturates instead of wrapping. */
uint64_t tensor_start_offset(const struct abi_tensor *tensor);

/* Bytes of an element, 0 for an unknown dtype. */
unsigned int tensor_dtype_bytes(uint32_t dtype);

#endif
