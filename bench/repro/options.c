/* The command line of soload repro. */
#include "bench/repro/repro.h"

#include "base/log.h"
#include "base/text.h"
#include "bench/command.h"

#include <argp.h>
#include <string.h>

#define NUMBER_MAX 1000000000

enum {
	KEY_CASE = 256,
	KEY_LENGTHS,
	KEY_SEED,
	KEY_ORCH,
	KEY_LOADER,
	KEY_TRANSPORT,
	KEY_WHEN,
	KEY_CALLABLES,
	KEY_POOLS,
	KEY_DMA,
	KEY_COHERENT,
	KEY_TIMEOUT,
	KEY_OUT,
	KEY_WARMUP,
	KEY_TABLES,
	KEY_MACHINE_DIRECTORIES,
	KEY_AICPU,
};

static const struct argp_option table[] = {
	{ NULL, 'p', "PLATFORM", 0, "a2a3 or a5 (a2a3)", 0 },
	{ NULL, 'r', "RUNTIME", 0,
	  "tensormap_and_ringbuffer, aicpu_build_graph (a2a3), host_build_graph (the first)", 0 },
	{ NULL, 'd', "DEVICE", 0,
	  "number of the device, or of two at once (0,1): the dies of one chip, which share a file "
	  "system (0)",
	  0 },
	{ NULL, 'n', "ROUNDS", 0, "rounds per arm (5)", 0 },
	{ "warmup", KEY_WARMUP, "ROUNDS", 0, "rounds before those, recorded as warm-up (1)", 0 },
	{ "case", KEY_CASE, "NAME", 0, "case of the workload (small)", 0 },
	{ "context-lens", KEY_LENGTHS, "A,B,...", 0,
	  "tokens per sequence, instead of the case's own", 0 },
	{ "seed", KEY_SEED, "N", 0, "of the inputs and of the order of rounds (1)", 0 },
	{ "orch", KEY_ORCH, "FILE.so", 0,
	  "orchestration object; any built for that platform and runtime. With two devices one "
	  "for both, or A.so,B.so",
	  0 },
	{ "loader", KEY_LOADER, "A,B", 0, "loaders with their options, or all (all)", 0 },
	{ "transport", KEY_TRANSPORT, "A,B", 0, "transports, or all (all)", 0 },
	{ "when", KEY_WHEN, "A,B", 0,
	  "life cycles of the object: per-run (as simpler), once, register, prewarm, or all "
	  "(per-run)",
	  0 },
	{ "callables", KEY_CALLABLES, "N", 0,
	  "so many different objects, 64 at most, that take turns at random by --seed (1)", 0 },
	{ "pools", KEY_POOLS, "upstream|small", 0, "sizes of the runtime's pools (upstream)", 0 },
	{ "dma", KEY_DMA, "PRESET|L+B", 0,
	  "modelled hardware: a3, a3-pair, or microseconds per copy + GB/s", 0 },
	{ "coherent", KEY_COHERENT, "yes|no", 0,
	  "no: as on A2 and A3, the AICPU invalidates what DMA brought, line by line (yes)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0,
	  "without progress of the device, then it is ended (10)", 0 },
	{ "out", KEY_OUT, "DIR", 0, "results folder", 0 },
	{ "tables", KEY_TABLES, NULL, 0, "a table of rounds per arm, also for many arms", 0 },
	{ "machine-directories", KEY_MACHINE_DIRECTORIES, NULL, 0,
	  "loaders stage in this machine's own directories", 0 },
	{ "aicpu", KEY_AICPU, "COMMAND", 0,
	  "a soload built for another machine, after its emulator, to be the AICPU (this program)",
	  0 },
	{ "verbose", 'v', NULL, 0, "upstream's log and TIMING lines on stderr", 0 },
	{ 0 },
};

static const char text[] =
	"Runs a workload (paged_attention_unroll) through the whole flow of simpler: the host "
	"builds "
	"the Runtime struct and copies it to the device, the AICPU loads the orchestration object, "
	"its task graph runs on modelled AI cores, and the output is compared with a golden. Says "
	"what each phase costs, for every loader and transport."
	"\v"
	"Examples:\n"
	"  soload repro                       every loader, every transport\n"
	"  soload repro --loader disk,memfd --transport inline -n 20\n"
	"  soload repro --case Case1 --loader disk --transport inline -v\n"
	"  soload repro --orch libmy_orchestration.so --loader disk:mended\n"
	"  soload repro -d 0,1 --loader disk,disk:mended --transport separate -n 20\n"
	"  soload repro --when all --loader disk,elf,prelinked --transport inline,dedup\n"
	"  soload repro --when per-run,register --callables 64 -n 200 --loader prelinked\n"
	"  soload repro --dma 17+10 --out results/runs/mine\n"
	"  soload repro --aicpu 'qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/soload'\n";

static void lengths_parse(struct repro_options *options, const struct argp_state *state,
			  char *argument)
{
	char *saved = NULL;

	options->length_count = 0;
	for (char *word = strtok_r(argument, ",", &saved); word;
	     word = strtok_r(NULL, ",", &saved)) {
		if (options->length_count == REPRO_LENGTHS_MAX)
			command_usage(state, "more than %d context lengths", REPRO_LENGTHS_MAX);
		options->lengths[options->length_count++] =
			(uint32_t)command_number(state, "--context-lens", word, 1, NUMBER_MAX);
	}
	if (options->length_count == 0)
		command_usage(state, "--context-lens: give lengths such as 1,1000,8192");
}

/* Both names are known only at the end. */
void repro_variant_find(struct repro_options *options, const struct argp_state *state)
{
	struct err err = { "" };

	options->variant = device_variant_find(options->platform, options->runtime, &err);
	if (!options->variant)
		command_usage(state, "%s", err.text);
}

void repro_coherent_parse(struct repro_options *options, const struct argp_state *state,
			  const char *argument)
{
	options->incoherent = strcmp(argument, "no") == 0;
	if (!options->incoherent && strcmp(argument, "yes") != 0)
		command_usage(state, "coherent '%s': yes or no", argument);
}

static void pools_parse(struct repro_options *options, const struct argp_state *state,
			const char *argument)
{
	if (strcmp(argument, "upstream") == 0)
		options->pools = RUNTIME_POOLS_UPSTREAM;
	else if (strcmp(argument, "small") == 0)
		options->pools = RUNTIME_POOLS_SMALL;
	else
		command_usage(state, "pools '%s': upstream or small", argument);
}

static void dma_parse(struct repro_options *options, const struct argp_state *state,
		      const char *argument)
{
	struct err err;

	if (dma_model_parse(argument, &options->dma_model, &err) < 0)
		command_usage(state, "%s", err.text);
}

static void devices_parse(struct repro_options *options, const struct argp_state *state,
			  char *argument)
{
	char *items[REPRO_DIES_MAX];
	int count = options_split(argument, items, REPRO_DIES_MAX);

	if (count < 0)
		command_usage(state, "more than %d devices at once: they are the dies of one chip",
			      REPRO_DIES_MAX);
	for (int i = 0; i < count; i++) {
		options->devices[i] = (int)command_number(state, "-d", items[i], 0, NUMBER_MAX);
		if (i > 0 && options->devices[i] == options->devices[0])
			command_usage(state, "device %d is named twice", options->devices[i]);
	}
	options->device_count = count;
}

static error_t number_option(struct repro_options *options, const struct argp_state *state, int key,
			     const char *argument)
{
	switch (key) {
	case 'n':
		options->rounds = (int64_t)command_number(state, "-n", argument, 1, NUMBER_MAX);
		return 0;
	case KEY_WARMUP:
		options->warmup =
			(int64_t)command_number(state, "--warmup", argument, 0, NUMBER_MAX);
		return 0;
	case KEY_SEED:
		options->seed = command_seed(state, argument);
		return 0;
	case KEY_CALLABLES:
		options->callables = (int64_t)command_number(state, "--callables", argument, 1,
							     DEVICE_CALLABLES_MAX);
		return 0;
	case KEY_TIMEOUT:
		options->timeout_ns =
			command_duration_ns(state, "--timeout", argument, COMMAND_SECOND_NS / 10);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t text_option(struct repro_options *options, const struct argp_state *state, int key,
			   char *argument)
{
	switch (key) {
	case KEY_CASE:
		options->case_name = argument;
		return 0;
	case KEY_ORCH:
		options->object_path = argument;
		options->object_is_foreign = true;
		return 0;
	case KEY_LOADER:
		options->loaders = argument;
		return 0;
	case KEY_TRANSPORT:
		options->transports = argument;
		return 0;
	case KEY_WHEN:
		options->whens = argument;
		return 0;
	case KEY_OUT:
		options->out = argument;
		return 0;
	case KEY_AICPU:
		options->aicpu_text = argument;
		return 0;
	case KEY_LENGTHS:
		lengths_parse(options, state, argument);
		return 0;
	default:
		return number_option(options, state, key, argument);
	}
}

static error_t option_parse(int key, char *argument, struct argp_state *state)
{
	struct repro_options *options = state->input;

	switch (key) {
	case 'p':
		options->platform = argument;
		return 0;
	case 'r':
		options->runtime = argument;
		return 0;
	case 'd':
		devices_parse(options, state, argument);
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_TABLES:
		options->tables = true;
		return 0;
	case KEY_MACHINE_DIRECTORIES:
		options->machine_directories = true;
		return 0;
	case KEY_COHERENT:
		repro_coherent_parse(options, state, argument);
		return 0;
	case ARGP_KEY_END:
		repro_variant_find(options, state);
		return 0;
	case KEY_POOLS:
		pools_parse(options, state, argument);
		return 0;
	case KEY_DMA:
		dma_parse(options, state, argument);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			command_usage(state, "one workload at a time: '%s' is one too many",
				      argument);
		options->workload = argument;
		return 0;
	default:
		return text_option(options, state, key, argument);
	}
}

void repro_options_parse(struct repro_options *options, int argc, char **argv)
{
	static char all_loaders[] = "all", all_transports[] = "all", per_run[] = "per-run";
	const struct argp argp = {
		.options = table, .parser = option_parse, .args_doc = "[WORKLOAD]", .doc = text
	};

	*options = (struct repro_options){
		.platform = "a2a3",
		.runtime = "tensormap_and_ringbuffer",
		.loaders = all_loaders,
		.transports = all_transports,
		.whens = per_run,
		.callables = 1,
		.device_count = 1,
		.rounds = 5,
		.warmup = 1,
		.seed = 1,
		.timeout_ns = DEVICE_TIMEOUT_NS,
		.dma_model = dma_models[0],
	};
	argp_parse(&argp, argc, argv, 0, NULL, options);
	if (options->verbose && log_level < LOG_LEVEL_INFO)
		log_level = LOG_LEVEL_INFO;
}
