/* Errors in words: formatting, errno names and context. See err.h for the contract. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* glibc 2.32; the C library may be older than the headers this was built with, and the headers too.
 */
extern const char *strerrorname_np(int code) __attribute__((weak));

__attribute__((format(printf, 3, 0))) static void text_format(char *text, size_t size,
							      const char *format, va_list args)
{
	int length = vsnprintf(text, size, format, args);

	if (length >= 0 && (size_t)length >= size && size > 4)
		memcpy(text + size - 4, "...", 4);
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		text_format(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return -code;
}

int err_sys(struct err *err, const char *format, ...)
{
	int code = errno ? errno : EIO;
	const char *name = strerrorname_np ? strerrorname_np(code) : NULL;
	va_list args;
	size_t used;

	if (!err)
		return -code;
	va_start(args, format);
	text_format(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s (%s)", strerror(code),
		 name ? name : "?");
	return -code;
}

int err_prefix(struct err *err, int code, const char *format, ...)
{
	char rest[ERR_TEXT_BYTES];
	va_list args;
	size_t used;

	if (!err)
		return code;
	memcpy(rest, err->text, sizeof(rest));
	va_start(args, format);
	text_format(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", rest);
	return code;
}
