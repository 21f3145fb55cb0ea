/*
 * What programs say on stderr while they work, in upstream's levels. Libraries never log: they
 * return errors. Nothing logs while a timeline runs.
 */
#ifndef SOLOAD_BASE_LOG_H
#define SOLOAD_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern enum log_level log_level; /* LOG_LEVEL_WARN at the start; set by -v and by PTO_LOG_LEVEL */

/* "soload: text". One write per line, so lines of several processes do not mix. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn_lines(const char *text); /* a warning per line of it; "" says nothing */
void log_line(const char *format, ...)
	__attribute__((format(printf, 1, 2))); /* at INFO, without a prefix */

#endif
