/*
 * The history for Apache Otava (Hunter), which finds change points in a CSV file: the time and the
 * commit of a line, and a column for every series that a change is looked for in.
 */
#include "bench/history/figures.h"

#include "base/csv.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#define HEADER_BYTES 4096

static const char *const quantiles[] = { "p10", "p50" };

/* Loaders of the last line, as in the figures. */
static void header_write(const struct history_line *last, char *header)
{
	size_t used = (size_t)snprintf(header, HEADER_BYTES, "time,commit");

	for (const char *at = history_loader(last, NULL); at && used < HEADER_BYTES;
	     at = history_loader(last, at))
		used += (size_t)snprintf(header + used, HEADER_BYTES - used,
					 ",%s.p10,%s.p50,%s.instructions", at, at, at);
}

static void line_write(struct csv *csv, const struct history_line *last,
		       const struct history_line *line)
{
	csv_text(csv, history_text(line, "time"));
	csv_text(csv, history_text(line, "revision"));
	for (const char *at = history_loader(last, NULL); at; at = history_loader(last, at)) {
		uint64_t instructions;

		for (size_t q = 0; q < sizeof(quantiles) / sizeof(quantiles[0]); q++) {
			struct history_ratio ratio;

			csv_double(csv, history_ratio(line, at, quantiles[q], &ratio)
						? ratio.value
						: (double)NAN);
		}
		if (history_work(line, at, "instructions", &instructions))
			csv_unsigned(csv, instructions);
		else
			csv_empty(csv);
	}
	csv_row_end(csv);
}

int history_otava(const struct history_view *view, const char *folder, struct err *err)
{
	const struct history_line *last = view->lines[view->count - 1];
	struct csv csv = { .fd = -1 };
	char path[PATH_MAX], header[HEADER_BYTES];
	int r;

	header_write(last, header);
	snprintf(path, sizeof(path), "%s/otava.csv", folder);
	r = csv_open(&csv, path, header, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < view->count; i++)
		line_write(&csv, last, view->lines[i]);
	return csv_close(&csv, err);
}
