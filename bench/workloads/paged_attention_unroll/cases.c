/*
 * The cases of paged_attention_unroll and the arrays they consist of. Case1 to Case3 have
 * upstream's shapes; `small` is the quick one, chosen so that a lone token, a partly filled last
 * block, a full group of blocks and a second group all occur.
 */
#include "bench/workloads/paged_attention_unroll/pa.h"

#include "bench/workloads/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct pa_shape small = { 4, 16, 128, 128, { 1, 1000, 8192, 8320 } };
static const struct pa_shape case1 = { 256, 16, 128, 128, { 8192 } };
static const struct pa_shape case2 = { 64, 64, 128, 64, { 8192 } };
static const struct pa_shape case3 = { 64, 64, 256, 64, { 8192 } };

static const struct workload_case cases[] = {
	{ "small", "4 sequences of 1, 1000, 8192 and 8320 tokens, 16 heads of 128", &small },
	{ "Case1", "256 sequences of 8192 tokens, 16 heads of 128, blocks of 128", &case1 },
	{ "Case2", "64 sequences of 8192 tokens, 64 heads of 128, blocks of 64", &case2 },
	{ "Case3", "64 sequences of 8192 tokens, 64 heads of 256, blocks of 64", &case3 },
	{ NULL, NULL, NULL },
};

/* Sizes that follow from a shape and the context lengths. */
struct extent {
	uint64_t blocks_per_sequence, total_blocks, table_width;
	uint64_t query_elements, cache_elements;
};

static int lengths_build(struct workload_data *data, const struct pa_shape *shape,
			 const struct workload_request *request, struct err *err)
{
	const uint32_t *pattern = request->context_lens;
	uint32_t count = request->context_count;

	if (!pattern || count == 0) {
		pattern = shape->contexts;
		for (count = 1; count < PA_CASE_CONTEXTS_MAX && pattern[count]; count++)
			;
	}
	for (uint32_t i = 0; i < count && i < shape->batch; i++) {
		if (pattern[i] < 1 || pattern[i] > PA_MODEL_LENGTH_MAX)
			return err_set(err, EINVAL,
				       "context length %u is not within 1 to %d tokens", pattern[i],
				       PA_MODEL_LENGTH_MAX);
	}
	data->lengths = calloc(shape->batch, sizeof(*data->lengths));
	if (!data->lengths)
		return err_set(err, ENOMEM, "out of memory");
	data->length_count = shape->batch;
	for (uint32_t i = 0; i < shape->batch; i++)
		data->lengths[i] = pattern[i % count];
	return 0;
}

static struct extent extent_of(const struct pa_shape *shape, const struct workload_data *data)
{
	struct extent extent = { .table_width = PA_MODEL_LENGTH_MAX / shape->block };
	uint32_t longest = 0;

	for (uint32_t i = 0; i < data->length_count; i++) {
		if (data->lengths[i] > longest)
			longest = data->lengths[i];
	}
	extent.blocks_per_sequence = (longest + shape->block - 1) / shape->block;
	extent.total_blocks = shape->batch * extent.blocks_per_sequence;
	extent.query_elements = (uint64_t)shape->batch * shape->heads * shape->head_dim;
	extent.cache_elements = extent.total_blocks * shape->block * shape->head_dim;
	return extent;
}

/* What the graph will consist of, for messages and for figures per task. */
static void work_count(struct workload_data *data, const struct pa_shape *shape)
{
	uint64_t q_tile = shape->heads < PA_Q_TILE_MAX ? shape->heads : PA_Q_TILE_MAX;
	uint64_t q_loop = (shape->heads + q_tile - 1) / q_tile;

	for (uint32_t i = 0; i < data->length_count; i++) {
		uint64_t blocks = (data->lengths[i] + shape->block - 1) / shape->block;
		uint64_t groups = (blocks + PA_GROUP_BLOCKS - 1) / PA_GROUP_BLOCKS;

		data->tasks += q_loop * (1 + 4 * groups);
		data->macs += 2 * blocks * shape->block * shape->heads * shape->head_dim;
	}
}

static int arg_array(struct workload_data *data, enum device_arg_kind kind, uint64_t bytes,
		     struct err *err)
{
	struct device_arg *arg = &data->args[data->arg_count];

	*arg = (struct device_arg){ .kind = kind, .bytes = array_new(bytes), .size = bytes };
	if (!arg->bytes)
		return err_set(err, ENOMEM, "out of memory for an array of %llu bytes",
			       (unsigned long long)bytes);
	data->arg_count++;
	data->bytes += bytes;
	return 0;
}

static void arg_scalar(struct workload_data *data, uint64_t scalar)
{
	data->args[data->arg_count++] =
		(struct device_arg){ .kind = DEVICE_ARG_SCALAR, .scalar = scalar };
}

static int args_allocate(struct workload_data *data, const struct pa_shape *shape,
			 const struct extent *extent, struct err *err)
{
	const uint64_t bf16 = sizeof(uint16_t);
	const uint64_t bytes[] = {
		[PA_QUERY] = extent->query_elements * bf16,
		[PA_KEY_CACHE] = extent->cache_elements * bf16,
		[PA_VALUE_CACHE] = extent->cache_elements * bf16,
		[PA_BLOCK_TABLE] = shape->batch * extent->table_width * sizeof(int32_t),
		[PA_CONTEXT_LENS] = shape->batch * sizeof(int32_t),
		[PA_OUT] = extent->query_elements * sizeof(float),
		[PA_CONFIG] = PA_CONFIG_COUNT * sizeof(int64_t),
	};
	uint64_t total = 0;
	int r;

	for (int i = PA_QUERY; i <= PA_CONFIG; i++)
		total += bytes[i];
	r = array_check_memory(total, data->which->name, err);
	if (r < 0)
		return r;
	for (int i = PA_QUERY; i <= PA_CONFIG; i++) {
		r = arg_array(data, i == PA_OUT ? DEVICE_ARG_INOUT : DEVICE_ARG_INPUT, bytes[i],
			      err);
		if (r < 0)
			return r;
	}
	for (int i = PA_QUERY; i <= PA_VALUE_CACHE; i++)
		arg_scalar(data, bytes[i]);
	return 0;
}

static void args_fill(struct workload_data *data, const struct pa_shape *shape,
		      const struct extent *extent, const struct workload_request *request)
{
	struct array_fill fill = { .seed = data->seed,
				   .threads = data->threads,
				   .progress = request };
	int32_t *lengths = data->args[PA_CONTEXT_LENS].bytes;
	int64_t *config = data->args[PA_CONFIG].bytes;
	const float scale = 1.0f;
	uint32_t scale_bits;

	fill.what = "query";
	fill.stream = PA_QUERY;
	array_fill_bf16(data->args[PA_QUERY].bytes, extent->query_elements, 0.5f, &fill);
	fill.what = "key cache";
	fill.stream = PA_KEY_CACHE;
	array_fill_bf16(data->args[PA_KEY_CACHE].bytes, extent->cache_elements, 0.5f, &fill);
	fill.what = "value cache";
	fill.stream = PA_VALUE_CACHE;
	array_fill_bf16(data->args[PA_VALUE_CACHE].bytes, extent->cache_elements, 1.0f, &fill);
	fill.what = "block table";
	fill.stream = PA_BLOCK_TABLE;
	array_fill_below(data->args[PA_BLOCK_TABLE].bytes, shape->batch * extent->table_width,
			 (uint32_t)extent->total_blocks, &fill);
	for (uint32_t i = 0; i < shape->batch; i++)
		lengths[i] = (int32_t)data->lengths[i];

	memcpy(&scale_bits, &scale, sizeof(scale_bits));
	config[PA_BATCH] = shape->batch;
	config[PA_HEADS] = shape->heads;
	config[PA_KV_HEADS] = 1;
	config[PA_HEAD_DIM] = shape->head_dim;
	config[PA_BLOCK_SIZE] = shape->block;
	config[PA_BLOCK_NUM] = (int64_t)extent->table_width;
	config[PA_SCALE_BITS] = scale_bits;
}

static int pa_build(struct workload_data *data, const struct workload_request *request,
		    struct err *err)
{
	const struct pa_shape *shape = data->which->shape;
	struct extent extent;
	int r;

	r = lengths_build(data, shape, request, err);
	if (r < 0)
		return r;
	extent = extent_of(shape, data);
	work_count(data, shape);
	r = args_allocate(data, shape, &extent, err);
	if (r < 0)
		return r;
	data->output = PA_OUT;
	args_fill(data, shape, &extent, request);
	return 0;
}

#define OBJECTS(suffix) \
	(const char *const[]) \
	{ \
		"pa_unroll" suffix "_cxx_nounique.so", "pa_unroll" suffix "_cxx.so", \
			"pa_unroll" suffix ".so", NULL \
	}

static const struct workload_variant variants[] = {
	{ "", pa_linked, OBJECTS("") },
	{ "_abg", pa_linked_abg, OBJECTS("_abg") },
	{ "_a5", pa_linked_a5, OBJECTS("_a5") },
	{ "_hbg", pa_linked_none, OBJECTS("_hbg") },
	{ NULL, NULL, NULL },
};

const struct workload workload_paged_attention_unroll = {
	.name = "paged_attention_unroll",
	.summary = "attention over a paged key-value cache, 64 blocks per task",
	.cases = cases,
	.kernels = pa_kernels,
	.variants = variants,
	.tolerance = 1e-3f,
	.build = pa_build,
	.golden = pa_golden,
};
