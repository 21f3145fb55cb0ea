/* Every byte of a character but its first is 10xxxxxx. See characters.h. */
#include "bench/report/characters.h"

#include <stdbool.h>
#include <string.h>

static bool is_inside(char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t characters_count(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += !is_inside(*text);
	return n;
}

size_t characters_bytes(const char *text, size_t n)
{
	size_t end = 0;

	while (text[end] && (n > 0 || is_inside(text[end])))
		n -= !is_inside(text[end++]);
	return end;
}

const char *characters_whole(char *text)
{
	size_t first = strlen(text), end = first, size;
	unsigned char lead;

	while (first > 0 && is_inside(text[first - 1]))
		first--;
	if (first == 0)
		return text;
	lead = (unsigned char)text[--first];
	size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (end - first < size)
		text[first] = '\0';
	return text;
}
