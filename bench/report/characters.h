/* Texts by character, not by byte: a name that is cut within one is no UTF-8, and no program draws
 * it. Texts are valid UTF-8, as data_name() makes them. */
#ifndef SOLOAD_BENCH_REPORT_CHARACTERS_H
#define SOLOAD_BENCH_REPORT_CHARACTERS_H

#include <stddef.h>

size_t characters_count(const char *text);

/* How many bytes the first `n` characters are; all, where there are fewer. */
size_t characters_bytes(const char *text, size_t n);

/* At most `n` characters of a text, for "%.*s". `text` is evaluated twice. */
#define CHARACTERS(text, n) (int)characters_bytes(text, n), (text)

/* Takes away a last character that snprintf() had no room for. Returns `text`. */
const char *characters_whole(char *text);

#endif
