/* The declarations of meant rises. See expected.h. */
#include "bench/expected.h"

#include "bench/tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "+3", "+<=100", "+<=0.5%" */
static bool amount_parse(struct expected_rise *rise, const char *text)
{
	char *end;

	if (*text++ != '+')
		return false;
	rise->at_most = strncmp(text, "<=", 2) == 0;
	if (rise->at_most)
		text += 2;
	rise->amount = strtod(text, &end);
	rise->share = *end == '%';
	end += rise->share;
	return end != text && !*end && rise->amount > 0.0 && rise->amount < 1e15 &&
	       (rise->at_most || !rise->share);
}

/* 1 = a declaration, 0 = an empty line, or a negative errno. */
static int line_parse(struct expected_rise *rise, char *line)
{
	char amount[EXPECTED_WORD_BYTES], rest[2];
	int words;

	line[strcspn(line, "#\r\n")] = '\0';
	words = sscanf(line, "%63s %63s %63s %1s", rise->loader, rise->counter, amount, rest);
	if (words <= 0)
		return 0;
	if (words != 3 || tally_find(rise->counter) < 0 || !amount_parse(rise, amount))
		return -EINVAL;
	return 1;
}

static int rise_add(struct expected *expected, const struct expected_rise *rise)
{
	struct expected_rise *rises =
		reallocarray(expected->rises, expected->count + 1, sizeof(rises[0]));

	if (!rises)
		return -ENOMEM;
	expected->rises = rises;
	rises[expected->count++] = *rise;
	return 0;
}

static int lines_read(struct expected *expected, FILE *file, const char *path, struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	unsigned int number = 0;
	int r = 0;

	while (r == 0 && getline(&line, &size, file) >= 0) {
		struct expected_rise rise = { .line = ++number };

		r = line_parse(&rise, line);
		if (r > 0)
			r = rise_add(expected, &rise);
	}
	free(line);
	if (r == -EINVAL)
		return err_set(err, EINVAL,
			       "%s: line %u: LOADER COUNTER +N, +<=N or +<=P%%, COUNTER as in "
			       "soload count",
			       path, number);
	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	return ferror(file) ? err_sys(err, "read %s", path) : 0;
}

int expected_read(struct expected *expected, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	int r;

	*expected = (struct expected){ 0 };
	if (!file)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", path);
	r = lines_read(expected, file, path, err);
	fclose(file);
	if (r < 0)
		expected_close(expected);
	return r;
}

void expected_close(struct expected *expected)
{
	free(expected->rises);
	*expected = (struct expected){ 0 };
}

static bool rise_covers(const struct expected_rise *rise, uint64_t base, uint64_t head)
{
	double more = (double)(head - base);
	double limit = rise->share ? rise->amount / 100.0 * (double)base : rise->amount;

	if (rise->at_most)
		return more <= limit;
	return more >= limit && more <= limit;
}

bool expected_covers(struct expected *expected, const char *loader, const char *counter,
		     uint64_t base, uint64_t head)
{
	for (size_t i = 0; i < expected->count; i++) {
		struct expected_rise *rise = &expected->rises[i];

		if ((strcmp(rise->loader, "*") == 0 || strcmp(rise->loader, loader) == 0) &&
		    strcmp(rise->counter, counter) == 0 && rise_covers(rise, base, head)) {
			rise->needed = true;
			return true;
		}
	}
	return false;
}
