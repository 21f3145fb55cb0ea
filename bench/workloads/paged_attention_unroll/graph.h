/*
 * The graph of paged_attention_unroll, free of how it is submitted: included by each orchestration
 * source, which says in a struct pa_builder how a task is submitted and, where the runtime does not
 * find out by itself, who depends on whom.
 *
 * Per sequence and tile of query heads, in a scope of its own: one HUB task owns the accumulators;
 * then per group of up to 64 blocks QK (scores), SF (softmax), PV (weighted values), UP (merge).
 */
#ifndef SOLOAD_PAGED_ATTENTION_UNROLL_GRAPH_H
#define SOLOAD_PAGED_ATTENTION_UNROLL_GRAPH_H

#include "device/abi.h"

#define PA_GRAPH_UNROLL 64 /* blocks per group */
#define PA_GRAPH_Q_TILE 128
#define PA_GRAPH_ARGS 10

enum { PA_TASK_QK, PA_TASK_SF, PA_TASK_PV, PA_TASK_UP, PA_TASK_AIC_HUB, PA_TASK_AIV_HUB };

struct pa_builder {
	struct abi_runtime *rt;
	uint64_t (*submit)(struct abi_runtime *rt, const struct abi_kernels *kernels,
			   struct abi_param *param);
	void (*depend)(struct abi_runtime *rt, uint64_t producer, uint64_t consumer);
	void (*scope_begin)(struct abi_runtime *rt);
	void (*scope_end)(struct abi_runtime *rt);
	bool (*is_fatal)(struct abi_runtime *rt);
};

/* The arguments, as read from device memory. */
struct pa_problem {
	struct abi_tensor query, key_cache, value_cache, out;
	const int32_t *block_table, *context_lens;
	uint64_t batch, heads, head_dim, block_size, block_num, scale_bits, q_tile;
};

/* One scope's accumulators, and the task that wrote them last. */
struct pa_row {
	struct abi_tensor qi, out_view, oi, li, mi;
	uint64_t sequence, rows, length, blocks, last_writer;
};

struct pa_group {
	uint64_t first, count, last_valid; /* blocks, and tokens in the last of them */
	const int32_t *table;
	struct abi_tensor sij, pij, mij, lij, oi_new;
	uint64_t qk, sf, pv; /* tasks */
};

static struct abi_tensor pa_tensor(uint64_t addr, uint32_t dtype, uint64_t rows, uint64_t columns)
{
	struct abi_tensor tensor = {
		.addr = addr,
		.size = rows * columns * (dtype == ABI_F32 ? 4 : 2),
		.dtype = dtype,
		.ndims = 2,
		.is_all_offset_zero = true,
		.is_raw_eq_shapes = true,
		.shapes = { (uint32_t)rows, (uint32_t)columns },
	};

	return tensor;
}

/* A buffer the runtime allocates at submit. */
static struct abi_tensor pa_tensor_new(uint32_t dtype, uint64_t rows, uint64_t columns)
{
	return pa_tensor(0, dtype, rows, columns);
}

static struct abi_tensor pa_vector_new(uint64_t rows)
{
	struct abi_tensor tensor = pa_tensor(0, ABI_F32, rows, 1);

	tensor.ndims = 1;
	return tensor;
}

/* `rows` whole rows of a matrix, from row `first` on. */
static struct abi_tensor pa_view(const struct abi_tensor *whole, uint64_t first, uint64_t rows)
{
	struct abi_tensor view = *whole;

	view.raw_shapes[0] = whole->shapes[0];
	view.raw_shapes[1] = whole->shapes[1];
	view.shapes[0] = (uint32_t)rows;
	view.is_raw_eq_shapes = rows == whole->shapes[0];
	view.offsets[0] = (uint32_t)first;
	view.is_all_offset_zero = first == 0;
	return view;
}

static void pa_add(struct abi_param *param, struct abi_tensor *tensor, enum abi_kind kind)
{
	param->tensors[param->tensor_count] = tensor;
	param->kinds[param->tensor_count++] = (int32_t)kind;
}

static void pa_add_scalar(struct abi_param *param, uint64_t scalar)
{
	param->scalars[param->scalar_count++] = scalar;
}

/* Not zeroed as a whole: scalars beyond the count are nobody's. */
static void pa_param_start(struct abi_param *param)
{
	param->tensor_count = 0;
	param->scalar_count = 0;
	param->has_error = false;
	param->error_msg = NULL;
}

static uint64_t pa_submit(const struct pa_builder *builder, int32_t kernel, struct abi_param *param)
{
	bool cube = kernel == PA_TASK_QK || kernel == PA_TASK_PV;
	struct abi_kernels kernels = { cube ? kernel : -1, cube ? -1 : kernel, -1 };

	return builder->submit(builder->rt, &kernels, param);
}

static uint64_t pa_submit_hub(const struct pa_builder *builder, struct pa_row *row)
{
	struct abi_param param;

	pa_param_start(&param);
	pa_add(&param, &row->oi, ABI_OUT);
	pa_add(&param, &row->li, ABI_OUT);
	pa_add(&param, &row->mi, ABI_OUT);
	return pa_submit(builder, PA_TASK_AIV_HUB, &param);
}

static void pa_submit_qk(const struct pa_builder *builder, struct pa_problem *problem,
			 struct pa_row *row, struct pa_group *group)
{
	struct abi_param param;

	pa_param_start(&param);
	pa_add(&param, &row->qi, ABI_IN);
	pa_add(&param, &problem->key_cache, ABI_IN);
	pa_add(&param, &group->sij, ABI_OUT);
	pa_add_scalar(&param, group->count);
	pa_add_scalar(&param, (uint64_t)(uintptr_t)group->table);
	group->qk = pa_submit(builder, PA_TASK_QK, &param);
}

static void pa_submit_sf(const struct pa_builder *builder, const struct pa_problem *problem,
			 struct pa_group *group)
{
	struct abi_param param;

	pa_param_start(&param);
	pa_add(&param, &group->sij, ABI_IN);
	pa_add(&param, &group->pij, ABI_OUT);
	pa_add(&param, &group->mij, ABI_OUT);
	pa_add(&param, &group->lij, ABI_OUT);
	pa_add_scalar(&param, problem->scale_bits);
	pa_add_scalar(&param, group->count);
	pa_add_scalar(&param, group->last_valid);
	group->sf = pa_submit(builder, PA_TASK_SF, &param);
	builder->depend(builder->rt, group->qk, group->sf);
}

static void pa_submit_pv(const struct pa_builder *builder, struct pa_problem *problem,
			 struct pa_group *group)
{
	struct abi_param param;

	pa_param_start(&param);
	pa_add(&param, &group->pij, ABI_IN);
	pa_add(&param, &problem->value_cache, ABI_IN);
	pa_add(&param, &group->oi_new, ABI_OUT);
	pa_add_scalar(&param, group->count);
	pa_add_scalar(&param, (uint64_t)(uintptr_t)group->table);
	group->pv = pa_submit(builder, PA_TASK_PV, &param);
	builder->depend(builder->rt, group->sf, group->pv);
}

static void pa_submit_up(const struct pa_builder *builder, struct pa_row *row,
			 struct pa_group *group)
{
	struct abi_param param;
	uint64_t up;

	pa_param_start(&param);
	pa_add(&param, &group->mij, ABI_IN);
	pa_add(&param, &group->lij, ABI_IN);
	pa_add(&param, &group->oi_new, ABI_IN);
	pa_add(&param, &row->mi, ABI_INOUT);
	pa_add(&param, &row->li, ABI_INOUT);
	pa_add(&param, &row->oi, ABI_INOUT);
	pa_add(&param, &row->out_view, ABI_OUT);
	pa_add_scalar(&param, group->first == 0);
	pa_add_scalar(&param, group->first + group->count == row->blocks);
	up = pa_submit(builder, PA_TASK_UP, &param);
	builder->depend(builder->rt, group->sf, up);
	builder->depend(builder->rt, group->pv, up);
	builder->depend(builder->rt, row->last_writer, up);
	row->last_writer = up;
}

static void pa_build_group(const struct pa_builder *builder, struct pa_problem *problem,
			   struct pa_row *row, uint64_t first)
{
	uint64_t left = row->blocks - first;
	uint64_t count = left < PA_GRAPH_UNROLL ? left : PA_GRAPH_UNROLL;
	uint64_t last_tokens = row->length - (first + count - 1) * problem->block_size;
	struct pa_group group = {
		.first = first,
		.count = count,
		.last_valid = last_tokens < problem->block_size ? last_tokens : problem->block_size,
		.table = problem->block_table + row->sequence * problem->block_num + first,
		.sij = pa_tensor_new(ABI_F32, row->rows, count * problem->block_size),
		.pij = pa_tensor_new(ABI_BF16, row->rows, count * problem->block_size),
		.mij = pa_vector_new(row->rows),
		.lij = pa_vector_new(row->rows),
		.oi_new = pa_tensor_new(ABI_F32, row->rows, problem->head_dim),
	};

	pa_submit_qk(builder, problem, row, &group);
	pa_submit_sf(builder, problem, &group);
	pa_submit_pv(builder, problem, &group);
	pa_submit_up(builder, row, &group);
}

/* One scope: the query heads from `head` on, of one sequence. */
static void pa_build_row(const struct pa_builder *builder, struct pa_problem *problem,
			 uint64_t sequence, uint64_t head)
{
	uint64_t left = problem->heads - head, first = sequence * problem->heads + head;
	uint64_t rows = left < problem->q_tile ? left : problem->q_tile;
	int32_t length = problem->context_lens[sequence];
	struct pa_row row = {
		.qi = pa_view(&problem->query, first, rows),
		.out_view = pa_view(&problem->out, first, rows),
		.oi = pa_tensor_new(ABI_F32, rows, problem->head_dim),
		.li = pa_vector_new(rows),
		.mi = pa_vector_new(rows),
		.sequence = sequence,
		.rows = rows,
		.length = length > 0 ? (uint64_t)length : 0,
	};

	row.blocks = (row.length + problem->block_size - 1) / problem->block_size;
	builder->scope_begin(builder->rt);
	row.last_writer = pa_submit_hub(builder, &row);
	for (uint64_t block = 0; block < row.blocks; block += PA_GRAPH_UNROLL)
		pa_build_group(builder, problem, &row, block);
	builder->scope_end(builder->rt);
}

static struct pa_problem pa_problem_read(const uint64_t *args)
{
	const int64_t *config = (const int64_t *)(uintptr_t)args[6];
	struct pa_problem problem = {
		.block_table = (const int32_t *)(uintptr_t)args[3],
		.context_lens = (const int32_t *)(uintptr_t)args[4],
		.batch = (uint64_t)config[0],
		.heads = (uint64_t)config[1],
		.head_dim = (uint64_t)config[3],
		.block_size = (uint64_t)config[4],
		.block_num = (uint64_t)config[5],
		.scale_bits = (uint64_t)config[6],
	};
	uint64_t rows = problem.batch * problem.heads, row_bytes = problem.head_dim * 2;

	problem.q_tile = problem.heads < PA_GRAPH_Q_TILE ? problem.heads : PA_GRAPH_Q_TILE;
	problem.query = pa_tensor(args[0], ABI_BF16, rows, problem.head_dim);
	problem.key_cache = pa_tensor(args[1], ABI_BF16, args[8] / row_bytes, problem.head_dim);
	problem.value_cache = pa_tensor(args[2], ABI_BF16, args[9] / row_bytes, problem.head_dim);
	problem.out = pa_tensor(args[5], ABI_F32, rows, problem.head_dim);
	return problem;
}

/* Submits the share of orchestrator `index` among `orchestrators`: a run of whole sequences. */
static void pa_graph_build(const struct pa_builder *builder, const uint64_t *args,
			   int orchestrators, int index)
{
	struct pa_problem problem = pa_problem_read(args);
	uint64_t parts = orchestrators > 0 ? (uint64_t)orchestrators : 1;
	uint64_t part = index > 0 ? (uint64_t)index : 0;
	uint64_t end = problem.batch * (part + 1) / parts;

	for (uint64_t sequence = problem.batch * part / parts; sequence < end; sequence++) {
		for (uint64_t head = 0; head < problem.heads; head += problem.q_tile) {
			if (builder->is_fatal(builder->rt))
				return;
			pa_build_row(builder, &problem, sequence, head);
		}
	}
}

#endif
