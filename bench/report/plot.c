/* Writes the table and the settings of a figure. See plot.h. */
#include "bench/report/plot.h"

#include "bench/report/characters.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_CHARACTERS 34

static FILE *file_open(const struct plots *plots, const char *name, const char *suffix)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s.%s", plots->folder, name, suffix);
	return fopen(path, "we");
}

struct plot *plot_open(struct plots *plots, const char *name, const char *kind, struct err *err)
{
	struct plot *plot;

	if (plots->n == sizeof(plots->at) / sizeof(plots->at[0])) {
		err_set(err, E2BIG, "more figures than a report holds");
		return NULL;
	}
	plot = &plots->at[plots->n];
	*plot = (struct plot){ .kind = kind };
	snprintf(plot->name, sizeof(plot->name), "%s", name);
	plot->table = file_open(plots, name, "dat");
	plot->settings = plot->table ? file_open(plots, name, "set") : NULL;
	if (!plot->settings) {
		err_sys(err, "write %s/%s.dat", plots->folder, name);
		if (plot->table)
			fclose(plot->table);
		return NULL;
	}
	fprintf(plot->settings, "array key[%d]\narray key_colour[%d]\narray key_text[%d]\n",
		PLOT_KEYS_MAX, PLOT_KEYS_MAX, PLOT_KEYS_MAX);
	plots->n++;
	return plot;
}

/* In single quotes a backslash is a backslash, and a quote is doubled. */
static void quoted_write(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', out);
		fputc(*text, out);
	}
	fputs("'\n", out);
}

void plot_text(struct plot *plot, const char *name, const char *text)
{
	fprintf(plot->settings, "%s = ", name);
	quoted_write(plot->settings, text);
}

void plot_number(struct plot *plot, const char *name, double value)
{
	fprintf(plot->settings, "%s = %.9g\n", name, isfinite(value) ? value : 0.0);
}

void plot_title(struct plot *plot, const char *title)
{
	snprintf(plot->title, sizeof(plot->title), "%s", title);
}

void plot_subtitle(struct plot *plot, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(plot->subtitle, sizeof(plot->subtitle), format, list);
	va_end(list);
}

void plot_alt(struct plot *plot, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(plot->alt, sizeof(plot->alt), format, list);
	va_end(list);
	characters_whole(plot->alt);
}

/* How many loads of the run were interrupted, of those that tell; NaN when none does. */
static double interrupted_percent(const struct data *data, uint32_t run)
{
	size_t told = 0, interrupted = 0;

	for (size_t i = 0; i < data->loads.n; i++) {
		const struct data_load *load = &data->loads.at[i];

		if (data->arms[load->arm].run != run || load->warmup || load->nivcsw == SAMPLE_NONE)
			continue;
		told++;
		interrupted += load->nivcsw > 0;
	}
	return told ? 100.0 * (double)interrupted / (double)told : (double)NAN;
}

static void noise_write(struct plot *plot, const struct data *data, uint32_t run)
{
	const struct data_run *at = &data->runs[run];
	double interrupted = interrupted_percent(data, run);
	char calm[80] = "load average not recorded", broken[64] = "";

	if (isfinite(at->load_before) && isfinite(at->load_after))
		snprintf(calm, sizeof(calm), "load average %.1f before, %.1f after",
			 at->load_before, at->load_after);
	else if (isfinite(at->load_before))
		snprintf(calm, sizeof(calm), "load average %.1f before", at->load_before);
	if (isfinite(interrupted))
		snprintf(broken, sizeof(broken), "; %.1f %% of loads interrupted", interrupted);
	snprintf(plot->noise, sizeof(plot->noise), "Noise: %s%s%s. Record: %.*s",
		 data_true(at, "aicpu.emulated") ? "an emulated AICPU ranks nothing; " : "", calm,
		 broken, CHARACTERS(at->name, 80));
}

void plot_machine(struct plot *plot, struct data *data, uint32_t run)
{
	struct data_run *at = &data->runs[run];
	const char *cpu = data_text(data, at, "machine.cpu");
	const char *kernel = data_text(data, at, "machine.kernel");
	const char *libc = data_text(data, at, "machine.libc");
	const char *revision = data_text(data, at, "machine.revision");
	double cpus = data_number(at, "machine.cpus");
	const char *aicpu = data_text(data, at, "aicpu.name");
	char count[32] = "";

	if (isfinite(cpus))
		snprintf(count, sizeof(count), " (%.0f CPUs)", cpus);
	if (*cpu)
		snprintf(plot->machine, sizeof(plot->machine),
			 "Machine: %.*s%s, Linux %.*s, %.*s%s%.*s. soload %.*s",
			 CHARACTERS(cpu, 40), count, CHARACTERS(kernel, 30), CHARACTERS(libc, 20),
			 *aicpu ? "; AICPU: " : "", CHARACTERS(aicpu, 40),
			 CHARACTERS(revision, 24));
	else
		snprintf(plot->machine, sizeof(plot->machine), "Machine: not recorded");
	noise_write(plot, data, run);
}

void plot_key(struct plot *plot, const char *label, const char *colour, const char *text)
{
	char name[32];

	if (plot->keys == PLOT_KEYS_MAX)
		return;
	plot->keys++;
	snprintf(name, sizeof(name), "key[%zu]", plot->keys);
	plot_text(plot, name, label);
	snprintf(name, sizeof(name), "key_colour[%zu]", plot->keys);
	plot_text(plot, name, colour);
	snprintf(name, sizeof(name), "key_text[%zu]", plot->keys);
	plot_text(plot, name, text);
}

void plot_field(struct plot *plot, double value)
{
	if (isfinite(value))
		fprintf(plot->table, "%.6g", value);
	fputc('\t', plot->table);
}

/* What stands behind the loader (transport, life cycle, device) tells rows apart: it is kept, and
 * the loader's options are cut. */
const char *plot_short(const char *label, size_t most, char *buffer, size_t size)
{
	const char *behind = strstr(label, ", ");
	size_t n = characters_count(label), tail = behind ? characters_count(behind) : 0;

	if (n <= most) {
		snprintf(buffer, size, "%s", label);
		return buffer;
	}
	if (tail == 0 || tail + 10 > most)
		tail = most / 2;
	snprintf(buffer, size, "%.*s\u2026%s", CHARACTERS(label, most - 1 - tail),
		 label + characters_bytes(label, n - tail));
	return buffer;
}

void plot_label(struct plot *plot, const char *label)
{
	char text[4 * LABEL_CHARACTERS + 8];
	size_t n;

	plot_short(label, LABEL_CHARACTERS, text, sizeof(text));
	n = characters_count(text);
	for (const char *at = text; *at; at++) {
		if (*at == '\\')
			fputs("\u2216", plot->table); /* gnuplot's tables have escapes */
		else
			fputc(*at == '"' || *at == '\t' ? '\'' : *at, plot->table);
	}
	if (n > plot->label_width)
		plot->label_width = n;
	fputc('\t', plot->table);
}

void plot_row_end(struct plot *plot)
{
	fputs("0\n", plot->table); /* so that no row ends in a separator */
	plot->rows++;
}

void plot_block_end(struct plot *plot)
{
	fputs("\n\n", plot->table);
}

/* A line of small words as wide as a picture. */
static void line_write(struct plot *plot, const char *name, char *text, size_t size)
{
	size_t end = characters_bytes(characters_whole(text), PLOT_LINE_CHARACTERS);

	if (text[end])
		snprintf(text + end, size - end, "\u2026");
	plot_text(plot, name, text);
}

int plot_close(struct plot *plot, struct err *err)
{
	bool bad;

	plot_text(plot, "title", plot->title);
	line_write(plot, "subtitle", plot->subtitle, sizeof(plot->subtitle));
	line_write(plot, "machine", plot->machine, sizeof(plot->machine));
	line_write(plot, "noise", plot->noise, sizeof(plot->noise));
	plot_number(plot, "rows", (double)plot->rows);
	plot_number(plot, "keys", (double)plot->keys);
	plot_number(plot, "label_width", (double)plot->label_width);
	bad = ferror(plot->table) || ferror(plot->settings);
	bad |= fclose(plot->table) != 0;
	bad |= fclose(plot->settings) != 0;
	plot->table = plot->settings = NULL;
	return bad ? err_set(err, EIO, "cannot write the tables of figure %s", plot->name) : 0;
}

struct colour {
	const char *name, *colour;
};

static const char *colour_find(const struct colour *colours, const char *name, size_t length)
{
	for (; colours->name; colours++) {
		if (strlen(colours->name) == length && memcmp(colours->name, name, length) == 0)
			return colours->colour;
	}
	return NULL;
}

/* Okabe and Ito's set, told apart by every common colour blindness; the two that only measure the
 * harness are grey, and a loader with options has a darker tone of the loader's own. */
const char *plot_loader_colour(const char *loader)
{
	static const struct colour plain[] = { { "null", "#aaaaaa" },  { "floor", "#777777" },
					       { "disk", "#d55e00" },  { "tmpfs", "#e69f00" },
					       { "memfd", "#cc79a7" }, { "cached", "#56b4e9" },
					       { "elf", "#0072b2" },   { "prelinked", "#009e73" },
					       { "auto", "#111111" },  { NULL, NULL } };
	static const struct colour optioned[] = {
		{ "null", "#888888" },	{ "floor", "#555555" },	    { "disk", "#8a3d00" },
		{ "tmpfs", "#9a6a00" }, { "memfd", "#8a4a6d" },	    { "cached", "#2f7aa3" },
		{ "elf", "#00405f" },	{ "prelinked", "#005a42" }, { "auto", "#444444" },
		{ NULL, NULL }
	};
	size_t length = strcspn(loader, ":");
	const char *colour = colour_find(loader[length] ? optioned : plain, loader, length);

	return colour ? colour : "#7a5c3a";
}

/* Paul Tol's muted set for the phases of a load; the rest of an invocation is pale, waiting palest.
 */
const char *plot_phase_colour(const char *phase)
{
	static const struct colour colours[] = {
		{ "dma", "#6f8ba3" },	    { "read", "#88ccee" },
		{ "stage", "#332288" },	    { "link", "#ddcc77" },
		{ "map", "#117733" },	    { "relocate", "#cc6677" },
		{ "protect", "#882255" },   { "init", "#44aa99" },
		{ "resolve", "#999933" },   { "call", "#aa4499" },
		{ "unload", "#bbbbbb" },    { "unstage", "#661100" },
		{ "other", "#000000" },	    { "wait", "#f0f0f0" },
		{ "ready", "#f0f0f0" },	    { "idle", "#f0f0f0" },
		{ "drain", "#f0f0f0" },	    { "check", "#e4e4e4" },
		{ "schedule", "#c8dfc0" },  { "orchestrate", "#f2d9b8" },
		{ "create", "#c9c3e6" },    { "args", "#cfe0f2" },
		{ "so_copy", "#a9c8ea" },   { "launch", "#d3cda6" },
		{ "handshake", "#e6c3cf" }, { "copy_back", "#b9ddd6" },
		{ "destroy", "#d9b99b" },   { NULL, NULL }
	};
	const char *colour = colour_find(colours, phase, strlen(phase));

	return colour ? colour : "#dcdcdc";
}

/* White on what is dark. Not the white of paper, which is dark on a dark page. */
const char *plot_word_colour(const char *colour)
{
	unsigned int red = 255, green = 255, blue = 255;

	sscanf(colour, "#%2x%2x%2x", &red, &green, &blue);
	return 299 * red + 587 * green + 114 * blue < 100000 ? "#fffffe" : "#222222";
}

double plot_step(double top)
{
	static const double steps[] = { 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5 };
	double unit = top > 0 ? pow(10.0, floor(log10(top / 2.0))) : 1.0;
	size_t i = sizeof(steps) / sizeof(steps[0]) - 1;

	while (i > 0 && unit * steps[i] > top / 2.0)
		i--;
	return unit * steps[i];
}

const char *plot_time(double ns, char *buffer, size_t size)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	size_t unit = 0;

	if (!isfinite(ns)) {
		snprintf(buffer, size, "not recorded");
		return buffer;
	}
	for (; unit < 3 && ns >= 999.5; unit++)
		ns /= 1000.0;
	snprintf(buffer, size, "%.*f %s",
		 unit == 0 || ns >= 99.95 ? 0
		 : ns >= 9.995		  ? 1
					  : 2,
		 ns, units[unit]);
	return buffer;
}
