/* Words to a gate's options. See gate_options.h. */
#include "bench/gate_options.h"

#include "bench/command.h"
#include "bench/expected.h"
#include "bench/inject.h"
#include "bench/prove_gates.h"

#include "base/clock.h"
#include "base/options.h"
#include "base/text.h"

#include <argp.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	KEY_SO = 256,
	KEY_DELTA,
	KEY_BUDGET,
	KEY_ALPHA,
	KEY_METRICS,
	KEY_INJECT,
	KEY_REPLAY,
	KEY_GITHUB,
	KEY_OUT,
	KEY_PIN,
	KEY_SEED,
	KEY_SYMBOL,
	KEY_PROVE,
	KEY_QUICK,
	KEY_COUNTERS,
	KEY_JOBS,
};

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load; may be given several times; default objects/gen_390k.so beside HEAD",
	  0 },
	{ "loader", 'l', "A,B|all", 0,
	  "loaders NAME[:KEY[=VALUE]]..., a row each; default all for builds, memfd for objects",
	  0 },
	{ "delta", KEY_DELTA, "[PHASE=]P%", 0,
	  "the smallest slowdown worth failing for, default 5%; of a phase: the same as the "
	  "whole's",
	  1 },
	{ "budget", KEY_BUDGET, "SECONDS", 0, "for a row, default 30s; most need a tenth of it",
	  1 },
	{ "alpha", KEY_ALPHA, "P", 0, "false alarms of the whole gate, at most; default 0.001", 1 },
	{ "metrics", KEY_METRICS, "p10,p50,p90", 0, "the quantiles that are judged, default all",
	  1 },
	{ "out", KEY_OUT, "DIR", 0, "the results folder, default results/runs/gate-DATE-PID", 2 },
	{ "replay", KEY_REPLAY, "EPOCHS.csv", 0,
	  "compute a verdict again, measure nothing: by the rules, rows and counters of the record "
	  "it lies in, but for those given here; --counters off leaves the counters out",
	  2 },
	{ "github", KEY_GITHUB, NULL, 0,
	  "print annotations; append the table to the file $GITHUB_STEP_SUMMARY names", 2 },
	{ "pin", KEY_PIN, "CPU|auto|none", 0, "where everything runs, default auto: one CPU", 3 },
	{ "seed", KEY_SEED, "S", 0, "of the coins; default a new one, kept in run.json", 3 },
	{ "symbol", KEY_SYMBOL, "NAME", 0,
	  "looked up and called as long f(void); default soload_entry, else the first function, "
	  "looked up only",
	  3 },
	{ "inject", KEY_INJECT, "NS|PCT[:PHASE][:SHARE]", 0,
	  "make HEAD slower by that much, to see the gate fail: 5%, 3000, 20%:link:30%", 3 },
	{ "counters", KEY_COUNTERS, "exact|calls|off", 0,
	  "count the work of a load, too, and fail any rise that " EXPECTED_PATH
	  " does not declare; calls: "
	  "without instructions; default exact, off for loaders",
	  1 },
	{ "prove", KEY_PROVE, NULL, 0,
	  "no BASE and HEAD: measure false alarms and power of the gate itself, here, with "
	  "one loader (default memfd); --budget is for all of it, default 55m",
	  4 },
	{ "quick", KEY_QUICK, NULL, 0, "prove with a tenth of the gates; default budget 6m", 4 },
	{ "jobs", KEY_JOBS, "N", 0,
	  "prove with N gates at once, each on a CPU of its own: N times as fast, and a little "
	  "harder for every gate; default 1",
	  4 },
	{ 0 },
};

static const char doc[] =
	"Is HEAD slower than BASE? Both run in lockstep: fresh processes on one CPU, small batches "
	"in an "
	"order that coins decide, until the interval of the ratio lies on one side of the cut.\v"
	"BASE and HEAD are two builds of soload, two shared objects (both with a slash) or two "
	"loaders.\n\n"
	"Examples:\n"
	"  soload gate ../base/build/soload build/soload        every loader, two builds\n"
	"  soload gate ./old.so ./new.so -l memfd --delta 2%    two objects\n"
	"  soload gate memfd elf --so liborch.so                two loaders\n"
	"  soload gate memfd memfd --so liborch.so --inject 5%  must fail\n"
	"  soload gate --prove --quick                          is the gate honest here?\n"
	"  soload gate --replay results/runs/mine/epochs.csv    the same verdict again\n\n"
	"Total p10 and p50 decide: FAIL above half of delta, PASS below it. p90 fails at three "
	"times delta, a phase of its own weight at delta; while one of them is estimated above "
	"its cut, nothing passes.\n\n"
	"Exit codes: 0 pass; 1 a regression; 2 usage, or cannot run; 3 inconclusive; 77 nothing to "
	"compare; 128+N interrupted by signal N. The verdict is repeated on the last line.";

/* "5%" or "0.05" */
static double share_parse(struct argp_state *state, const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end != text && strcmp(end, "%") == 0) {
		value /= 100.0;
		end++;
	}
	if (end == text || *end || !(value > 0.0) || value > 10.0)
		command_usage(state, "%s: '%s' is no share such as 5%%", option, text);
	return value;
}

static void delta_parse(struct argp_state *state, struct verdict_rule *rule, const char *text)
{
	const char *equals = strchr(text, '=');

	if (!equals) {
		rule->delta = share_parse(state, "--delta", text);
		return;
	}
	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		const char *name = epoch_subject_name(subject);

		if (strlen(name) == (size_t)(equals - text) &&
		    strncmp(name, text, strlen(name)) == 0) {
			rule->phase_delta[subject] = share_parse(state, "--delta", equals + 1);
			return;
		}
	}
	command_usage(state, "--delta: '%.*s' is no phase of a load (see: soload list phases)",
		      (int)(equals - text), text);
}

static void metrics_parse(struct argp_state *state, struct verdict_rule *rule, const char *text)
{
	char *copy = strdupa(text), *items[8];
	int count = options_split(copy, items, 8);

	memset(rule->quantiles, 0, sizeof(rule->quantiles));
	for (int i = 0; i < count; i++) {
		int q = 0;

		while (q < EPOCH_QUANTILES && strcmp(items[i], epoch_quantile_name(q)) != 0)
			q++;
		if (q == EPOCH_QUANTILES)
			command_usage(state, "--metrics: '%s' is none of p10, p50, p90", items[i]);
		rule->quantiles[q] = true;
	}
	if (!rule->quantiles[EPOCH_P10] && !rule->quantiles[EPOCH_P50])
		command_usage(
			state,
			"--metrics: p10 or p50 must be among them, p90 alone decides nothing");
}

int gate_pin_parse(struct argp_state *state, const char *text)
{
	if (strcmp(text, "auto") == 0)
		return GATE_PIN_AUTO;
	if (strcmp(text, "none") == 0)
		return GATE_PIN_NONE;
	return (int)command_number(state, "--pin", text, 0, CPU_SETSIZE - 1);
}

void gate_inject_check(struct argp_state *state, const char *text)
{
	struct inject inject;
	struct err err;

	if (inject_parse(&inject, text, &err) < 0)
		command_usage(state, "--inject: %s", err.text);
}

static error_t rule_parse(int key, char *text, struct argp_state *state)
{
	struct gate_options *gate = state->input;

	switch (key) {
	case KEY_DELTA:
		delta_parse(state, &gate->rules.verdict, text);
		return 0;
	case KEY_BUDGET:
		gate->rules.budget_ns =
			command_duration_ns(state, "--budget", text, GATE_TIME_MIN_NS);
		return 0;
	case KEY_ALPHA:
		gate->rules.verdict.alpha = share_parse(state, "--alpha", text);
		if (gate->rules.verdict.alpha >= 0.5)
			command_usage(state, "--alpha: '%s' is not below 0.5", text);
		return 0;
	case KEY_METRICS:
		metrics_parse(state, &gate->rules.verdict, text);
		return 0;
	case KEY_PIN:
		gate->pin = gate_pin_parse(state, text);
		return 0;
	case KEY_SEED:
		gate->rules.seed = command_seed(state, text);
		return 0;
	case KEY_INJECT:
		gate_inject_check(state, text);
		gate->inject = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum gate_counters counters_parse(struct argp_state *state, const char *text)
{
	static const char *const words[] = { "default", "off", "calls", "exact", NULL };
	char hint[80];

	for (int i = GATE_COUNTERS_OFF; words[i]; i++) {
		if (strcmp(words[i], text) == 0)
			return (enum gate_counters)i;
	}
	command_usage(state, "--counters: '%s' is none of exact, calls, off%s", text,
		      text_suggest(text, strlen(text), words, hint, sizeof(hint)));
}

static void word_take(struct argp_state *state, struct gate_options *gate, const char *text)
{
	if (gate->head)
		command_usage(state, "'%s' is a third one: BASE and HEAD are two", text);
	*(gate->base ? &gate->head : &gate->base) = text;
}

/* The name of an option that is about loads, of which a replay runs none; else NULL. */
static const char *live_name(int key)
{
	static const int keys[] = { 'l',     KEY_SO,  KEY_BUDGET, KEY_INJECT,
				    KEY_OUT, KEY_PIN, KEY_SEED,	  KEY_SYMBOL };
	const struct argp_option *option = options;
	bool live = false;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		live |= keys[i] == key;
	while (live && option->key != key)
		option++;
	return live ? option->name : NULL;
}

static void replay_check(struct argp_state *state, const struct gate_options *gate)
{
	if (gate->base)
		command_usage(state, "--replay measures nothing: no BASE and HEAD");
	if (gate->live)
		command_usage(state, "--replay measures nothing: no --%s", gate->live);
	if (gate->counters > GATE_COUNTERS_OFF)
		command_usage(state, "--replay counts nothing: --counters off, or as recorded");
}

/* Nothing that was said is dropped in silence: the campaigns have injections and tolerances of
 * their own, one loader and one object. */
static void prove_check(struct argp_state *state, const struct gate_options *gate)
{
	const struct verdict_rule *rule = &gate->rules.verdict;
	char *loaders = strdupa(gate->loaders ? gate->loaders : ""), *item;
	bool delta = rule->delta > 0.0;

	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++)
		delta |= rule->phase_delta[subject] > 0.0;
	if (gate->base || gate->replay)
		command_usage(state, "--prove compares this build with itself: no BASE and HEAD");
	if (delta || gate->inject || gate->github || gate->counters != GATE_COUNTERS_DEFAULT)
		command_usage(state, "--delta, --inject, --counters and --github do not belong to "
				     "--prove");
	if (gate->path_count > 1)
		command_usage(state, "--prove takes one object");
	if (options_split(loaders, &item, 1) < 0)
		command_usage(state, "--prove takes one loader");
}

/* What does not go together. */
static void words_check(struct argp_state *state, const struct gate_options *gate)
{
	if (gate->replay)
		replay_check(state, gate);
	if (gate->prove)
		prove_check(state, gate);
	if ((gate->quick || gate->jobs > 1) && !gate->prove)
		command_usage(state, "--quick and --jobs belong to --prove");
	if (gate->jobs > 1 && gate->pin >= 0)
		command_usage(state, "--pin %d: one CPU is too few for --jobs %d", gate->pin,
			      gate->jobs);
	if (!gate->replay && !gate->prove && !gate->head)
		command_usage(state, "BASE and HEAD: two builds, two objects or two loaders");
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct gate_options *gate = state->input;

	if (live_name(key))
		gate->live = live_name(key);
	switch (key) {
	case KEY_SO:
		if (gate->path_count == GATE_OBJECTS_MAX)
			command_usage(state, "more than %d objects", GATE_OBJECTS_MAX);
		gate->paths[gate->path_count++] = text;
		return 0;
	case 'l':
		gate->loaders = text;
		return 0;
	case KEY_OUT:
		gate->out = text;
		return 0;
	case KEY_REPLAY:
		gate->replay = text;
		return 0;
	case KEY_GITHUB:
		gate->github = true;
		return 0;
	case KEY_COUNTERS:
		gate->counters = counters_parse(state, text);
		return 0;
	case KEY_PROVE:
		gate->prove = true;
		return 0;
	case KEY_QUICK:
		gate->quick = true;
		return 0;
	case KEY_JOBS:
		gate->jobs = (int)command_number(state, "--jobs", text, 1, PROVE_JOBS_MAX);
		return 0;
	case KEY_SYMBOL:
		gate->symbol = text;
		return 0;
	case ARGP_KEY_ARG:
		word_take(state, gate, text);
		return 0;
	case ARGP_KEY_END:
		words_check(state, gate);
		return 0;
	default:
		return rule_parse(key, text, state);
	}
}

void gate_rule_complete(struct verdict_rule *rule)
{
	bool chosen = false;

	if (!(rule->delta > 0.0))
		rule->delta = 0.05;
	if (!(rule->alpha > 0.0))
		rule->alpha = 0.001;
	for (int q = 0; q < EPOCH_QUANTILES; q++)
		chosen |= rule->quantiles[q];
	for (int q = 0; q < EPOCH_QUANTILES; q++)
		rule->quantiles[q] |= !chosen;
}

static const struct argp gate_argp = { options, option_parse, "BASE HEAD", doc, NULL, NULL, NULL };

void gate_options_parse(struct gate_options *ret_options, int argc, char **argv)
{
	uint32_t seed = (uint32_t)clock_now_ns();

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint32_t)clock_now_ns();
	*ret_options = (struct gate_options){
		.jobs = 1,
		.pin = GATE_PIN_AUTO,
		.rules = { .verdict = { .rows = 1 }, .budget_ns = 0, .seed = seed },
	};
	if (argp_parse(&gate_argp, argc, argv, 0, NULL, ret_options))
		exit(EXIT_USAGE);
	if (!ret_options->replay)
		gate_rule_complete(&ret_options->rules.verdict);
	if (ret_options->rules.budget_ns == 0)
		ret_options->rules.budget_ns = (!ret_options->prove  ? UINT64_C(30)
						: ret_options->quick ? UINT64_C(360)
								     : UINT64_C(3300)) *
					       UINT64_C(1000000000);
}
