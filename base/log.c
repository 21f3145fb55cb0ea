/* One line per message, one write per line. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1024

enum log_level log_level = LOG_LEVEL_WARN;

__attribute__((format(printf, 2, 0))) static void line_write(const char *prefix, const char *format,
							     va_list args)
{
	char line[LINE_BYTES];
	int used = snprintf(line, sizeof(line), "%s", prefix);
	int rest = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);

	if (rest < 0)
		return;
	used += rest;
	if ((size_t)used > sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return; /* nobody reads stderr: nothing left to tell */
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_write("soload: ", format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	if (log_level < LOG_LEVEL_WARN)
		return;
	va_start(args, format);
	line_write("soload: ", format, args);
	va_end(args);
}

void log_warn_lines(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		log_warn("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

void log_line(const char *format, ...)
{
	va_list args;

	if (log_level < LOG_LEVEL_INFO)
		return;
	va_start(args, format);
	line_write("", format, args);
	va_end(args);
}
