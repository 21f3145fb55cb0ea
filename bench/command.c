/* Signals and suggestions shared by the commands. See command.h for the contract. */
#include "bench/command.h"

#include "base/log.h"
#include "base/options.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char **command_line;

static volatile sig_atomic_t signal_seen;

static void signal_note(int number)
{
	if (signal_seen)
		_exit(EXIT_SIGNAL_BASE + number);
	signal_seen = number;
}

void command_catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = signal_note };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction old;

		/* nohup and background jobs of a shell start with some of them ignored: leave it
		 * so. */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

int command_interrupted(void)
{
	return signal_seen;
}

void command_usage(const struct argp_state *state, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("%s (see: %s --help)", text, state->name);
	exit(EXIT_USAGE);
}

uint64_t command_number(const struct argp_state *state, const char *option, const char *text,
			uint64_t least, uint64_t most)
{
	uint64_t number;

	if (options_size(text, &number) < 0 || number < least || number > most)
		command_usage(state, "%s: '%s' is not a number from %" PRIu64 " to %" PRIu64,
			      option, text, least, most);
	return number;
}

uint64_t command_duration_ns(const struct argp_state *state, const char *option, const char *text,
			     uint64_t least_ns)
{
	uint64_t ns;

	if (options_duration(text, &ns) < 0 || ns < least_ns)
		command_usage(state, "%s: '%s' is not a time from %gs to 24h, such as 30s or 2m",
			      option, text, (double)least_ns / 1e9);
	return ns;
}

uint64_t command_seed(const struct argp_state *state, const char *text)
{
	return command_number(state, "--seed", text, 0, INT64_MAX);
}
