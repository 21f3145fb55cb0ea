/*
 * What every command shares: its exit codes, and the way it is told to stop.
 *
 * A command is `int command_x(int argc, char **argv)` in bench/x.c and a line in commands.def. It
 * parses its line with argp, prints results on stdout and everything else on stderr.
 */
#ifndef SOLOAD_BENCH_COMMAND_H
#define SOLOAD_BENCH_COMMAND_H

#include <stdint.h>

#define COMMAND_SECOND_NS UINT64_C(1000000000)

enum exit_code {
	EXIT_DONE = 0,
	EXIT_MEASURED_FAILURE = 1, /* a wrong result, a stale or failed load, a regression */
	EXIT_USAGE = 2,		   /* wrong usage, or nothing could be run */
	EXIT_INCONCLUSIVE = 3,
	EXIT_SKIPPED = 77,
	EXIT_SIGNAL_BASE = 128, /* plus the number of the signal */
};

#define COMMAND(name, shown, text) int command_##name(int argc, char **argv);
#include "bench/commands.def"
#undef COMMAND

/* The command line as it was typed, NULL-terminated: parsing may change what commands are given.
 * NULL in a program without main(). */
extern char **command_line;

/*
 * From now on SIGINT, SIGTERM and SIGHUP only set a flag, and interrupt blocking calls (EINTR). A
 * second one ends the program at once. A command looks at the flag between rounds, cleans up, and
 * returns EXIT_SIGNAL_BASE + command_interrupted().
 */
void command_catch_signals(void);
int command_interrupted(void); /* the signal that came, or 0 */

struct argp_state;

/* Wrong usage, found while argp parses: one line that names the command and its --help, exit 2. */
void command_usage(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/*
 * What options take, one grammar each; what is none, or out of range, is wrong usage that names the
 * option as it is typed ("--seed"), the text and the range. A number is options_size()'s (4096,
 * 4K), a time options_duration()'s (500ms, 2m; a number alone is seconds), a day at most.
 */
uint64_t command_number(const struct argp_state *state, const char *option, const char *text,
			uint64_t least, uint64_t most);
uint64_t command_duration_ns(const struct argp_state *state, const char *option, const char *text,
			     uint64_t least_ns);

/* --seed, which run.json keeps as a signed number. */
uint64_t command_seed(const struct argp_state *state, const char *text);

#endif
