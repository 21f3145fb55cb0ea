/*
 * The C++ twin of orchestration.c: the same graph through tensor.hpp, built with simpler's own
 * flags. What a loader meets here is what real orchestration objects bring along: libstdc++,
 * exceptions, a thread_local, GNU-unique symbols, and ten times their code in debug information.
 */
#include "bench/workloads/paged_attention_unroll/tensor.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#define PA_EXPORT extern "C" __attribute__((visibility("default")))

namespace pa
{

namespace
{

constexpr std::uint64_t unroll = 64; /* blocks per group */
constexpr std::uint64_t q_tile_max = 128;
constexpr int args_needed = 10;

enum Kernel : std::int32_t { kernel_qk, kernel_sf, kernel_pv, kernel_up, kernel_aiv_hub = 5 };

#ifndef PA_RUNTIME_PASSED
thread_local abi_runtime *runtime_bound;
#endif

/* The arguments, as read from device memory. */
struct Problem {
	explicit Problem(const std::uint64_t *args);

	std::uint32_t batch, heads, head_dim, block, table_width, q_tile;
	std::uint64_t scale_bits;
	const std::int32_t *table, *lengths;
	Tensor query, key_cache, value_cache, out;
};

const std::int64_t *config_of(const std::uint64_t *args)
{
	PA_REQUIRE(args[6] != 0, "the configuration is missing");
	return reinterpret_cast<const std::int64_t *>(args[6]);
}

/* A configuration word that must be a positive number of 32 bits. */
std::uint32_t extent(const std::uint64_t *args, int index, const char *name)
{
	std::int64_t value = config_of(args)[index];

	PA_REQUIRE(value > 0 && value <= INT32_MAX, "the configuration's %s is %lld", name,
		   static_cast<long long>(value));
	return static_cast<std::uint32_t>(value);
}

std::uint32_t cache_rows(std::uint64_t bytes, std::uint32_t head_dim)
{
	return static_cast<std::uint32_t>(bytes / (2u * head_dim));
}

Problem::Problem(const std::uint64_t *args)
    : batch(extent(args, 0, "batch")), heads(extent(args, 1, "number of heads")),
      head_dim(extent(args, 3, "head size")), block(extent(args, 4, "block size")),
      table_width(extent(args, 5, "block table width")),
      q_tile(std::min<std::uint32_t>(heads, q_tile_max)),
      scale_bits(static_cast<std::uint64_t>(config_of(args)[6])),
      table(reinterpret_cast<const std::int32_t *>(args[3])),
      lengths(reinterpret_cast<const std::int32_t *>(args[4])),
      query(Tensor::external(args[0], { batch * heads, head_dim }, ABI_BF16)),
      key_cache(Tensor::external(args[1], { cache_rows(args[8], head_dim), head_dim }, ABI_BF16)),
      value_cache(Tensor::external(args[2], { cache_rows(args[9], head_dim), head_dim }, ABI_BF16)),
      out(Tensor::external(args[5], { batch * heads, head_dim }, ABI_F32))
{
}

/* The query heads from one on, of one sequence: one scope. */
class Row
{
      public:
	Row(const Runtime &runtime, Problem &problem, std::uint32_t sequence, std::uint32_t head);

	void build();

      private:
	void build_group(std::uint64_t first);

	const Runtime &runtime_;
	Problem &problem_;
	std::uint32_t sequence_, rows_;
	std::uint64_t length_, blocks_;
	Tensor qi_, out_, oi_, li_, mi_;
	TaskName last_{}; /* that wrote oi, li and mi */
};

Row::Row(const Runtime &runtime, Problem &problem, std::uint32_t sequence, std::uint32_t head)
    : runtime_(runtime), problem_(problem), sequence_(sequence),
      rows_(std::min(problem.q_tile, problem.heads - head)),
      length_(static_cast<std::uint64_t>(std::max(problem.lengths[sequence], 0))),
      blocks_((length_ + problem.block - 1) / problem.block),
      qi_(problem.query.view({ rows_, problem.head_dim }, { sequence * problem.heads + head, 0 })),
      out_(problem.out.view({ rows_, problem.head_dim }, { sequence * problem.heads + head, 0 })),
      oi_(Tensor::fresh({ rows_, problem.head_dim }, ABI_F32)),
      li_(Tensor::fresh({ rows_ }, ABI_F32)), mi_(Tensor::fresh({ rows_ }, ABI_F32))
{
	PA_REQUIRE(blocks_ <= problem.table_width,
		   "sequence %u has %d tokens, more than its row of the block table covers",
		   sequence, problem.lengths[sequence]);
}

void Row::build()
{
	Scope scope(runtime_);
	Task hub("HUB", Core::aiv, kernel_aiv_hub);

	hub.out(oi_).out(li_).out(mi_);
	last_ = runtime_.submit(hub);
	for (std::uint64_t block = 0; block < blocks_; block += unroll)
		build_group(block);
}

void Row::build_group(std::uint64_t first)
{
	std::uint64_t count = std::min(unroll, blocks_ - first);
	std::uint64_t last = std::min<std::uint64_t>(
		problem_.block, length_ - (first + count - 1) * problem_.block);
	std::uint32_t columns = static_cast<std::uint32_t>(count * problem_.block);
	std::uint64_t table = reinterpret_cast<std::uint64_t>(
		problem_.table + std::uint64_t{ sequence_ } * problem_.table_width + first);
	Tensor sij = Tensor::fresh({ rows_, columns }, ABI_F32);
	Tensor pij = Tensor::fresh({ rows_, columns }, ABI_BF16);
	Tensor mij = Tensor::fresh({ rows_ }, ABI_F32), lij = Tensor::fresh({ rows_ }, ABI_F32);
	Tensor oi_new = Tensor::fresh({ rows_, problem_.head_dim }, ABI_F32);

	Task qk("QK", Core::aic, kernel_qk);
	qk.in(qi_).in(problem_.key_cache).out(sij).scalar(count).scalar(table);
	const TaskName qk_name = runtime_.submit(qk);

	Task sf("SF", Core::aiv, kernel_sf);
	sf.in(sij).out(pij).out(mij).out(lij);
	sf.scalar(problem_.scale_bits).scalar(count).scalar(last);
	const TaskName sf_name = runtime_.submit(sf);
	runtime_.depend(qk_name, sf_name);

	Task pv("PV", Core::aic, kernel_pv);
	pv.in(pij).in(problem_.value_cache).out(oi_new).scalar(count).scalar(table);
	const TaskName pv_name = runtime_.submit(pv);
	runtime_.depend(sf_name, pv_name);

	Task up("UP", Core::aiv, kernel_up);
	up.in(mij).in(lij).in(oi_new).inout(mi_).inout(li_).inout(oi_).out(out_);
	up.scalar(first == 0).scalar(first + count == blocks_);
	const TaskName up_name = runtime_.submit(up);
	runtime_.depend(sf_name, up_name);
	runtime_.depend(pv_name, up_name);
	runtime_.depend(last_, up_name);
	last_ = up_name;
}

/* The share of one orchestrator among several: a run of whole sequences. */
void graph_build(const Runtime &runtime, const std::uint64_t *args, int orchestrators, int index)
{
	Problem problem(args);
	std::uint64_t parts = static_cast<std::uint64_t>(std::max(orchestrators, 1));
	std::uint64_t part = static_cast<std::uint64_t>(std::max(index, 0));
	std::uint64_t end = problem.batch * (part + 1) / parts;

	for (std::uint64_t sequence = problem.batch * part / parts; sequence < end; sequence++) {
		for (std::uint32_t head = 0; head < problem.heads; head += problem.q_tile) {
			if (runtime.fatal())
				return;
			Row(runtime, problem, static_cast<std::uint32_t>(sequence), head).build();
		}
	}
}

} // namespace

#ifndef PA_RUNTIME_PASSED
void Runtime::bind(abi_runtime *rt)
{
	runtime_bound = rt;
}

abi_runtime *Runtime::bound()
{
	return runtime_bound;
}
#endif

} // namespace pa

/* Nothing may be thrown past this point: the caller is C. */
static void orchestrate(abi_runtime *rt, const std::uint64_t *args, int count, int orchestrators,
			int index)
{
	const char *name = "aicpu_orchestration_entry";

	if (!rt)
		return; /* nobody to submit to, and nobody to tell */
	try {
		PA_REQUIRE(count >= pa::args_needed, "%d arguments given, %d needed", count,
			   pa::args_needed);
		pa::graph_build(pa::Runtime(rt), args, orchestrators, index);
	} catch (const pa::Failure &failure) {
		pa::operations_of(rt).log_error(name, "%s", failure.report().c_str());
	} catch (const std::exception &failure) {
		pa::operations_of(rt).log_error(name, "%s", failure.what());
	}
}

#ifdef PA_HOST_BUILDS
/* Lengths and configuration are read here, on the host; the rest is for the kernels. */
PA_EXPORT int build_paged_attention_graph(abi_runtime *rt, std::uint64_t *args, int count)
{
	std::uint64_t places[pa::args_needed] = {};

	for (int i = 0; i < std::min(count, pa::args_needed); i++)
		places[i] = args[i];
	for (int i : { 0, 1, 2, 3, 5 })
		places[i] = graph_host(rt)->device_address(
			rt, reinterpret_cast<const void *>(places[i]));
	orchestrate(rt, places, count, 1, 0);
	return pa::operations_of(rt).is_fatal(rt) ? -1 : 0;
}
#else
PA_EXPORT abi_config aicpu_orchestration_config(std::uint64_t *, int)
{
	return abi_config{ pa::args_needed };
}

#ifdef PA_RUNTIME_PASSED
PA_EXPORT void aicpu_orchestration_entry(abi_runtime *rt, std::uint64_t *args, int count,
					 int orchestrators, int index)
{
	orchestrate(rt, args, count, orchestrators, index);
}
#else
PA_EXPORT void pto2_framework_bind_runtime(abi_runtime *rt)
{
	pa::Runtime::bind(rt);
}

PA_EXPORT void aicpu_orchestration_entry(std::uint64_t *args, int count, int orchestrators,
					 int index)
{
	orchestrate(pa::Runtime::bound(), args, count, orchestrators, index);
}
#endif
#endif
