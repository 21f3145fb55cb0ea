/* soload count: what a load does, counted exactly; of two builds or objects, whether it does more.
 */
#include "bench/command.h"
#include "bench/gate_count.h"
#include "bench/gate_sides.h"

#include "base/log.h"
#include "base/text.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SO = 256, KEY_EXPECTED, KEY_INSTRUCTIONS, KEY_NO_INSTRUCTIONS, KEY_INJECT, KEY_SYMBOL };

struct count {
	struct gate gate;
	const char *expected;
	enum tally_by by;
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load; may be given several times; default objects/gen_390k.so beside HEAD",
	  0 },
	{ "loader", 'l', "A,B|all", 0, "loaders NAME[:KEY[=VALUE]]..., default all", 0 },
	{ "expected", KEY_EXPECTED, "FILE", 0,
	  "rises that are meant, default " EXPECTED_PATH " where there is one", 1 },
	{ "instructions", KEY_INSTRUCTIONS, "auto|pmu|callgrind|none", 0,
	  "who counts them, default auto: the processor (PMU) where it can and repeats, else "
	  "valgrind's callgrind, which takes some seconds a loader",
	  1 },
	{ "no-instructions", KEY_NO_INSTRUCTIONS, NULL, 0, "the same as --instructions none", 1 },
	{ "symbol", KEY_SYMBOL, "NAME", 0, "looked up and called as long f(void)", 2 },
	{ "inject", KEY_INJECT, "WHAT", 0,
	  "make HEAD do more, to see it found: call, fault, loop=100", 2 },
	{ 0 },
};

static const char doc[] =
	"Counts what a load asks of the kernel and how many instructions it runs itself: exact, "
	"whatever "
	"else the machine does. With BASE and HEAD (builds, objects or loaders as in soload gate), "
	"any rise "
	"fails unless it is declared.\v"
	"Every counter is taken three times on each side; one that does not repeat is advisory. "
	"Instructions are those of user space, of 5 loads together when compared, and both sides' "
	"by "
	"the same counter.\n\n"
	"Examples:\n"
	"  soload count --so liborch.so                       every loader\n"
	"  soload count ../base/build/soload build/soload     does a load do more?\n\n"
	"Exit codes: 0 counted, or no undeclared rise; 1 a rise, or loads of head fail; 2 usage, "
	"or cannot run; "
	"77 nothing could be compared; 128+N interrupted by signal N.";

static enum tally_by by_parse(struct argp_state *state, const char *text)
{
	const char *words[TALLY_BY_CALLGRIND + 2] = { NULL };
	char hint[80];

	for (int i = 0; i <= TALLY_BY_CALLGRIND; i++) {
		words[i] = tally_by_word((enum tally_by)i);
		if (strcmp(words[i], text) == 0)
			return (enum tally_by)i;
	}
	command_usage(state, "--instructions: '%s' is none of auto, pmu, callgrind, none%s", text,
		      text_suggest(text, strlen(text), words, hint, sizeof(hint)));
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct count *count = state->input;
	struct gate_options *gate = &count->gate.options;

	switch (key) {
	case KEY_SO:
		if (gate->path_count == GATE_OBJECTS_MAX)
			command_usage(state, "more than %d objects", GATE_OBJECTS_MAX);
		gate->paths[gate->path_count++] = text;
		return 0;
	case 'l':
		gate->loaders = text;
		return 0;
	case KEY_EXPECTED:
		count->expected = text;
		return 0;
	case KEY_NO_INSTRUCTIONS:
		count->by = TALLY_BY_NOBODY;
		return 0;
	case KEY_INSTRUCTIONS:
		count->by = by_parse(state, text);
		return 0;
	case KEY_SYMBOL:
		gate->symbol = text;
		return 0;
	case KEY_INJECT:
		gate_inject_check(state, text);
		gate->inject = text;
		return 0;
	case ARGP_KEY_ARG:
		if (gate->head)
			command_usage(state, "'%s' is a third one: BASE and HEAD are two", text);
		*(gate->base ? &gate->head : &gate->base) = text;
		return 0;
	case ARGP_KEY_END:
		if (gate->base && !gate->head)
			command_usage(state, "BASE needs a HEAD; an object is given with --so");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp count_argp = {
	options, option_parse, "[BASE HEAD]", doc, NULL, NULL, NULL
};

/* Of loaders, different work is no regression: it is what one compares them for. */
static int pair_judge(struct count *count, struct expected *expected)
{
	struct gate *gate = &count->gate;
	const struct gate_row *failed = NULL;
	size_t counted = 0;

	for (size_t i = 0; i < gate->row_count; i++) {
		struct gate_row *row = &gate->rows[i];

		gate_count_judge(row, expected);
		gate_count_print(row, stdout);
		counted += !row->count->error.text[0];
		if (!failed && (row->state == GATE_BROKEN ||
				(row->count->rise[0] && gate->kind != SIDE_LOADER)))
			failed = row;
	}
	gate_count_unneeded(expected, count->expected ? count->expected : EXPECTED_PATH, stdout);
	if (failed && failed->state == GATE_BROKEN)
		printf("verdict=fail reason=%s: loads of head fail: %s\n", failed->epochs.loader,
		       failed->error.text);
	else if (failed)
		printf("verdict=fail reason=%s: counter %s\n", failed->epochs.loader,
		       failed->count->rise);
	else
		printf("verdict=%s\n", counted ? "pass" : "skipped");
	return failed ? EXIT_MEASURED_FAILURE : counted ? EXIT_DONE : EXIT_SKIPPED;
}

static int rows_count(struct count *count, struct err *err)
{
	struct gate *gate = &count->gate;
	struct progress progress;
	int r = 0;

	progress_begin(&progress, "rows", gate->row_count);
	for (size_t i = 0; r == 0 && i < gate->row_count; i++) {
		progress_step(&progress, i, gate->rows[i].epochs.loader);
		r = gate_count_run(&gate->rows[i], gate->options.base != NULL, count->by, err);
	}
	progress_end(&progress);
	return r;
}

static int count_run(struct count *count, struct expected *expected)
{
	struct gate *gate = &count->gate;
	struct err err = { "" };
	bool counted = false, broken = false;
	int r = expected_read(expected, count->expected ? count->expected : EXPECTED_PATH, &err);

	if (r == 0)
		r = gate_open(gate, &err);
	if (r == 0) {
		command_catch_signals();
		r = rows_count(count, &err);
	}
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (gate->options.base)
		return pair_judge(count, expected);
	for (size_t i = 0; i < gate->row_count; i++) {
		gate_count_list(&gate->rows[i], stdout);
		counted |= !gate->rows[i].count->error.text[0];
		broken |= gate->rows[i].state == GATE_BROKEN;
	}
	return counted && !broken ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}

int command_count(int argc, char **argv)
{
	struct count count = {
		.gate = { .argv = argv, .options = { .pin = GATE_PIN_NONE } },
		.by = TALLY_BY_AUTO,
	};
	struct expected expected = { 0 };
	int code;

	if (argp_parse(&count_argp, argc, argv, 0, NULL, &count))
		return EXIT_USAGE;
	code = count_run(&count, &expected);
	expected_close(&expected);
	gate_close(&count.gate);
	return code;
}
