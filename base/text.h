/* Words and names: the nearest known name for a mistyped one, sizes and durations as people read
 * them. */
#ifndef SOLOAD_BASE_TEXT_H
#define SOLOAD_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The entry of `names` (NULL-terminated) nearest to `word` by edit distance, or NULL when none is
 * near enough to be worth suggesting. `length` bounds `word`.
 */
const char *text_nearest(const char *word, size_t length, const char *const *names);

/*
 * That entry as a clause to append, " (did you mean 'x'?)", in `buffer`, which is returned; "" when
 * none is near enough, or it has no room.
 */
const char *text_suggest(const char *word, size_t length, const char *const *names, char *buffer,
			 size_t size);

/* "16 B", "4.0 KB", "4.2 MB" (powers of 1000, as disks and links are counted). Returns `buffer`. */
const char *text_bytes(uint64_t bytes, char *buffer, size_t size);

#endif
