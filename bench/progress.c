/* The progress line: carriage return, text, clear to the end of the line. See progress.h. */
#include "bench/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET_NS 2000000000u
#define EVERY_NS 100000000u

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	const char *terminal = getenv("TERM");

	*progress = (struct progress){
		.what = what,
		.total = total,
		.shown_as_one = 1,
		.begin_ns = clock_now_ns(),
		.terminal = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0,
	};
}

static void left_print(uint64_t left_ns)
{
	uint64_t seconds = (left_ns + 999999999u) / 1000000000u;

	if (seconds >= 120)
		fprintf(stderr, ", about %llu min left", (unsigned long long)((seconds + 59) / 60));
	else
		fprintf(stderr, ", about %llu s left", (unsigned long long)seconds);
}

void progress_step(struct progress *progress, uint64_t done, const char *now)
{
	uint64_t at, spent;

	if (!progress->terminal)
		return;
	at = clock_now_ns();
	spent = at - progress->begin_ns;
	if (spent < QUIET_NS || (progress->visible && at - progress->shown_ns < EVERY_NS))
		return;
	fprintf(stderr, "\r%llu of %llu %s", (unsigned long long)(done / progress->shown_as_one),
		(unsigned long long)(progress->total / progress->shown_as_one), progress->what);
	if (done && done < progress->total)
		left_print(spent / done * (progress->total - done));
	if (now)
		fprintf(stderr, " (%s)", now);
	fputs("\033[K", stderr);
	fflush(stderr);
	progress->shown_ns = at;
	progress->visible = true;
}

void progress_hide(struct progress *progress)
{
	if (!progress->visible)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->visible = false;
}

void progress_end(struct progress *progress)
{
	progress_hide(progress);
	progress->terminal = false;
}
