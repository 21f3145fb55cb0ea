/* The table of life cycles. See when.h. */
#include "device/when.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#define NAMES_MAX 8

const struct device_when device_whens[] = {
	{ .name = "per-run", .summary = "loaded and unloaded in every run: simpler at 78f0869" },
	{ .name = "once",
	  .summary =
		  "the first run loads, later ones find it there until the object changes: pypto",
	  .kept = true },
	{ .name = "register",
	  .summary = "loaded when it is registered; a run never loads",
	  .early = true,
	  .kept = true },
	{ .name = "prewarm",
	  .summary = "sent and loaded for every run while the host still prepares it",
	  .early = true },
	{ 0 },
};

const struct device_when *device_when_find(const char *name, struct err *err)
{
	const char *names[NAMES_MAX + 1];
	char hint[80];
	int count = 0;

	for (const struct device_when *when = device_whens; when->name; when++) {
		if (strcmp(when->name, name) == 0)
			return when;
		if (count < NAMES_MAX)
			names[count++] = when->name;
	}
	names[count] = NULL;
	err_set(err, EINVAL, "unknown life cycle '%s'%s (see: soload list when)", name,
		text_suggest(name, strlen(name), names, hint, sizeof(hint)));
	return NULL;
}
