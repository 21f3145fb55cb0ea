/* Words and names. See text.h for the contract. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 63

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein distance in which two letters swapped are one edit, the commonest slip of a typing
 * hand; words longer than WORD_MAX are compared by their beginning. */
static size_t edit_distance(const char *a, size_t a_length, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *above = rows[0], *row = rows[1], *two_above = rows[2];
	size_t b_length = strnlen(b, WORD_MAX);

	if (a_length > WORD_MAX)
		a_length = WORD_MAX;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *oldest = two_above;

		two_above = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < row[j])
				row[j] = two_above[j - 2] + 1;
		}
	}
	return row[b_length];
}

const char *text_nearest(const char *word, size_t length, const char *const *names)
{
	const char *nearest = NULL;
	size_t best = length / 2 + 1;

	for (; *names; names++) {
		size_t distance = edit_distance(word, length, *names);

		if (distance < best) {
			best = distance;
			nearest = *names;
		}
	}
	return nearest;
}

const char *text_suggest(const char *word, size_t length, const char *const *names, char *buffer,
			 size_t size)
{
	const char *nearest = text_nearest(word, length, names);

	if (!nearest || (size_t)snprintf(buffer, size, " (did you mean '%s'?)", nearest) >= size)
		buffer[0] = '\0';
	return buffer;
}

const char *text_bytes(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB" };
	double value = (double)bytes;
	int unit = -1;

	while (value >= 1000.0 && unit < 3) {
		value /= 1000.0;
		unit++;
	}
	if (unit < 0)
		snprintf(buffer, size, "%u B", (unsigned int)bytes);
	else
		snprintf(buffer, size, "%.1f %s", value, units[unit]);
	return buffer;
}
