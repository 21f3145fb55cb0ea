/*
 * One figure as both engines draw it: NAME.dat, a table of numbers, and NAME.set, what stands
 * around them (title, labels, colours), in the form gnuplot loads and reports/draw.py parses. All
 * numbers are made here; drawing adds none, so the engines agree.
 */
#ifndef SOLOAD_BENCH_REPORT_PLOT_H
#define SOLOAD_BENCH_REPORT_PLOT_H

#include "base/err.h"
#include "bench/report/data.h"

#include <stdio.h>

#define PLOT_KEYS_MAX 48
#define PLOT_LINE_CHARACTERS 126 /* of a line of small words as wide as a picture */
#define PLOT_LINE_BYTES (4 * PLOT_LINE_CHARACTERS + 8)

struct plot {
	char name[48];	  /* of the files */
	const char *kind; /* the drawing: reports/KIND.gp, and a function of reports/draw.py */
	char title[160], subtitle[PLOT_LINE_BYTES], machine[PLOT_LINE_BYTES];
	char noise[PLOT_LINE_BYTES];
	char alt[1024]; /* the figure in one sentence, for those who cannot see it */
	FILE *table, *settings;
	size_t rows, keys, label_width;
	bool drawn;
};

struct plots {
	const char *folder; /* figures' own */
	struct plot at[16];
	size_t n;
};

/* Opens both files and writes what every figure has. NULL with words in `err`. */
struct plot *plot_open(struct plots *plots, const char *name, const char *kind, struct err *err);

void plot_title(struct plot *plot, const char *title);
void plot_subtitle(struct plot *plot, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void plot_alt(struct plot *plot, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Machine and noise of a run, beside the figure. */
void plot_machine(struct plot *plot, struct data *data, uint32_t run);

void plot_text(struct plot *plot, const char *name, const char *text);
void plot_number(struct plot *plot, const char *name, double value);

/* At most so many characters, by leaving out some in the middle. Returns `buffer`. */
const char *plot_short(const char *label, size_t most, char *buffer, size_t size);

/* A series or a colour: its name, its colour, and what the legend says behind the name. */
void plot_key(struct plot *plot, const char *label, const char *colour, const char *text);

/* One field of the table; a number that does not exist is an empty field. Labels longer than the
 * margin are made short. */
void plot_field(struct plot *plot, double value);
void plot_label(struct plot *plot, const char *label);
void plot_row_end(struct plot *plot);
void plot_block_end(struct plot *plot);

/* Writes what is left and closes. -errno when the disk is full. */
int plot_close(struct plot *plot, struct err *err);

/* The same colour for the same loader, or phase, everywhere; "#rrggbb". */
const char *plot_loader_colour(const char *loader);
const char *plot_phase_colour(const char *phase);

/* Of words on such a colour. */
const char *plot_word_colour(const char *colour);

/* The step of the ticks of an axis from 0 to `top`: two of them besides 0, three where the axis is
 * a quarter longer. */
double plot_step(double top);

/* "30.9 us", "1.27 ms": three digits, the unit that fits. Returns `buffer`. */
const char *plot_time(double ns, char *buffer, size_t size);

#endif
