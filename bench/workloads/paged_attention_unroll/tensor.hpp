/*
 * A small C++ interface to the runtime behind device/abi.h: tensors and views that check
 * themselves, tasks that collect their parameters, scopes that close themselves. Misuse throws a
 * Failure; the entry function turns it into one error of the runtime's log.
 */
#ifndef SOLOAD_PAGED_ATTENTION_UNROLL_TENSOR_HPP
#define SOLOAD_PAGED_ATTENTION_UNROLL_TENSOR_HPP

#include "bench/workloads/paged_attention_unroll/failure.hpp"
#include "device/abi.h"

#ifdef PA_HOST_BUILDS /* see orchestration.c */
#include "device/graph.h"
#define PA_GRAPH_GIVEN
#endif
#ifdef PA_GRAPH_GIVEN
#define PA_RUNTIME_PASSED
#endif

#include <cstdint>
#include <initializer_list>
#include <string>

namespace pa
{

struct Dtype {
	const char *name;
	std::uint32_t bytes;
};

/* A table in an inline function, as headers like to have it: one object in the whole program, for
 * which g++ emits a GNU-unique symbol. That is what keeps dlclose() from unloading the object. */
inline const Dtype &dtype_of(std::uint32_t number)
{
	static const Dtype table[] = {
		{ "f32", 4 }, { "f16", 2 },  { "i32", 4 }, { "i16", 2 }, { "i8", 1 },
		{ "u8", 1 },  { "bf16", 2 }, { "i64", 8 }, { "u64", 8 },
	};

	PA_REQUIRE(number < sizeof(table) / sizeof(table[0]), "data type %u is unknown", number);
	return table[number];
}

using Extents = std::initializer_list<std::uint32_t>;

/* A view of device memory, or of memory the runtime allocates when its producer is submitted. */
class Tensor
{
      public:
	static Tensor external(std::uint64_t address, const Extents &shape, abi_dtype dtype)
	{
		PA_REQUIRE(address != 0, "a tensor of device memory lies nowhere");
		return Tensor(address, shape, dtype);
	}

	static Tensor fresh(const Extents &shape, abi_dtype dtype)
	{
		return Tensor(0, shape, dtype);
	}

	/* The part of this tensor of that shape, from those offsets on. */
	Tensor view(const Extents &shape, const Extents &offsets) const;

	/* "bf16[64, 128]" */
	std::string describe() const;

	abi_tensor *raw()
	{
		return &raw_;
	}

      private:
	Tensor(std::uint64_t address, const Extents &shape, abi_dtype dtype);

	static std::uint32_t rank(const Extents &shape)
	{
		return static_cast<std::uint32_t>(shape.size());
	}

	abi_tensor raw_{};
};

inline std::string Tensor::describe() const
{
	std::string text = dtype_of(raw_.dtype).name;

	for (std::uint32_t i = 0; i < raw_.ndims; i++)
		text += (i ? ", " : "[") + std::to_string(raw_.shapes[i]);
	return text + "]";
}

inline Tensor::Tensor(std::uint64_t address, const Extents &shape, abi_dtype dtype)
{
	std::uint64_t elements = 1;

	PA_REQUIRE(rank(shape) >= 1 && rank(shape) <= ABI_DIMS_MAX,
		   "a tensor has 1 to %d dimensions, not %u", ABI_DIMS_MAX, rank(shape));
	for (std::uint32_t extent : shape) {
		PA_REQUIRE(extent > 0, "dimension %u of a tensor is empty", raw_.ndims);
		raw_.shapes[raw_.ndims++] = extent;
		elements *= extent;
	}
	raw_.addr = address;
	raw_.dtype = dtype;
	raw_.size = elements * dtype_of(raw_.dtype).bytes;
	raw_.is_all_offset_zero = true;
	raw_.is_raw_eq_shapes = true;
}

inline Tensor Tensor::view(const Extents &shape, const Extents &offsets) const
{
	Tensor part(*this);

	PA_REQUIRE(rank(shape) == raw_.ndims && rank(offsets) == raw_.ndims,
		   "a view of %s has as many extents and offsets", describe().c_str());
	for (std::uint32_t i = 0; i < raw_.ndims; i++) {
		std::uint32_t extent = shape.begin()[i], offset = offsets.begin()[i];
		std::uint32_t whole = raw_.is_raw_eq_shapes ? raw_.shapes[i] : raw_.raw_shapes[i];
		std::uint32_t before = raw_.is_all_offset_zero ? 0 : raw_.offsets[i];

		PA_REQUIRE(std::uint64_t{ offset } + extent <= raw_.shapes[i],
			   "a view of %u from %u on sticks out of dimension %u of %s", extent,
			   offset, i, describe().c_str());
		part.raw_.raw_shapes[i] = whole;
		part.raw_.shapes[i] = extent;
		part.raw_.offsets[i] = before + offset;
		part.raw_.is_raw_eq_shapes &= extent == whole;
		part.raw_.is_all_offset_zero &= part.raw_.offsets[i] == 0;
	}
	return part;
}

enum class Core { aic, aiv };

/* The parameters of one task. Tensors are referred to, not copied: they get their address back. */
class Task
{
      public:
	Task(const char *name, Core core, std::int32_t kernel) : name_(name)
	{
		param_.tensor_count = 0;
		param_.scalar_count = 0;
		param_.has_error = false;
		param_.error_msg = nullptr;
		kernels_ = core == Core::aic ? abi_kernels{ kernel, -1, -1 }
					     : abi_kernels{ -1, kernel, -1 };
	}

	Task &in(Tensor &tensor)
	{
		return add(tensor, ABI_IN);
	}

	Task &out(Tensor &tensor)
	{
		return add(tensor, ABI_OUT);
	}

	Task &inout(Tensor &tensor)
	{
		return add(tensor, ABI_INOUT);
	}

	Task &scalar(std::uint64_t value)
	{
		PA_REQUIRE(param_.scalar_count < ABI_SCALARS_MAX,
			   "%s: a task takes at most %d scalars", name_, ABI_SCALARS_MAX);
		param_.scalars[param_.scalar_count++] = value;
		return *this;
	}

	const abi_kernels &kernels() const
	{
		return kernels_;
	}

	abi_param *param()
	{
		return &param_;
	}

      private:
	Task &add(Tensor &tensor, abi_kind kind)
	{
		PA_REQUIRE(param_.scalar_count == 0, "%s: tensors come before scalars", name_);
		PA_REQUIRE(param_.tensor_count < ABI_TENSORS_MAX,
			   "%s: a task takes at most %d tensors", name_, ABI_TENSORS_MAX);
		PA_REQUIRE(kind == ABI_OUT || tensor.raw()->addr != 0,
			   "%s: its input %s has no address yet", name_, tensor.describe().c_str());
		param_.tensors[param_.tensor_count] = tensor.raw();
		param_.kinds[param_.tensor_count++] = kind;
		return *this;
	}

	const char *name_;
	abi_kernels kernels_;
	abi_param param_;
};

#ifdef PA_GRAPH_GIVEN
using Operations = abi_graph_ops;
#else
using Operations = abi_ops;
#endif

inline const Operations &operations_of(abi_runtime *rt)
{
	return *static_cast<const Operations *>(static_cast<const void *>(rt->ops));
}

/* A task as later ones refer to it; nothing where the runtime finds out by itself. */
struct TaskName {
	std::uint64_t raw;
};

/* The runtime this thread submits to. */
class Runtime
{
      public:
#ifndef PA_RUNTIME_PASSED
	static void bind(abi_runtime *rt);
	static abi_runtime *bound(); /* null when there is none */
#endif

	explicit Runtime(abi_runtime *rt) : rt_(rt)
	{
	}

#ifdef PA_GRAPH_GIVEN
	TaskName submit(Task &task) const
	{
		return { operations_of(rt_).submit_task(rt_, &task.kernels(), task.param()).raw };
	}

	void depend(TaskName producer, TaskName consumer) const
	{
		operations_of(rt_).add_dependency(rt_, { producer.raw }, { consumer.raw });
	}
#else
	TaskName submit(Task &task) const
	{
		operations_of(rt_).submit_task(rt_, &task.kernels(), task.param());
		return { 0 };
	}

	void depend(TaskName, TaskName) const
	{
	}
#endif

	bool fatal() const
	{
		return operations_of(rt_).is_fatal(rt_);
	}

	abi_runtime *raw() const
	{
		return rt_;
	}

      private:
	abi_runtime *rt_;
};

/* Tasks submitted while it lives keep their outputs until it ends. */
class Scope
{
      public:
	explicit Scope(const Runtime &runtime) : rt_(runtime.raw())
	{
		operations_of(rt_).scope_begin(rt_);
	}

	~Scope()
	{
		operations_of(rt_).scope_end(rt_);
	}

	Scope(const Scope &) = delete;
	Scope &operator=(const Scope &) = delete;

      private:
	abi_runtime *rt_;
};

} // namespace pa

#endif
