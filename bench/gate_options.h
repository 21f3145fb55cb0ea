/* The command line of `soload gate`. */
#ifndef SOLOAD_BENCH_GATE_OPTIONS_H
#define SOLOAD_BENCH_GATE_OPTIONS_H

#include "bench/gate_row.h"

#include <stdbool.h>
#include <stddef.h>

#define GATE_OBJECTS_MAX 16
#define GATE_TIME_MIN_NS 100000000 /* of --budget */

enum gate_counters {
	GATE_COUNTERS_DEFAULT,
	GATE_COUNTERS_OFF,
	GATE_COUNTERS_CALLS,
	GATE_COUNTERS_EXACT,
};

/* Texts point into argv. */
struct gate_options {
	const char *base, *head; /* NULL with replay, or to prove */
	const char *paths[GATE_OBJECTS_MAX];
	size_t path_count;
	const char *loaders; /* NULL = choose */
	const char *symbol;
	const char *out;
	const char *inject; /* into head, or NULL */
	const char *replay; /* an epochs.csv, or NULL */
	const char *live;   /* the last option given that a replay has no use for, or NULL */
	enum gate_counters counters;
	bool github;
	bool prove, quick; /* no BASE and HEAD: measure the gate itself, on this machine */
	int jobs;	   /* gates at once, to prove */
	int pin;	   /* GATE_PIN_AUTO, GATE_PIN_NONE, or a CPU */
	struct gate_rules rules;
};

/* Wrong usage ends the program, in words, with EXIT_USAGE. */
void gate_options_parse(struct gate_options *ret_options, int argc, char **argv);

/* What was not said is the default. With replay it is not filled in: the record comes first. */
void gate_rule_complete(struct verdict_rule *rule);

struct argp_state;

/* Words that other commands share; wrong usage as above. */
int gate_pin_parse(struct argp_state *state, const char *text);

/* An injection that makes no sense is wrong usage, too. */
void gate_inject_check(struct argp_state *state, const char *text);

#endif
