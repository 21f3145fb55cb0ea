/* soload: a table of commands. Each parses its own line; this file only finds it. */
#include "bench/command.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum visibility { HIDDEN, VISIBLE };

static const struct command {
	const char *name, *title;
	enum visibility shown;
	const char *text;
	int (*function)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, shown, text) { #name, "soload " #name, shown, text, command_##name },
#include "bench/commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char examples[] =
	"\n"
	"Examples:\n"
	"  soload repro                                   the whole flow, on every loader\n"
	"  soload list                                    what works on this machine\n"
	"  soload inspect /lib/x86_64-linux-gnu/libz.so.1 what loading it will involve\n"
	"  soload run --so FILE.so --loader all -n 200    time loads, phase by phase\n"
	"  soload COMMAND --help                          options and examples of one command\n"
	"\n"
	"Exit codes:\n"
	"  0 done or passed    1 measured a failure (wrong result, stale or failed load,\n"
	"  regression)    2 usage, or cannot run    3 inconclusive    77 nothing to judge here\n"
	"  128+N interrupted by signal N\n"
	"\n"
	"A results folder (--out) holds samples.csv, spans.csv, summary.csv, machine.csv\n"
	"and run.json; results/README.md says what every column means.\n";

static void help_print(FILE *out)
{
	fprintf(out,
		"soload %s: what it costs to load a shared object, and where the time goes\n"
		"\n"
		"Usage: soload COMMAND [OPTION...]\n\n",
		SOLOAD_VERSION);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].shown == VISIBLE)
			fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].text);
	}
	fputs(examples, out);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int command_unknown(const char *name)
{
	const char *names[COMMANDS + 1] = { NULL };
	size_t count = 0;
	char hint[80];

	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].shown == VISIBLE)
			names[count++] = commands[i].name;
	}
	log_error("unknown command '%s'%s; soload --help lists them", name,
		  text_suggest(name, strlen(name), names, hint, sizeof(hint)));
	return EXIT_USAGE;
}

/* PTO_LOG_LEVEL is upstream's variable and has upstream's words. */
static void log_level_from_environment(void)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	const char *word = getenv("PTO_LOG_LEVEL");

	for (int i = 0; word && i < 4; i++) {
		if (strcasecmp(word, words[i]) == 0)
			log_level = (enum log_level)i;
	}
}

/* A table that never reached its reader is no result: a full disk or a closed pipe is told. */
static int output_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	log_error("cannot write to stdout: %s", strerror(errno));
	return code == EXIT_DONE ? EXIT_USAGE : code;
}

/* Commands get copies of their words: some split them in place. */
static int command_start(const struct command *command, int argc, char **argv)
{
	char **words = calloc((size_t)argc + 1, sizeof(words[0]));
	bool complete = words != NULL;
	int code;

	for (int i = 0; complete && i < argc; i++) {
		words[i] = strdup(i ? argv[i] : command->title);
		complete = words[i] != NULL;
	}
	if (complete) {
		code = output_finish(command->function(argc, words));
	} else {
		log_error("out of memory");
		code = EXIT_USAGE;
	}
	for (int i = 0; words && i < argc; i++)
		free(words[i]);
	free(words);
	return code;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const char *word = argc > 1 ? argv[1] : NULL;

	clock_start();
	command_line = argv;
	log_level_from_environment();
	argp_err_exit_status = EXIT_USAGE;
	argp_program_version = "soload " SOLOAD_VERSION;
	if (!word) {
		help_print(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts(argp_program_version);
		return output_finish(EXIT_DONE);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	    (strcmp(word, "help") == 0 && argc == 2)) {
		help_print(stdout);
		return output_finish(EXIT_DONE);
	}
	if (strcmp(word, "help") == 0) {
		static char option[] = "--help";

		command = command_find(argv[2]);
		if (!command)
			return command_unknown(argv[2]);
		return command_start(command, 2, (char *[]){ NULL, option, NULL });
	}
	command = command_find(word);
	if (!command)
		return command_unknown(word);
	return command_start(command, argc - 1, argv + 1);
}
