/* soload report: figures, tables and texts out of recorded runs. Builds nothing, runs no load. */
#include "bench/command.h"

#include "base/file.h"
#include "base/log.h"
#include "bench/report/chrome.h"
#include "bench/report/data.h"
#include "bench/report/draw.h"
#include "bench/report/figures.h"
#include "bench/report/text.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_ENGINE = 256,
	OPTION_OUT,
	OPTION_SCRIPTS,
	OPTION_ISSUE,
	OPTION_PR,
	OPTION_TRACE,
	OPTION_URL
};

struct report_options {
	const char *out, *scripts, *figures;
	enum draw_engine engine;
	bool draw, issue, pr, trace;
	char *const *runs;
	size_t run_count;
};

static const struct argp_option table[] = {
	{ "out", OPTION_OUT, "DIR", 0, "folder to write to (results/report)", 0 },
	{ "engine", OPTION_ENGINE, "NAME", 0,
	  "gnuplot, matplotlib, or none; without: gnuplot, else matplotlib", 0 },
	{ "scripts", OPTION_SCRIPTS, "DIR", 0, "folder of the drawings (reports/ of the sources)",
	  0 },
	{ "issue", OPTION_ISSUE, "KIND", 0, "also print the text of an issue; KIND is performance",
	  0 },
	{ "pr", OPTION_PR, NULL, 0, "also print the text of a pull request comment", 0 },
	{ "figures-url", OPTION_URL, "BASE", 0,
	  "where the pictures of a text to paste will be: links are BASE/NAME.png (figures)", 0 },
	{ "trace", OPTION_TRACE, NULL, 0,
	  "also write DIR/trace.json, a timeline for ui.perfetto.dev and chrome://tracing", 0 },
	{ 0 },
};

static const char doc[] =
	"Draws and writes down what recorded runs say: DIR/report.md, "
	"DIR/report.html (one file with "
	"everything in it) and DIR/figures/. RUN is a results folder of soload "
	"run, repro or gate.\v"
	"Examples:\n"
	"  soload report results/runs/repro                        results/report/report.html\n"
	"  soload report RUN GATE --out DIR --engine matplotlib    several records in one\n"
	"  soload report RUN --issue performance >issue.md         a text to paste\n\n"
	"Damaged or missing rows are left out and named in the report.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct report_options *options = state->input;

	switch (key) {
	case OPTION_OUT:
		options->out = text;
		return 0;
	case OPTION_ENGINE:
		draw_engine_parse(state, text, &options->engine, &options->draw);
		return 0;
	case OPTION_SCRIPTS:
		options->scripts = text;
		return 0;
	case OPTION_ISSUE:
		if (strcmp(text, "performance") != 0)
			command_usage(state, "no issue form '%s': there is performance", text);
		options->issue = true;
		return 0;
	case OPTION_PR:
		options->pr = true;
		return 0;
	case OPTION_URL:
		options->figures = text;
		return 0;
	case OPTION_TRACE:
		options->trace = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->runs = state->argv + state->next;
		options->run_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		command_usage(state, "name the results folder of a run");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp report_argp = { table, option_parse, "RUN...", doc, NULL, NULL, NULL };

/* Figures that cannot be drawn are no reason to keep the numbers back. */
static int figures_draw(struct plots *plots, const struct report_options *options,
			struct data *data)
{
	struct err err = { "" };
	int r;

	if (!options->draw || plots->n == 0)
		return 0;
	r = draw_figures(plots, options->engine, options->scripts, &err);
	if (r < 0) {
		data_note(data, "no pictures: %s", err.text);
		log_warn("no pictures: %s", err.text);
	}
	return options->engine == DRAW_AUTO && r == -ENOENT ? 0 : r;
}

/* One of an earlier report would be of other records. */
static int trace_make(struct data *data, const struct report_options *options, struct err *err)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/trace.json", options->out);
	if (options->trace)
		return chrome_write(data, path, err);
	unlink(path);
	return 0;
}

static int report_make(struct data *data, const struct report_options *options, struct err *err)
{
	char folder[4096];
	struct plots plots = { .folder = folder };
	int r, drawn;

	if (snprintf(folder, sizeof(folder), "%s/figures", options->out) >= (int)sizeof(folder))
		return err_set(err, ENAMETOOLONG, "--out: the path is too long");
	r = file_make_directory(folder, err);
	for (size_t i = 0; r == 0 && i < options->run_count; i++)
		r = data_read(data, options->runs[i], err);
	if (r < 0)
		return r;
	data_sort(data);
	r = figures_make(data, &plots, err);
	if (r < 0)
		return r;
	drawn = figures_draw(&plots, options, data);
	r = text_report(data, &plots, options->out, err);
	if (r == 0)
		r = trace_make(data, options, err);
	if (r == 0 && options->issue)
		text_issue(data, &plots, options->figures, stdout);
	if (r == 0 && options->pr)
		text_pull_request(data, &plots, options->figures, stdout);
	return r < 0 ? r : drawn < 0 ? err_set(err, EIO, "the pictures could not be drawn") : 0;
}

int command_report(int argc, char **argv)
{
	struct report_options options = { .out = "results/report",
					  .figures = TEXT_FIGURES,
					  .draw = true };
	struct data *data = calloc(1, sizeof(*data));
	struct err err = { "" };
	int r;

	if (!data)
		return EXIT_USAGE;
	if (argp_parse(&report_argp, argc, argv, 0, NULL, &options)) {
		free(data);
		return EXIT_USAGE;
	}
	r = report_make(data, &options, &err);
	if (r < 0)
		log_error("%s", err.text);
	else
		fprintf(options.issue || options.pr ? stderr : stdout, "report: %s/report.html\n",
			options.out);
	data_free(data);
	free(data);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}
