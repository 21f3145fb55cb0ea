/* Failures with a trace: the stack by backtrace(), names by dladdr(), source lines by addr2line. */
#include "bench/workloads/paged_attention_unroll/failure.hpp"

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>

namespace pa
{

namespace
{

constexpr int frames_max = 32;
constexpr std::size_t line_bytes = 512;

struct Freer {
	void operator()(void *memory) const
	{
		std::free(memory);
	}
};

/* What the C library allocated. */
template <typename T> using Allocated = std::unique_ptr<T, Freer>;

/* The output of a command, line by line. */
class Pipe
{
      public:
	explicit Pipe(const std::string &command) : pipe_(popen(command.c_str(), "r"))
	{
	}

	~Pipe()
	{
		if (pipe_)
			pclose(pipe_);
	}

	Pipe(const Pipe &) = delete;
	Pipe &operator=(const Pipe &) = delete;

	/* The next line without its end; empty at the end of the output. */
	std::string line()
	{
		char text[line_bytes];
		std::string result;

		if (pipe_ && std::fgets(text, sizeof(text), pipe_))
			result = text;
		while (!result.empty() && (result.back() == '\n' || result.back() == ' '))
			result.pop_back();
		return result;
	}

      private:
	std::FILE *pipe_;
};

std::string base_name(const std::string &path)
{
	std::size_t slash = path.rfind('/');

	return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string demangled(const char *symbol)
{
	int status = 0;
	Allocated<char> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status));

	return name ? name.get() : symbol;
}

/* For the shell: in single quotes, with those inside taken care of. */
std::string quoted(const std::string &text)
{
	std::string result = "'";

	for (char c : text) {
		if (c == '\'')
			result += "'\\''";
		else
			result += c;
	}
	return result + "'";
}

/* "file:line" of an address in an object; empty when there is no tool or no debug information. */
std::string source_of(const std::string &object, unsigned long offset)
{
	char address[32];

	std::snprintf(address, sizeof(address), " 0x%lx", offset);
	std::string source =
		Pipe("addr2line -e " + quoted(object) + address + " 2>/dev/null").line();
	return source.compare(0, 2, "??") == 0 ? std::string() : base_name(source);
}

std::string frame_line(void *address, const char *fallback)
{
	char offset[32];
	Dl_info where;

	if (dladdr(address, &where) == 0 || !where.dli_fname)
		return fallback ? fallback : "?";
	/* The call is before the return address. */
	unsigned long distance = static_cast<unsigned long>(
		static_cast<char *>(address) - static_cast<char *>(where.dli_fbase) - 1);
	std::string source = source_of(where.dli_fname, distance);
	std::snprintf(offset, sizeof(offset), "+0x%lx", distance);
	std::string line = base_name(where.dli_fname) + offset;
	if (where.dli_sname)
		line += " in " + demangled(where.dli_sname);
	if (!source.empty())
		line += " at " + source;
	return line;
}

std::string sentence(const Place &place, const std::string &what)
{
	return base_name(place.file) + ":" + std::to_string(place.line) + ": " + place.function +
	       ": " + what;
}

} // namespace

std::string stack_trace()
{
	void *addresses[frames_max];
	int count = backtrace(addresses, frames_max);
	Allocated<char *> names(backtrace_symbols(addresses, count));
	std::string trace;

	for (int i = 2; i < count; i++)
		trace += "\n  #" + std::to_string(i - 2) + " " +
			 frame_line(addresses[i], names ? names.get()[i] : nullptr);
	return trace;
}

Failure::Failure(const Place &place, const std::string &what)
    : std::runtime_error(sentence(place, what)), trace_(stack_trace())
{
}

Failure::~Failure() = default;

void fail(const Place &place, const char *format, ...)
{
	char what[line_bytes];
	std::va_list list;

	va_start(list, format);
	std::vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	throw Failure(place, what);
}

std::string Failure::report() const
{
	return what() + trace_;
}

} // namespace pa
