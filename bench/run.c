/* soload run: loads alone, interleaved, each loader in a worker process of its own. */
#include "bench/command.h"
#include "bench/machine.h"
#include "bench/run_report.h"
#include "bench/runner.h"

#include "base/log.h"
#include "base/options.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define OBJECTS_MAX 64
#define LOADERS_MAX 64
#define COUNTED 5 /* loads under the tracer */

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
};

enum pin { PIN_AUTO, PIN_NONE, PIN_CPU };

struct run {
	const char *paths[OBJECTS_MAX];
	size_t path_count;
	const char *loader_text;
	char *loader_copy;
	const char *loaders[LOADERS_MAX]; /* in loader_copy, or names of types */
	bool stages[LOADERS_MAX];
	size_t loader_count;
	const char *symbol, *out;
	bool call, seeded;
	enum pin pin;
	int pin_cpu;
	struct runner_options options;
	struct subject *subjects;
	size_t subject_count;
	char **argv;
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0, "a shared object to load; may be given several times", 0 },
	{ "loader", 'l', "A,B|all", 0, "loaders NAME[:KEY[=VALUE]]..., default all", 0 },
	{ "loads", 'n', "N", 0, "measured loads per loader and object, default 100", 0 },
	{ "out", KEY_OUT, "DIR", 0, "the results folder, default results/runs/run-DATE-PID", 0 },
	{ "symbol", KEY_SYMBOL, "NAME", 0,
	  "looked up and called as long f(void) in every load; default soload_entry, else the "
	  "first "
	  "function, looked up only",
	  1 },
	{ "no-call", KEY_NO_CALL, NULL, 0, "look the symbol up, do not call it", 1 },
	{ "warmup", KEY_WARMUP, "N", 0, "loads before the first measured one, default 5", 2 },
	{ "batch", KEY_BATCH, "N", 0, "measured loads in a turn, after one discarded, default 10",
	  2 },
	{ "order", KEY_ORDER, "random|sequential", 0, "how the turns follow, default random", 2 },
	{ "seed", KEY_SEED, "S", 0, "of the random order; default a new one, kept in run.json", 2 },
	{ "pin", KEY_PIN, "CPU|auto|none", 0, "where the loads run, default auto: one CPU for all",
	  2 },
	{ "spinner", KEY_SPINNER, NULL, 0, "another thread of the process spins meanwhile", 2 },
	{ "check", KEY_CHECK, "warmup|every", 0,
	  "compare what is mapped with the object's bytes in warm-up and discarded loads "
	  "(default), "
	  "or in every load, which costs caches",
	  2 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "for one load, default 10", 2 },
	{ "counters", KEY_COUNTERS, NULL, 0,
	  "afterwards, count the system calls of some loads, untimed, through a tracer", 2 },
	{ "machine-directories", KEY_MACHINE_DIRECTORIES, NULL, 0,
	  "stage in this machine's own directories (as root the seed's list begins with "
	  "/usr/lib64), not in private ones mounted over them",
	  2 },
	{ 0 },
};

static const char doc[] =
	"Loads objects again and again: load, look a symbol up, call it, unload. Every loader runs "
	"in "
	"a process of its own, and their turns are interleaved in random order.\v"
	"Examples:\n"
	"  soload run --so liborch.so                          every loader that works here\n"
	"  soload run --so liborch.so -l disk,memfd -n 1000    two, with more loads\n"
	"  soload run --so a.so --so b.so -l disk:mended --out results/runs/mine\n"
	"  soload run --so liborch.so -l elf,disk --spinner    while another thread runs\n"
	"\n"
	"Every load is a row of samples.csv (see results/README.md); -n counts the measured ones, "
	"those with warmup=0.\n\n"
	"Exit codes: 0 done; 1 a load failed, crashed, hung or was stale; 2 usage, or nothing "
	"could "
	"run; 128+N interrupted by signal N.";

static uint64_t number_parse(struct argp_state *state, const char *option, const char *text,
			     uint64_t least, uint64_t most)
{
	uint64_t value;

	if (options_size(text, &value) < 0 || value < least || value > most)
		command_usage(state, "%s: '%s' is not a number from %llu to %llu", option, text,
			      (unsigned long long)least, (unsigned long long)most);
	return value;
}

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
		      command_suggest(text, words, hint, sizeof(hint)));
}

static void path_add(struct argp_state *state, struct run *run, const char *path)
{
	if (run->path_count == OBJECTS_MAX)
		command_usage(state, "more than %d objects", OBJECTS_MAX);
	run->paths[run->path_count++] = path;
}

static void pin_parse(struct argp_state *state, struct run *run, const char *text)
{
	if (strcmp(text, "auto") == 0) {
		run->pin = PIN_AUTO;
	} else if (strcmp(text, "none") == 0) {
		run->pin = PIN_NONE;
	} else {
		run->pin = PIN_CPU;
		run->pin_cpu = (int)number_parse(state, "--pin", text, 0, CPU_SETSIZE - 1);
	}
}

static error_t method_parse(int key, char *text, struct argp_state *state)
{
	static const char *const orders[] = { "random", "sequential", NULL };
	static const char *const checks[] = { "warmup", "every", NULL };
	struct run *run = state->input;

	switch (key) {
	case KEY_WARMUP:
		run->options.warmup = (uint32_t)number_parse(state, "--warmup", text, 0, 1000000);
		return 0;
	case KEY_BATCH:
		run->options.batch = (uint32_t)number_parse(state, "--batch", text, 1,
							    WORKER_BATCH_MAX - RUNNER_LEAD);
		return 0;
	case KEY_ORDER:
		run->options.order = (enum runner_order)word_parse(state, "--order", text, orders);
		return 0;
	case KEY_SEED:
		run->options.seed = number_parse(state, "--seed", text, 0, INT64_MAX);
		run->seeded = true;
		return 0;
	case KEY_PIN:
		pin_parse(state, run, text);
		return 0;
	case KEY_SPINNER:
		run->options.spinner = true;
		return 0;
	case KEY_CHECK:
		run->options.check_every = (uint32_t)word_parse(state, "--check", text, checks);
		return 0;
	case KEY_COUNTERS:
		run->options.counted = COUNTED;
		return 0;
	case KEY_MACHINE_DIRECTORIES:
		run->options.machine_directories = true;
		return 0;
	case KEY_TIMEOUT:
		run->options.timeout_ns =
			number_parse(state, "--timeout", text, 1, 86400) * 1000000000u;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case KEY_SO:
	case ARGP_KEY_ARG:
		path_add(state, run, text);
		return 0;
	case 'l':
		run->loader_text = text;
		return 0;
	case 'n':
		run->options.loads = (uint32_t)number_parse(state, "-n", text, 1, 10000000);
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
		if (!run->path_count)
			command_usage(state, "no object given: --so FILE");
		return 0;
	default:
		return method_parse(key, text, state);
	}
}

static const struct argp run_argp = { options, option_parse, "[FILE...]", doc, NULL, NULL, NULL };

static int loader_add(struct run *run, const char *spec, struct err *err)
{
	struct loader *loader = NULL;
	int r = loader_open(&loader, spec, err);

	if (r < 0)
		return r;
	run->stages[run->loader_count] = !(loader->caps & LOADER_DISKLESS);
	loader_close(loader);
	run->loaders[run->loader_count++] = spec;
	return 0;
}

/* "all" is what works here; what is named must work. */
static void loaders_all(struct run *run)
{
	for (int i = 0; i < LOADERS_MAX && loader_types[i]; i++) {
		struct err err;

		if (loader_add(run, loader_types[i]->name, &err) < 0)
			log_warn("left out: %s", err.text);
	}
}

static int loaders_choose(struct run *run, struct err *err)
{
	char *items[LOADERS_MAX];
	int count, r = 0;

	if (strcmp(run->loader_text, "all") == 0) {
		loaders_all(run);
		return 0;
	}
	run->loader_copy = strdup(run->loader_text);
	if (!run->loader_copy)
		return err_set(err, ENOMEM, "out of memory");
	count = options_split(run->loader_copy, items, LOADERS_MAX);
	if (count < 0)
		return err_set(err, EINVAL, "--loader: more than %d loaders", LOADERS_MAX);
	for (int i = 0; r == 0 && i < count; i++)
		r = loader_add(run, items[i], err);
	return r;
}

/* The last CPU this process may use, as the first is where interrupts go; the spinner's is another.
 */
static int cpus_choose(struct run *run, struct err *err)
{
	cpu_set_t allowed;
	int last = -1, other = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		CPU_ZERO(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed))
			last = cpu;
	}
	if (run->pin == PIN_CPU && !CPU_ISSET((size_t)run->pin_cpu, &allowed))
		return err_set(err, EINVAL, "--pin: CPU %d is not one this process may use, %d is",
			       run->pin_cpu, last);
	run->options.cpu = run->pin == PIN_CPU ? run->pin_cpu : run->pin == PIN_AUTO ? last : -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &allowed) && cpu != run->options.cpu)
			other = cpu;
	}
	run->options.spinner_cpu = run->options.cpu < 0 ? -1 : other;
	return 0;
}

/* Objects that cannot be run are named; the others go on. */
static size_t subjects_open(struct run *run)
{
	size_t count = 0;

	run->subjects = calloc(run->path_count, sizeof(run->subjects[0]));
	for (size_t i = 0; run->subjects && i < run->path_count; i++) {
		struct err err;

		if (subject_open(&run->subjects[count], run->paths[i], run->symbol, run->call,
				 &err) < 0)
			log_error("%s", err.text);
		else
			count++;
	}
	run->subject_count = count;
	return count;
}

static struct arm *arms_make(const struct run *run)
{
	struct arm *arms = calloc(run->subject_count * run->loader_count, sizeof(arms[0]));
	size_t count = 0;

	for (size_t i = 0; arms && i < run->subject_count; i++) {
		for (size_t j = 0; j < run->loader_count; j++) {
			arms[count].subject = &run->subjects[i];
			arms[count].stages = run->stages[j];
			arms[count++].loader = run->loaders[j];
		}
	}
	return arms;
}

static void record_describe(struct record *record, const struct run *run)
{
	const struct runner_options *o = &run->options;

	record_note(record, "options",
		    json_pack("{s:i,s:i,s:i,s:s,s:i,s:b,s:s}", "loads", (int)o->loads, "warmup",
			      (int)o->warmup, "batch", (int)o->batch, "order",
			      o->order == RUNNER_RANDOM ? "random" : "sequential", "cpu", o->cpu,
			      "spinner", o->spinner, "check", o->check_every ? "every" : "warmup"));
}

/* 0 when every arm did all its loads, and none was stale. */
static int verdict(const struct run *run, const struct runner *runner)
{
	bool measured = false, failed = run->subject_count < run->path_count;

	for (size_t i = 0; i < runner->arm_count; i++) {
		measured |= runner->arms[i].count > 0;
		failed |= runner->arms[i].error.text[0] || runner->arms[i].stale;
	}
	if (command_interrupted())
		return EXIT_SIGNAL_BASE + command_interrupted();
	return measured && !failed ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}

/* Everything between the opened record and its end. */
static int arms_run(struct run *run, struct record *record)
{
	struct arm *arms = arms_make(run);
	double steal0 = 0.0, total0 = 0.0, steal1 = 0.0, total1 = 0.0;
	struct runner runner;
	struct err err = { "" };
	int r;

	if (!arms || runner_open(&runner, &run->options, record, arms,
				 run->subject_count * run->loader_count) < 0) {
		log_error("out of memory: use fewer loads (-n) or loaders");
		return EXIT_USAGE;
	}
	machine_steal(&steal0, &total0);
	r = runner_run(&runner, &err);
	machine_steal(&steal1, &total1);
	if (r == 0 && runner_count(&runner) == -EINTR)
		r = -EINTR;
	if (r < 0 && r != -EINTR)
		log_error("%s", err.text);
	run_report_print(&runner, stdout);
	run_report_summary(&runner);
	if (r == 0)
		run_report_warn(&runner,
				total1 > total0 ? (steal1 - steal0) / (total1 - total0) : -1.0);
	r = r < 0 && r != -EINTR ? EXIT_USAGE : verdict(run, &runner);
	runner_close(&runner);
	return r;
}

static int record_and_run(struct run *run)
{
	struct record_spec spec = {
		.out = run->out,
		.command = "run",
		.argv = run->argv,
		.seed = run->options.seed,
	};
	struct record *record;
	struct err err;
	int code;

	if (record_open(&record, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < run->subject_count; i++) {
		struct subject *subject = &run->subjects[i];
		const char *label = record_object(record, subject->path, subject->file.bytes,
						  subject->file.size);

		subject->label = label ? label : subject->path;
	}
	record_describe(record, run);
	code = arms_run(run, record);
	printf("\nResults: %s (seed %llu)\n", record_folder(record),
	       (unsigned long long)run->options.seed);
	if (record_close(record, code, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	return code;
}

static int run_all(struct run *run)
{
	struct err err;

	if (loaders_choose(run, &err) < 0 || cpus_choose(run, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (subjects_open(run) == 0)
		return EXIT_USAGE;
	if (!run->seeded)
		run->options.seed = 0;
	if (!run->seeded &&
	    getrandom(&run->options.seed, sizeof(uint32_t), GRND_NONBLOCK) != sizeof(uint32_t))
		run->options.seed = clock_now_ns() & UINT32_MAX;
	command_catch_signals();
	return record_and_run(run);
}

int command_run(int argc, char **argv)
{
	struct run run = {
		.loader_text = "all",
		.call = true,
		.argv = argv,
		.options = { .loads = 100, .warmup = 5, .batch = 10 },
	};
	int code;

	if (argp_parse(&run_argp, argc, argv, 0, NULL, &run))
		return EXIT_USAGE;
	code = run_all(&run);
	for (size_t i = 0; i < run.subject_count; i++)
		subject_close(&run.subjects[i]);
	free(run.subjects);
	free(run.loader_copy);
	return code;
}
