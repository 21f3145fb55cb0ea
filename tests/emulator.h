/*
 * Where the tests run in an emulator, whatever they execute must, too: the kernel cannot start a
 * program for another processor by itself. tools/run-tests says so in SOLOAD_EMULATOR.
 */
#ifndef SOLOAD_TESTS_EMULATOR_H
#define SOLOAD_TESTS_EMULATOR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMULATOR_WORDS_MAX 30

/* The emulator's words and then `run`, a program or NULL, ending with NULL; or NULL where there
 * is no emulator. Static: the next call overwrites it. */
static inline const char *const *emulator_words(const char *run)
{
	static const char *list[EMULATOR_WORDS_MAX + 2];
	static char words[2048];
	const char *given = getenv("SOLOAD_EMULATOR");
	char *rest = NULL;
	size_t count = 0;

	if (!given || !given[0])
		return NULL;
	snprintf(words, sizeof(words), "%s", given);
	for (char *word = strtok_r(words, " ", &rest); word && count < EMULATOR_WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		list[count++] = word;
	list[count++] = run;
	list[count] = NULL;
	return list;
}

#endif
