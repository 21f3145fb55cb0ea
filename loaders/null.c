/*
 * null: loads nothing. What it takes is what the harness itself takes, so its row is the floor of
 * every table: the cost of an orchestration function that was linked into the program. It answers
 * symbols from so->linked, or, when the caller has nothing linked, with a function that does
 * nothing.
 *
 * Also the skeleton of a new loader: copy this file, add a line to loaders.def.
 */
#include "loaders/loader.h"

#include <errno.h>
#include <string.h>

static long null_function(void)
{
	return 0;
}

static int null_load(struct image *image, struct err *err)
{
	(void)err;
	timeline_enter(image->time, PHASE_LINK);
	return 0;
}

static int null_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	const struct so_symbol *symbol = image->so->linked;

	if (!symbol) {
		*ret_address = (void *)(uintptr_t)null_function;
		return 0;
	}
	for (; symbol->name; symbol++) {
		if (strcmp(symbol->name, name) == 0) {
			*ret_address = symbol->address;
			return 0;
		}
	}
	return err_set(err, ENOENT, "symbol '%s' is not linked into this program", name);
}

static void null_unload(struct image *image)
{
	(void)image;
}

const struct loader_type loader_null = {
	.name = "null",
	.summary = "loads nothing: the harness's own cost, or code linked into the program",
	.caps = LOADER_DISKLESS | LOADER_FILELESS | LOADER_MANY_IMAGES | LOADER_CONCURRENT,
	.load = null_load,
	.symbol = null_symbol,
	.unload = null_unload,
};
