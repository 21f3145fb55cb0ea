/* See file.h. */
#include "bench/history/file.h"

#include "base/file.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORT_HASH 12

struct history_line *history_find(const struct history *history, const char *revision)
{
	for (size_t i = 0; i < history->count; i++) {
		if (strcmp(history_text(&history->lines[i], "revision"), revision) == 0)
			return &history->lines[i];
	}
	return NULL;
}

/* Takes the line. */
static int line_append(struct history *history, struct history_line *line, struct err *err)
{
	struct history_line *lines =
		realloc(history->lines, (history->count + 1) * sizeof(lines[0]));

	if (!lines) {
		history_line_close(line);
		return err_set(err, ENOMEM, "out of memory");
	}
	history->lines = lines;
	lines[history->count++] = *line;
	*line = (struct history_line){ 0 };
	return 0;
}

/* `seen`: the revisions before it, by name. */
static int line_take(struct history *history, json_t *seen, const char *text, size_t size,
		     struct err *err)
{
	const struct history_line *last =
		history->count ? &history->lines[history->count - 1] : NULL;
	struct history_line line;
	const char *revision;
	int r = history_line_parse(&line, text, size, err);

	if (r < 0)
		return r;
	revision = history_text(&line, "revision");
	if (json_object_get(seen, revision))
		r = err_set(err, EINVAL, "revision %.*s has a line already", SHORT_HASH, revision);
	else if (last && history_number(last, "number") >= history_number(&line, "number"))
		r = err_set(err, EINVAL, "revision %.*s belongs before the line above it",
			    SHORT_HASH, revision);
	else if (json_object_set_new(seen, revision, json_true()) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		return line_append(history, &line, err);
	history_line_close(&line);
	return r;
}

static int lines_take(struct history *history, const char *text, size_t size, const char *path,
		      struct err *err)
{
	json_t *seen = json_object();
	size_t number = 1;
	int r = 0;

	for (const char *at = text; r == 0 && at < text + size; number++) {
		size_t left = (size_t)(text + size - at);
		const char *end = memchr(at, '\n', left);

		if (end)
			r = line_take(history, seen, at, (size_t)(end - at), err);
		else
			r = err_set(err, EINVAL, "cut short: it does not end");
		if (r < 0)
			err_prefix(err, r, "%s: line %zu", path, number);
		else
			at = end + 1;
	}
	json_decref(seen);
	return r;
}

int history_read(struct history *history, const char *path, struct err *err)
{
	struct stat status;
	struct file_bytes file;
	int r;

	*history = (struct history){ 0 };
	if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0)
		return 0;
	r = file_load(path, &file, err);
	if (r < 0)
		return r;
	r = lines_take(history, file.bytes, file.size, path, err);
	file_unload(&file);
	if (r < 0)
		history_close(history);
	return r;
}

void history_close(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		history_line_close(&history->lines[i]);
	free(history->lines);
	*history = (struct history){ 0 };
}

int history_insert(struct history *history, struct history_line *line, struct err *err)
{
	struct history_line *there = history_find(history, history_text(line, "revision")), moved;
	size_t at = history->count;
	int r;

	if (there) {
		history_line_close(there);
		*there = *line;
		*line = (struct history_line){ 0 };
		return 0;
	}
	while (at > 0 &&
	       history_number(&history->lines[at - 1], "number") > history_number(line, "number"))
		at--;
	if (at > 0 &&
	    history_number(&history->lines[at - 1], "number") == history_number(line, "number")) {
		r = err_set(err, EINVAL,
			    "revisions %.*s and %.*s are on different branches: a history is of "
			    "one",
			    SHORT_HASH, history_text(&history->lines[at - 1], "revision"),
			    SHORT_HASH, history_text(line, "revision"));
		history_line_close(line);
		return r;
	}
	r = line_append(history, line, err);
	if (r < 0)
		return r;
	moved = history->lines[history->count - 1];
	memmove(&history->lines[at + 1], &history->lines[at],
		(history->count - 1 - at) * sizeof(history->lines[0]));
	history->lines[at] = moved;
	return 0;
}

static int lines_print(const struct history *history, FILE *out, const char *path, struct err *err)
{
	bool bad;

	for (size_t i = 0; i < history->count; i++)
		fprintf(out, "%s\n", history->lines[i].text);
	bad = ferror(out) || fflush(out) != 0 || fsync(fileno(out)) != 0;
	bad |= fclose(out) != 0;
	return bad ? err_sys(err, "write %s", path) : 0;
}

int history_write(const struct history *history, const char *path, struct err *err)
{
	char folder[PATH_MAX], fresh[PATH_MAX + 8];
	char *slash;
	FILE *out;
	int r = 0;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		r = file_make_directory(folder, err);
	}
	if (r < 0)
		return r;
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	out = fopen(fresh, "we");
	if (!out)
		return err_sys(err, "write %s", fresh);
	r = lines_print(history, out, fresh, err);
	if (r == 0 && rename(fresh, path) < 0)
		r = err_sys(err, "rename %s to %s", fresh, path);
	if (r < 0)
		unlink(fresh);
	return r;
}
