/* The command line of `soload run`. */
#ifndef SOLOAD_BENCH_RUN_OPTIONS_H
#define SOLOAD_BENCH_RUN_OPTIONS_H

#include "bench/export/export.h"
#include "bench/run/scan.h"
#include "bench/runner.h"

#include <stdbool.h>
#include <stddef.h>

#define RUN_OBJECTS_MAX 64
#define RUN_LOADS_MAX 10000000

enum run_pin { RUN_PIN_AUTO, RUN_PIN_NONE, RUN_PIN_CPU };

/* Texts point into argv. */
struct run_options {
	const char *paths[RUN_OBJECTS_MAX];
	size_t path_count;
	struct scan scan;    /* objects to make, count 0 = none; or there is a path */
	const char *loaders; /* "A,B" or "all" */
	const char *symbol;  /* NULL = choose */
	const char *out;     /* NULL = choose */
	const char *probes;  /* to watch some loads with afterwards, or NULL */
	struct export_paths exports;
	bool call, seeded;
	bool loads_given;
	enum run_pin pin;
	int pin_cpu;
	struct runner_options runner; /* all but the CPUs, which depend on this machine */
};

/* Wrong usage ends the program, in words, with EXIT_USAGE. */
void run_options_parse(struct run_options *ret_options, int argc, char **argv);

#endif
