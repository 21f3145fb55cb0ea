/* Parsing the command line of `soload run`, and its help. See options.h. */
#include "bench/run/options.h"

#include "base/text.h"
#include "bench/command.h"
#include "bench/crowd.h"

#include <argp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define COUNTED 5		       /* loads under the tracer */
#define UNTIL_NS UINT64_C(60000000000) /* the patience of --until alone */

enum {
	KEY_SO = 256,
	KEY_WARMUP,
	KEY_SEED,
	KEY_ORDER,
	KEY_PIN,
	KEY_SPINNER,
	KEY_SYMBOL,
	KEY_NO_CALL,
	KEY_OUT,
	KEY_BATCH,
	KEY_CHECK,
	KEY_TIMEOUT,
	KEY_COUNTERS,
	KEY_MACHINE_DIRECTORIES,
	KEY_PROBE,
	KEY_SCAN,
	KEY_TIME,
	KEY_UNTIL,
	KEY_COLD,
	KEY_ISOLATE,
	KEY_THREADS,
	KEY_EXPORT, /* + enum export_kind */
};

static const struct argp_option table[] = {
	{ "so", KEY_SO, "FILE", 0, "a shared object to load; may be given several times", 0 },
	{ "loader", 'l', "A,B|all", 0, "loaders NAME[:KEY[=VALUE]]..., default all", 0 },
	{ "scan", KEY_SCAN, "WHAT=RANGE", 0,
	  "make objects that differ in size, relocs, imports or symbols, and measure those: "
	  "size=4K:16M:x2, relocs=0:5000:+1000, imports=10,100",
	  0 },
	{ "loads", 'n', "N", 0,
	  "measured loads per loader and object, default 100; with --time or --until no limit", 0 },
	{ "time", KEY_TIME, "T", 0, "measure no longer than this in all: 500ms, 30s, 2m", 0 },
	{ "until", KEY_UNTIL, "X%", 0,
	  "measure until the median of every row is known to within X %, at most 60s or --time",
	  0 },
	{ "out", KEY_OUT, "DIR", 0, "the results folder, default results/runs/run-DATE-PID", 0 },
#define EXPORT(name, help) { "export-" #name, KEY_EXPORT + EXPORT_##name, "FILE", 0, help, 3 },
#include "bench/export/exports.def"
#undef EXPORT
	{ "symbol", KEY_SYMBOL, "NAME", 0,
	  "looked up and called as long f(void) in every load; default soload_entry, else the "
	  "first function, looked up only",
	  1 },
	{ "no-call", KEY_NO_CALL, NULL, 0, "look the symbol up, do not call it", 1 },
	{ "warmup", KEY_WARMUP, "N", 0, "loads before the first measured one, default 5", 2 },
	{ "cold", KEY_COLD, "none|file|all", 0,
	  "before each load drop from memory: the staged file, or everything the machine caches "
	  "(root; slows the whole machine)",
	  2 },
	{ "isolate", KEY_ISOLATE, NULL, 0, "every load in a fresh process", 2 },
	{ "threads", KEY_THREADS, "N", 0,
	  "N threads of the process load at once; -n is then of each", 2 },
	{ "batch", KEY_BATCH, "N", 0, "measured loads in a turn, after one discarded, default 10",
	  2 },
	{ "order", KEY_ORDER, "random|sequential", 0, "how the turns follow, default random", 2 },
	{ "seed", KEY_SEED, "S", 0, "of the random order; default a new one, kept in run.json", 2 },
	{ "pin", KEY_PIN, "CPU|auto|none", 0, "where the loads run, default auto: one CPU for all",
	  2 },
	{ "spinner", KEY_SPINNER, NULL, 0, "another thread of the process spins meanwhile", 2 },
	{ "check", KEY_CHECK, "warmup|every", 0,
	  "compare what is mapped with the object's bytes in warm-up and discarded loads "
	  "(default), or in every load, which costs caches",
	  2 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "for one load, default 10", 2 },
	{ "counters", KEY_COUNTERS, NULL, 0,
	  "afterwards, count the system calls of some loads, untimed, through a tracer", 2 },
	{ "probe", KEY_PROBE, "LIST", 0,
	  "afterwards, watch some loads with these probes (soload list probes), or auto; the times "
	  "above are never taken from those",
	  2 },
	{ "machine-directories", KEY_MACHINE_DIRECTORIES, NULL, 0,
	  "stage in this machine's own directories (as root simpler's list begins with "
	  "/usr/lib64), not in private ones mounted over them",
	  2 },
	{ 0 },
};

static const char doc[] =
	"Loads objects again and again: load, look a symbol up, call it, unload. Every loader runs "
	"in a process of its own, and their turns are interleaved in random order.\v"
	"Examples:\n"
	"  soload run --so liborch.so                        every loader that works here\n"
	"  soload run --so liborch.so -l disk,memfd -n 1000  two, with more loads\n"
	"  soload run --so a.so --so b.so -l disk:mended --out results/runs/mine\n"
	"  soload run --so liborch.so -l elf --spinner       while another thread runs\n"
	"  soload run --so liborch.so --until 1%             as many loads as it takes\n"
	"  soload run --so liborch.so -l disk --cold file    from the disk, as after boot\n"
	"  soload run --so liborch.so -l memfd --threads 4   four at once\n"
	"  soload run --scan size=4K:16M:x2 -l memfd,elf     how time grows with size\n"
	"  soload run --so liborch.so --export-md table.md --export-gbench run.json\n"
	"\n"
	"Every load is a row of samples.csv (see results/README.md); -n counts the measured ones, "
	"those with warmup=0. What is printed as CI is how well the median is known: the 95 % "
	"interval "
	"of the medians of the turns, in per cent of it. Ctrl-C keeps what there is.\n\n"
	"Exit codes: 0 done; 1 a load failed, crashed, hung or was stale; 2 usage, or nothing "
	"could run; 128+N interrupted by signal N.";

/* The place of `text` in `words`, which end with NULL. */
static int word_parse(struct argp_state *state, const char *option, const char *text,
		      const char *const *words)
{
	char hint[80];

	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
	}
	command_usage(state, "%s: '%s' is none of its words%s", option, text,
		      text_suggest(text, strlen(text), words, hint, sizeof(hint)));
}

static void path_add(struct argp_state *state, struct run_options *run, const char *path)
{
	if (run->path_count == RUN_OBJECTS_MAX)
		command_usage(state, "more than %d objects", RUN_OBJECTS_MAX);
	run->paths[run->path_count++] = path;
}

static double until_parse(struct argp_state *state, const char *text)
{
	char *end = NULL;
	double value = *text >= '0' && *text <= '9' ? strtod(text, &end) : 0.0;

	if (!(value > 0.0 && value <= 100.0) || strcmp(end, "%") != 0)
		command_usage(state, "--until: '%s' is no share such as 1%% or 0.5%%", text);
	return value / 100.0;
}

static void scan_option_parse(struct argp_state *state, struct run_options *run, const char *text)
{
	struct err err;

	if (run->scan.count)
		command_usage(state, "--scan: one of them is all a run can show");
	if (scan_parse(&run->scan, text, &err) < 0)
		command_usage(state, "--scan: %s", err.text);
}

/* What ends the run, where -n does not. */
static void limits_complete(struct argp_state *state, struct run_options *run)
{
	struct runner_options *runner = &run->runner;

	if (runner->threads > 1 && runner->isolate)
		command_usage(state,
			      "--threads and --isolate: a fresh process has one load, not %u",
			      runner->threads);
	if ((runner->batch + RUNNER_LEAD) * (runner->threads ? runner->threads : 1) >
	    WORKER_BATCH_MAX)
		command_usage(state, "--batch %u with --threads %u: at most %d loads in a turn",
			      runner->batch, runner->threads, WORKER_BATCH_MAX);
	if (runner->until > 0.0 && !runner->time_ns && !run->loads_given)
		runner->time_ns = UNTIL_NS;
	if ((runner->until > 0.0 || runner->time_ns) && !run->loads_given)
		runner->loads = RUN_LOADS_MAX;
}

static void pin_parse(struct argp_state *state, struct run_options *run, const char *text)
{
	if (strcmp(text, "auto") == 0) {
		run->pin = RUN_PIN_AUTO;
	} else if (strcmp(text, "none") == 0) {
		run->pin = RUN_PIN_NONE;
	} else {
		run->pin = RUN_PIN_CPU;
		run->pin_cpu = (int)command_number(state, "--pin", text, 0, CPU_SETSIZE - 1);
	}
}

/* How much is measured. */
static error_t amount_parse(int key, char *text, struct argp_state *state)
{
	struct run_options *run = state->input;

	switch (key) {
	case 'n':
		run->runner.loads = (uint32_t)command_number(state, "-n", text, 1, RUN_LOADS_MAX);
		run->loads_given = true;
		return 0;
	case KEY_TIME:
		run->runner.time_ns = command_duration_ns(state, "--time", text, 1000000);
		return 0;
	case KEY_UNTIL:
		run->runner.until = until_parse(state, text);
		return 0;
	case KEY_WARMUP:
		run->runner.warmup = (uint32_t)command_number(state, "--warmup", text, 0, 1000000);
		return 0;
	case KEY_BATCH:
		run->runner.batch = (uint32_t)command_number(state, "--batch", text, 1,
							     WORKER_BATCH_MAX - RUNNER_LEAD);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t method_parse(int key, char *text, struct argp_state *state)
{
	static const char *const orders[] = { "random", "sequential", NULL };
	static const char *const checks[] = { "warmup", "every", NULL };
	static const char *const colds[] = { "none", "file", "all", NULL };
	struct run_options *run = state->input;

	switch (key) {
	case KEY_COLD:
		run->runner.cold = (enum cold)word_parse(state, "--cold", text, colds);
		return 0;
	case KEY_ISOLATE:
		run->runner.isolate = true;
		return 0;
	case KEY_THREADS:
		run->runner.threads =
			(uint32_t)command_number(state, "--threads", text, 1, CROWD_MAX);
		return 0;
	case KEY_ORDER:
		run->runner.order = (enum runner_order)word_parse(state, "--order", text, orders);
		return 0;
	case KEY_SEED:
		run->runner.seed = command_seed(state, text);
		run->seeded = true;
		return 0;
	case KEY_PIN:
		pin_parse(state, run, text);
		return 0;
	case KEY_SPINNER:
		run->runner.spinner = true;
		return 0;
	case KEY_CHECK:
		run->runner.check_every = (uint32_t)word_parse(state, "--check", text, checks);
		return 0;
	case KEY_COUNTERS:
		run->runner.counted = COUNTED;
		return 0;
	case KEY_MACHINE_DIRECTORIES:
		run->runner.machine_directories = true;
		return 0;
	case KEY_TIMEOUT:
		run->runner.timeout_ns =
			command_duration_ns(state, "--timeout", text, COMMAND_SECOND_NS);
		return 0;
	default:
		return amount_parse(key, text, state);
	}
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct run_options *run = state->input;

	if (key >= KEY_EXPORT && key < KEY_EXPORT + EXPORT_COUNT) {
		run->exports.paths[key - KEY_EXPORT] = text;
		return 0;
	}
	switch (key) {
	case KEY_SO:
	case ARGP_KEY_ARG:
		path_add(state, run, text);
		return 0;
	case 'l':
		run->loaders = text;
		return 0;
	case KEY_SCAN:
		scan_option_parse(state, run, text);
		return 0;
	case KEY_PROBE:
		run->probes = text;
		return 0;
	case KEY_OUT:
		run->out = text;
		return 0;
	case KEY_SYMBOL:
		run->symbol = text;
		return 0;
	case KEY_NO_CALL:
		run->call = false;
		return 0;
	case ARGP_KEY_END:
		if (!run->path_count && !run->scan.count)
			command_usage(state, "no object given: --so FILE, or --scan");
		limits_complete(state, run);
		return 0;
	default:
		return method_parse(key, text, state);
	}
}

static const struct argp run_argp = { table, option_parse, "[FILE...]", doc, NULL, NULL, NULL };

void run_options_parse(struct run_options *ret_options, int argc, char **argv)
{
	*ret_options = (struct run_options){
		.loaders = "all",
		.call = true,
		.runner = { .loads = 100, .warmup = 5, .batch = 10 },
	};
	argp_parse(&run_argp, argc, argv, 0, NULL, ret_options);
}
