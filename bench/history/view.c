/* Which lines of a history belong into one figure, and which loaders. See figures.h. */
#include "bench/history/figures.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const struct history_line *line, const struct history_line *other,
		      const char *path)
{
	return strcmp(history_text(line, path), history_text(other, path)) == 0;
}

bool history_same_system(const struct history_line *line, const struct history_line *other)
{
	return same_text(line, other, "machine.kernel") && same_text(line, other, "machine.libc");
}

static void loader_take(struct history_view *view, const char *loader)
{
	for (size_t i = 0; i < view->loader_count; i++) {
		if (strcmp(view->loaders[i], loader) == 0)
			return;
	}
	if (view->loader_count < HISTORY_LOADERS_MAX)
		view->loaders[view->loader_count++] = loader;
}

int history_view_open(struct history_view *view, const struct history *history)
{
	const struct history_line *last = &history->lines[history->count - 1];
	size_t references = 0, objects = 0;

	*view = (struct history_view){ .lines = calloc(history->count, sizeof(view->lines[0])) };
	if (!view->lines)
		return -ENOMEM;
	for (size_t i = 0; i < history->count; i++) {
		const struct history_line *line = &history->lines[i];

		if (!same_text(line, last, "reference"))
			references++;
		else if (!same_text(line, last, "object.xxh64"))
			objects++;
		else
			view->lines[view->count++] = line;
	}
	if (references)
		log_warn("%zu lines have ratios to another revision and are left out (soload "
			 "history add --again)",
			 references);
	if (objects)
		log_warn(
			"%zu lines are about another object than the last one's %.60s and are left "
			"out (soload history add --again)",
			objects, history_text(last, "object.name"));
	for (size_t i = view->count; i > 0; i--) {
		const struct history_line *line = view->lines[i - 1];

		for (const char *at = history_loader(line, NULL); at; at = history_loader(line, at))
			loader_take(view, at);
	}
	return 0;
}

void history_view_close(struct history_view *view)
{
	free(view->lines);
	*view = (struct history_view){ 0 };
}
