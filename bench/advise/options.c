/* The command line of soload advise. */
#include "bench/advise/advise.h"

#include "bench/command.h"

#include <argp.h>

enum { KEY_CASE = 256, KEY_ORCH, KEY_SECONDS, KEY_SEED, KEY_DMA, KEY_COHERENT, KEY_OUT };

static const struct argp_option table[] = {
	{ NULL, 'p', "PLATFORM", 0, "a2a3 or a5 (a2a3)", 0 },
	{ NULL, 'r', "RUNTIME", 0, "tensormap_and_ringbuffer, aicpu_build_graph (a2a3) (the first)",
	  0 },
	{ "orch", KEY_ORCH, "FILE.so", 0,
	  "orchestration object; any built for that platform and runtime (the workload's own)", 0 },
	{ "so", KEY_ORCH, NULL, OPTION_ALIAS, NULL, 0 },
	{ "case", KEY_CASE, "NAME", 0, "case of the workload (small)", 0 },
	{ "dma", KEY_DMA, "PRESET|L+B", 0,
	  "modelled hardware: a3, a3-pair, or microseconds per copy + GB/s (a3)", 0 },
	{ "coherent", KEY_COHERENT, "yes|no", 0,
	  "no: as on A2 and A3, the AICPU invalidates what DMA brought, line by line (yes)", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "time to stay within, about, from 5 on (50)", 1 },
	{ NULL, 'n', "ROUNDS", 0,
	  "rounds of every combination in each of eight processes, instead of what fits the time",
	  1 },
	{ "seed", KEY_SEED, "N", 0, "of the inputs and of the order of rounds (1)", 1 },
	{ "out", KEY_OUT, "DIR", 0, "results folder", 1 },
	{ 0 },
};

static const char text[] =
	"Says which change to the way an orchestration object reaches the AICPU is worth making, "
	"and "
	"in what order. Runs the sensible combinations of loader and transport through the whole "
	"invocation, interleaved and each in several fresh processes; ranks those that work, "
	"explains those that do not, and says what the first three steps from simpler's own flow "
	"bring, each alone and together."
	"\v"
	"A step that cannot be told from nothing is said to be so. Modelled times have a column of "
	"their own. Ends with a paragraph for an issue.\n\n"
	"Examples:\n"
	"  soload advise\n"
	"  soload advise --orch libmy_orchestration.so -r aicpu_build_graph --dma 17+10\n"
	"  soload report results/runs/advise-... --out report\n\n"
	"Exit codes: 0 advised; 1 a combination gave a wrong output or a stale load (the others "
	"are "
	"ranked); 2 usage, or nothing could be run; 3 no step can be told from nothing; 128+N "
	"interrupted by signal N.";

static void variant_find(struct repro_options *options, const struct argp_state *state)
{
	repro_variant_find(options, state);
	if (options->variant->host_builds)
		command_usage(state,
			      "host_build_graph loads in the host and sends no object: there "
			      "is nothing to combine");
}

static error_t number_option(struct advise_options *options, const struct argp_state *state,
			     int key, const char *argument)
{
	struct err err = { "" };

	switch (key) {
	case 'n':
		options->rounds = (int64_t)command_number(state, "-n", argument, 2,
							  ADVISE_ROUNDS_MAX / (ADVISE_EPOCHS + 1));
		return 0;
	case KEY_SEED:
		options->repro.seed = command_seed(state, argument);
		return 0;
	case KEY_SECONDS:
		options->seconds = (double)command_duration_ns(state, "--seconds", argument,
							       5 * COMMAND_SECOND_NS) /
				   1e9;
		return 0;
	case KEY_COHERENT:
		repro_coherent_parse(&options->repro, state, argument);
		return 0;
	case KEY_DMA:
		if (dma_model_parse(argument, &options->repro.dma_model, &err) < 0)
			command_usage(state, "%s", err.text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t option_parse(int key, char *argument, struct argp_state *state)
{
	struct advise_options *options = state->input;

	switch (key) {
	case 'p':
		options->repro.platform = argument;
		return 0;
	case 'r':
		options->repro.runtime = argument;
		return 0;
	case KEY_CASE:
		options->repro.case_name = argument;
		return 0;
	case KEY_ORCH:
		options->repro.object_path = argument;
		options->repro.object_is_foreign = true;
		return 0;
	case KEY_OUT:
		options->repro.out = argument;
		return 0;
	case ARGP_KEY_ARG:
		command_usage(state, "'%s' is no option (an object is given with --orch)",
			      argument);
		return 0;
	case ARGP_KEY_END:
		variant_find(&options->repro, state);
		return 0;
	default:
		return number_option(options, state, key, argument);
	}
}

void advise_options_parse(struct advise_options *options, int argc, char **argv)
{
	const struct argp argp = { .options = table, .parser = option_parse, .doc = text };

	*options = (struct advise_options){
		.seconds = 50,
		.repro = { .platform = "a2a3",
			   .runtime = "tensormap_and_ringbuffer",
			   .device_count = 1,
			   .warmup = 1,
			   .seed = 1,
			   .timeout_ns = DEVICE_TIMEOUT_NS,
			   .dma_model = dma_models[0] },
	};
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
