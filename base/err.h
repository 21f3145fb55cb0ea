/*
 * Errors: a negative errno for the program, one sentence for the person.
 *
 * Every function that can fail for more than one reason takes a `struct err *` as its last
 * parameter and returns 0 or a negative errno. Libraries fill it in; only a program's main prints
 * it.
 */
#ifndef SOLOAD_BASE_ERR_H
#define SOLOAD_BASE_ERR_H

#define ERR_TEXT_BYTES 512

/* Owned by the caller, no allocation. `text` is empty until something fails; no full stop, no
 * newline. */
struct err {
	char text[ERR_TEXT_BYTES];
};

/* Sets the text and returns -code. `err` may be NULL. A text too long is cut and ends in "...". */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set with the current errno, its words appended: "open /x: Permission denied (EACCES)". */
int err_sys(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of a text already there; returns `code` unchanged, for `return
 * err_prefix(…)`. */
int err_prefix(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
