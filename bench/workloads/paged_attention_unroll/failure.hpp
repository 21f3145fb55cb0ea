/*
 * How the C++ orchestration fails: an exception that carries where it was thrown and how the
 * program got there. The trace is put into words (source lines, when addr2line is installed) while
 * the object is still mapped, since nobody could do so later.
 */
#ifndef SOLOAD_PAGED_ATTENTION_UNROLL_FAILURE_HPP
#define SOLOAD_PAGED_ATTENTION_UNROLL_FAILURE_HPP

#include <stdexcept>
#include <string>

namespace pa
{

/* Where in the source. */
struct Place {
	const char *file;
	int line;
	const char *function;
};

class Failure : public std::runtime_error
{
      public:
	Failure(const Place &place, const std::string &what);
	~Failure() override;

	/* The message and one line per caller. */
	std::string report() const;

      private:
	std::string trace_;
};

/* One line per caller of the caller, innermost first: object, function, source line. */
std::string stack_trace();

/* Throws a Failure. Out of line, so that the many checks cost their callers one call each. */
[[noreturn]] void fail(const Place &place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

} // namespace pa

/* PA_REQUIRE(condition, format, ...): the words of the failure, as for printf. */
#define PA_REQUIRE(condition, ...) \
	do { \
		if (!(condition)) \
			::pa::fail(::pa::Place{ __FILE__, __LINE__, __func__ }, __VA_ARGS__); \
	} while (0)

#endif
