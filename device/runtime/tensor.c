/* Interval arithmetic on views. Extents come from a foreign object: sums are made in 64 bits and
 * products saturate. */
#include "device/runtime/tensor.h"

#include <string.h>

unsigned int tensor_dtype_bytes(uint32_t dtype)
{
	static const unsigned char bytes[] = {
		[ABI_F32] = 4, [ABI_F16] = 2, [ABI_I32] = 4,  [ABI_I16] = 2, [ABI_I8] = 1,
		[ABI_U8] = 1,  [ABI_I64] = 8, [ABI_BF16] = 2, [ABI_U64] = 8,
	};

	return dtype < sizeof(bytes) ? bytes[dtype] : 0;
}

struct region region_of(const struct abi_tensor *tensor)
{
	struct region region = {
		.addr = tensor->addr,
		.version = tensor->version,
		.dtype = tensor->dtype,
		.ndims = tensor->ndims,
	};
	size_t bytes = tensor->ndims * sizeof(uint32_t);

	memcpy(region.shapes, tensor->shapes, bytes);
	memcpy(region.raw, tensor->is_raw_eq_shapes ? tensor->shapes : tensor->raw_shapes, bytes);
	if (!tensor->is_all_offset_zero)
		memcpy(region.offsets, tensor->offsets, bytes);
	return region;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* The element at `at`, counted through a buffer of the region's raw extents. */
static uint64_t region_element(const struct region *region, const uint64_t *at)
{
	uint64_t element = 0, stride = 1;
	uint32_t d;

	for (d = region->ndims; d-- > 0;) {
		element = add(element, multiply(at[d], stride));
		stride = multiply(stride, region->raw[d]);
	}
	return element;
}

/* The bytes a view touches lie in [first, end). False when it has no elements. */
static bool region_bytes(const struct region *region, uint64_t *ret_first, uint64_t *ret_end)
{
	uint64_t first[ABI_DIMS_MAX] = { 0 }, last[ABI_DIMS_MAX] = { 0 };
	unsigned int bytes = tensor_dtype_bytes(region->dtype);
	uint32_t d;

	for (d = 0; d < region->ndims; d++) {
		if (region->shapes[d] == 0)
			return false;
		first[d] = region->offsets[d];
		last[d] = (uint64_t)region->offsets[d] + region->shapes[d] - 1;
	}
	*ret_first = multiply(region_element(region, first), bytes);
	*ret_end = add(multiply(region_element(region, last), bytes), bytes);
	return true;
}

static enum overlap overlap_bytes(const struct region *later, const struct region *earlier)
{
	uint64_t later_first, later_end, earlier_first, earlier_end;

	if (!region_bytes(later, &later_first, &later_end) ||
	    !region_bytes(earlier, &earlier_first, &earlier_end))
		return OVERLAP_NONE;
	if (later_first >= earlier_end || earlier_first >= later_end)
		return OVERLAP_NONE;
	return OVERLAP_OTHER;
}

/* The outermost raw extent does not enter any stride: buffers that differ there alone are laid out
 * alike. */
static bool layout_equal(const struct region *a, const struct region *b)
{
	if (a->ndims != b->ndims || a->dtype != b->dtype)
		return false;
	return a->ndims < 2 ||
	       memcmp(a->raw + 1, b->raw + 1, (a->ndims - 1) * sizeof(a->raw[0])) == 0;
}

enum overlap region_overlap(const struct region *later, const struct region *earlier)
{
	enum overlap overlap = OVERLAP_COVERED;
	uint32_t d;

	if (later->version > earlier->version)
		return OVERLAP_OTHER;
	if (!layout_equal(later, earlier))
		return overlap_bytes(later, earlier);
	for (d = 0; d < later->ndims; d++) {
		uint64_t later_end = (uint64_t)later->offsets[d] + later->shapes[d];
		uint64_t earlier_end = (uint64_t)earlier->offsets[d] + earlier->shapes[d];

		if (later->shapes[d] == 0 || earlier->shapes[d] == 0 ||
		    later->offsets[d] >= earlier_end || earlier->offsets[d] >= later_end)
			return OVERLAP_NONE;
		if (later->offsets[d] > earlier->offsets[d] || later_end < earlier_end)
			overlap = OVERLAP_OTHER;
	}
	return overlap;
}

uint64_t tensor_start_offset(const struct abi_tensor *tensor)
{
	uint64_t at[ABI_DIMS_MAX] = { 0 };
	struct region region;
	uint32_t d;

	if (tensor->is_all_offset_zero)
		return 0;
	region = region_of(tensor);
	for (d = 0; d < region.ndims; d++)
		at[d] = region.offsets[d];
	return region_element(&region, at);
}
