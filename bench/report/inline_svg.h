/* Puts a figure's SVG into a page, beside others. */
#ifndef SOLOAD_BENCH_REPORT_INLINE_SVG_H
#define SOLOAD_BENCH_REPORT_INLINE_SVG_H

#include "bench/report/plot.h"

/* Without prolog, with ids of its own, with the title a screen reader reads. -errno when there is
 * no such picture. */
int inline_svg(FILE *out, const struct plots *plots, const struct plot *plot);

/* The style such figures need once in a page: what their colours are when it is dark. */
void inline_svg_style(FILE *out);

#endif
