/* Signals and suggestions shared by the commands. See command.h for the contract. */
#include "bench/command.h"

#include "base/log.h"

#include <argp.h>
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
