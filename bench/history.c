/* soload history: what became of the loads over the revisions of this repository. */
#include "bench/command.h"
#include "bench/gate_options.h"
#include "bench/gate_row.h"
#include "bench/history/history.h"
#include "bench/subject.h"

#include "base/log.h"
#include "base/text.h"

#include <argp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_FILE = 256,
	KEY_SO,
	KEY_REFERENCE,
	KEY_AGAIN,
	KEY_TIME,
	KEY_NO_INSTRUCTIONS,
	KEY_NO_COUNT,
	KEY_BUILDS,
	KEY_PIN,
	KEY_SEED,
	KEY_OUT,
	KEY_ENGINE,
};

struct words {
	struct history_options options;
	const char *word;
	char object[PATH_MAX];
};

static const struct argp_option table[] = {
	{ "file", KEY_FILE, "FILE", 0, "the history, default " HISTORY_PATH, 0 },
	{ "so", KEY_SO, "FILE", 0, "the object to load, default objects/gen_390k.so beside soload",
	  0 },
	{ "loader", 'l', "A,B|all", 0, "loaders, default all", 0 },
	{ "again", KEY_AGAIN, NULL, 0, "add: measure lines anew; without REVISION all there are",
	  1 },
	{ "reference", KEY_REFERENCE, "REVISION", 0,
	  "add: the revision to compare with, default the one " HISTORY_REFERENCE " names", 1 },
	{ "time", KEY_TIME, "SECONDS", 0, "add: for one loader of one revision, default 1s", 1 },
	{ "no-instructions", KEY_NO_INSTRUCTIONS, NULL, 0,
	  "add: count no instructions (which need valgrind)", 1 },
	{ "no-count", KEY_NO_COUNT, NULL, 0, "add: no counters; check: the file alone", 1 },
	{ "builds", KEY_BUILDS, "DIR", 0, "add: where revisions are built, default build/history",
	  1 },
	{ "pin", KEY_PIN, "CPU|auto|none", 0, "add: where everything runs, default auto: one CPU",
	  1 },
	{ "seed", KEY_SEED, "S", 0, "add: of the coins, default 1", 1 },
	{ "out", KEY_OUT, "DIR", 0, "plot: the folder to draw to, default results/runs/history",
	  2 },
	{ "engine", KEY_ENGINE, "NAME", 0, "plot: gnuplot, matplotlib, or none", 2 },
	{ 0 },
};

static const char doc[] =
	"One line per revision: how long its loads take, as a ratio to a revision that is pinned, "
	"rebuilt and run beside it, and what they do, counted. Never a stored time.\v"
	"  add [REVISION...]   build revisions (HEAD without one), measure, append in order\n"
	"  check               is the file whole and in order, and does this build do more than "
	"its last line says?\n"
	"  plot                both as figures, changes marked and listed; and as otava.csv, for "
	"Apache Otava\n\n"
	"Examples:\n"
	"  soload history add                  a line for HEAD\n"
	"  soload history add v1 v2 v3         lines for earlier ones, put where they belong\n"
	"  soload history add --again          all lines anew: on a calm machine, or after the "
	"reference moved\n\n"
	"Exit codes: 0 done, or no rise; 1 a load does more than the last line says; 2 usage, a "
	"damaged file, or a revision that could not be measured (the others are kept); 77 nothing "
	"to compare with here; 128+N interrupted by signal N.";

static const char *const verbs[] = { "add", "check", "plot", NULL };

static error_t measuring_parse(int key, char *text, struct argp_state *state,
			       struct history_options *options)
{
	switch (key) {
	case KEY_AGAIN:
		options->again = true;
		return 0;
	case KEY_REFERENCE:
		options->reference = text;
		return 0;
	case KEY_TIME:
		options->time_ns = command_duration_ns(state, "--time", text, GATE_TIME_MIN_NS);
		return 0;
	case KEY_NO_INSTRUCTIONS:
		options->instructions = false;
		return 0;
	case KEY_NO_COUNT:
		options->count = false;
		return 0;
	case KEY_BUILDS:
		options->builds = text;
		return 0;
	case KEY_PIN:
		options->pin = gate_pin_parse(state, text);
		return 0;
	case KEY_SEED:
		options->seed = command_seed(state, text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void word_parse(struct argp_state *state, struct words *words)
{
	char hint[64];

	words->word = state->argc > state->next ? state->argv[state->next++] : "";
	for (size_t i = 0; verbs[i]; i++) {
		if (strcmp(verbs[i], words->word) == 0)
			return;
	}
	command_usage(state, "what to do is add, check or plot, not '%s'%s", words->word,
		      text_suggest(words->word, strlen(words->word), verbs, hint, sizeof(hint)));
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct words *words = state->input;
	struct history_options *options = &words->options;

	switch (key) {
	case KEY_FILE:
		options->path = text;
		return 0;
	case KEY_SO:
		options->object = text;
		return 0;
	case 'l':
		options->loaders = text;
		return 0;
	case KEY_OUT:
		options->out = text;
		return 0;
	case KEY_ENGINE:
		draw_engine_parse(state, text, &options->engine, &options->draw);
		return 0;
	case ARGP_KEY_NO_ARGS:
	case ARGP_KEY_ARGS:
		word_parse(state, words);
		options->revisions = state->argv + state->next;
		options->revision_count = (size_t)(state->argc - state->next);
		if (options->revision_count && strcmp(words->word, "add") != 0)
			command_usage(state, "%s takes no '%s'", words->word,
				      options->revisions[0]);
		return 0;
	default:
		return measuring_parse(key, text, state, options);
	}
}

static const struct argp history_argp = { table, option_parse, "add [REVISION...]\ncheck\nplot",
					  doc,	 NULL,	       NULL,
					  NULL };

int command_history(int argc, char **argv)
{
	struct words words = { .options = { .path = HISTORY_PATH,
					    .builds = "build/history",
					    .out = "results/runs/history",
					    .time_ns = UINT64_C(1000000000),
					    .seed = 1,
					    .pin = GATE_PIN_AUTO,
					    .instructions = true,
					    .count = true,
					    .draw = true,
					    .argv = argv } };
	struct err err;

	if (argp_parse(&history_argp, argc, argv, 0, NULL, &words))
		return EXIT_USAGE;
	if (!words.options.object && subject_beside(command_line ? command_line[0] : "build/soload",
						    words.object, sizeof(words.object), &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (!words.options.object)
		words.options.object = words.object;
	switch (words.word[0]) {
	case 'a':
		return history_add(&words.options);
	case 'c':
		return history_check(&words.options);
	default:
		return history_plot(&words.options);
	}
}
