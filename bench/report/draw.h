/* Draws the figures' tables with gnuplot or matplotlib, as programs of their own. */
#ifndef SOLOAD_BENCH_REPORT_DRAW_H
#define SOLOAD_BENCH_REPORT_DRAW_H

#include "base/err.h"
#include "bench/report/plot.h"

#include <stdbool.h>

enum draw_engine { DRAW_AUTO, DRAW_GNUPLOT, DRAW_MATPLOTLIB };

struct argp_state;

/* The word of an option --engine: auto, gnuplot, matplotlib, or none, with which *ret_draw is
 * false. Wrong usage otherwise. */
void draw_engine_parse(struct argp_state *state, const char *text, enum draw_engine *ret_engine,
		       bool *ret_draw);

/*
 * Makes NAME.svg and NAME.png of every figure and sets plot->drawn. `scripts` is the folder of the
 * drawings, NULL = found beside the program or here. AUTO takes gnuplot, or else matplotlib.
 * -ENOENT in words when the engine is not installed or the drawings cannot be found.
 */
int draw_figures(struct plots *plots, enum draw_engine engine, const char *scripts,
		 struct err *err);

#endif
