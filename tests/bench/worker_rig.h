/*
 * What the tests of workers share: this build's program as the worker, a small object of it, and
 * what a client asks for unless a test is about it.
 */
#ifndef SOLOAD_TESTS_BENCH_WORKER_RIG_H
#define SOLOAD_TESTS_BENCH_WORKER_RIG_H

#include "bench/client.h"
#include "tests/built.h"
#include "tests/emulator.h"

/* This build's soload, for good. */
static inline const char *worker_program(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", built_path("soload"));
	return path;
}

/* An object of one function, for good. */
static inline const char *worker_object(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", built_path("fixtures/answer_1.so"));
	return path;
}

/* Loads of that object on any CPU, none of them called; what it points to stays. */
static inline struct client_options worker_options(const char *loader, uint32_t capacity)
{
	return (struct client_options){
		.program = worker_program(),
		.wrapper = emulator_words(NULL),
		.loader = loader,
		.path = worker_object(),
		.symbol = "",
		.cpu = -1,
		.spinner_cpu = -1,
		.capacity = capacity,
	};
}

#endif
