/* The same report as Markdown or as HTML: headings, paragraphs, tables, figures. Text from records
 * is escaped for either. */
#ifndef SOLOAD_BENCH_REPORT_MARKUP_H
#define SOLOAD_BENCH_REPORT_MARKUP_H

#include "bench/report/plot.h"

#include <stdbool.h>
#include <stdio.h>

struct markup {
	FILE *out;
	bool html;
	const char *figures; /* folder of the pictures; as Markdown links name it */
	size_t columns;	     /* of the table being written */
};

void markup_begin(struct markup *markup, const char *title);
void markup_heading(struct markup *markup, const char *text);
void markup_paragraph(struct markup *markup, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void markup_item_begin(struct markup *markup);
void markup_item(struct markup *markup, const char *text);
void markup_item_end(struct markup *markup);

/* Columns with a `#` in front are numbers: right-aligned. `folded`: shown on demand, with this line
 * in its place; or NULL. */
void markup_table_begin(struct markup *markup, const char *const *columns, const char *folded);
void markup_cell(struct markup *markup, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void markup_row_end(struct markup *markup);
void markup_table_end(struct markup *markup, bool folded);

/* In HTML the SVG itself, in Markdown a link to the PNG; without a picture, where its numbers are.
 */
void markup_figure(struct markup *markup, const struct plots *plots, const struct plot *plot);
void markup_end(struct markup *markup);

#endif
