/* soload history add: builds revisions, measures them, and keeps every line as soon as it is there.
 */
#include "bench/history/history.h"

#include "base/file.h"
#include "base/log.h"
#include "bench/command.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct adding {
	const struct history_options *options;
	struct history history;
	struct revision reference;
	char base[PATH_MAX];
	struct revision *wanted;
	size_t wanted_count, added;
	bool failed; /* one of them could not be measured */
};

static bool is_replaced(const struct adding *adding, const struct history_line *line)
{
	for (size_t k = 0; k < adding->wanted_count; k++) {
		if (strcmp(adding->wanted[k].hash, history_text(line, "revision")) == 0)
			return true;
	}
	return false;
}

/* Nor can lines about different objects. */
static int objects_check(const struct adding *adding, struct err *err)
{
	struct file_bytes file;
	char hash[32];
	int r = adding->history.count ? file_load(adding->options->object, &file, err) : 0;

	if (r < 0 || !adding->history.count)
		return r;
	snprintf(hash, sizeof(hash), "%016llx",
		 (unsigned long long)XXH64(file.bytes, file.size, 0));
	file_unload(&file);
	for (size_t i = 0; i < adding->history.count; i++) {
		const struct history_line *line = &adding->history.lines[i];

		if (!is_replaced(adding, line) &&
		    strcmp(history_text(line, "object.xxh64"), hash) != 0)
			return err_set(
				err, EINVAL,
				"the line of %.12s is about another object, %.60s (xxh64 "
				"%.16s), than %s (%s): --file FILE begins a history of its "
				"own, --again measures all lines anew",
				history_text(line, "revision"), history_text(line, "object.name"),
				history_text(line, "object.xxh64"), adding->options->object, hash);
	}
	return 0;
}

/* Lines with ratios to different revisions cannot be compared. */
static int references_check(const struct adding *adding, struct err *err)
{
	for (size_t i = 0; i < adding->history.count; i++) {
		const struct history_line *line = &adding->history.lines[i];
		const char *revision = history_text(line, "revision");

		if (!is_replaced(adding, line) &&
		    strcmp(history_text(line, "reference"), adding->reference.hash) != 0)
			return err_set(err, EINVAL,
				       "the line of %.12s was measured against %.12s, and the "
				       "reference is %.12s: soload history add --again measures "
				       "all lines anew",
				       revision, history_text(line, "reference"),
				       adding->reference.hash);
	}
	return 0;
}

static int revision_want(struct adding *adding, const char *name, struct err *err)
{
	struct revision *revision = &adding->wanted[adding->wanted_count];
	int r = revision_find(name, revision, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < adding->wanted_count; i++) {
		if (strcmp(adding->wanted[i].hash, revision->hash) == 0)
			return 0;
	}
	if (!adding->options->again && history_find(&adding->history, revision->hash))
		return err_set(err, EINVAL,
			       "revision %.12s has a line already; --again measures it anew",
			       revision->hash);
	adding->wanted_count++;
	return 0;
}

static int revisions_want(struct adding *adding, struct err *err)
{
	const struct history_options *options = adding->options;
	size_t all = options->again && !options->revision_count ? adding->history.count : 0;
	int r = 0;

	adding->wanted = calloc(all + options->revision_count + 1, sizeof(adding->wanted[0]));
	if (!adding->wanted)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < all; i++)
		r = revision_want(adding, history_text(&adding->history.lines[i], "revision"), err);
	for (size_t i = 0; r == 0 && i < options->revision_count; i++)
		r = revision_want(adding, options->revisions[i], err);
	if (r == 0 && !options->again && !options->revision_count)
		r = revision_want(adding, "HEAD", err);
	if (r == 0 && !adding->wanted_count)
		r = err_set(err, EINVAL, "--again: the history has no lines");
	return r;
}

static int adding_open(struct adding *adding, struct err *err)
{
	const struct history_options *options = adding->options;
	char pinned[256];
	const char *name = options->reference;
	struct err gone;
	int r = history_read(&adding->history, options->path, &gone);

	if (r < 0 && r != -ENOENT) {
		*err = gone;
		return r;
	}
	r = name ? 0 : revision_pinned(HISTORY_REFERENCE, pinned, sizeof(pinned), err);
	if (r == 0)
		r = revision_find(name ? name : pinned, &adding->reference, err);
	if (r == 0)
		r = revisions_want(adding, err);
	if (r == 0)
		r = references_check(adding, err);
	if (r == 0)
		r = objects_check(adding, err);
	if (r == 0)
		r = revision_build(&adding->reference, options->builds, adding->base,
				   sizeof(adding->base), err);
	return r;
}

static void line_print(const struct history_line *line)
{
	struct history_ratio ratio;
	uint64_t calls;

	printf("  %.12s  %.60s\n", history_text(line, "revision"), history_text(line, "title"));
	for (const char *at = history_loader(line, NULL); at; at = history_loader(line, at)) {
		printf("    %-10s", at);
		if (!history_ratio(line, at, HISTORY_QUANTILE, &ratio))
			printf("  %-22s", "no ratio");
		else if (isfinite(ratio.low) && isfinite(ratio.high))
			printf("  %6.3f [%.3f, %.3f]", ratio.value, ratio.low, ratio.high);
		else
			printf("  %6.3f [too few epochs]", ratio.value);
		if (history_work(line, at, "syscalls", &calls))
			printf("  %4llu system calls", (unsigned long long)calls);
		if (history_work(line, at, "instructions", &calls))
			printf("  %8llu instructions", (unsigned long long)calls);
		putchar('\n');
	}
	fflush(stdout);
}

/* A revision that does not build here or does not load costs the others nothing. */
static int revision_add(struct adding *adding, const struct revision *revision, struct err *err)
{
	const struct history_options *options = adding->options;
	char head[PATH_MAX];
	struct history_pair pair = { &adding->reference, revision, adding->base, head };
	struct history_line line;
	struct err why;
	int r = revision_build(revision, options->builds, head, sizeof(head), &why);

	if (r == 0)
		r = history_measure(options, &pair, &line, &why);
	if (r == -EINTR || r == -ENOMEM) {
		*err = why;
		return r;
	}
	if (r < 0) {
		log_error("left out %.12s: %s", revision->hash, why.text);
		adding->failed = true;
		return 0;
	}
	line_print(&line);
	r = history_insert(&adding->history, &line, err);
	if (r == 0)
		r = history_write(&adding->history, options->path, err);
	adding->added += r == 0;
	return r;
}

static void adding_close(struct adding *adding)
{
	free(adding->wanted);
	history_close(&adding->history);
}

int history_add(const struct history_options *options)
{
	struct adding adding = { .options = options };
	struct err err = { "" };
	int r;

	command_catch_signals();
	r = adding_open(&adding, &err);
	if (r == 0)
		printf("Time of a load over that of %.12s, medians in lockstep with their 95 %% "
		       "interval; system calls of one load, instructions of five\n",
		       adding.reference.hash);
	for (size_t i = 0; r == 0 && i < adding.wanted_count; i++)
		r = revision_add(&adding, &adding.wanted[i], &err);
	if (r < 0 && r != -EINTR)
		log_error("%s", err.text);
	if (adding.added)
		printf("%s: %zu lines, %zu of them new\n", options->path, adding.history.count,
		       adding.added);
	adding_close(&adding);
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	return r < 0 || adding.failed ? EXIT_USAGE : EXIT_DONE;
}
