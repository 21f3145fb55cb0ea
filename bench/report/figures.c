/* The list of figures, in the order in which a report shows them. */
#include "bench/report/figures.h"

#include <unistd.h>

struct figure_entry {
	const char *name; /* of its files */
	figure_make *make;
	const char *missing; /* said when the records do not hold it; NULL = goes without saying */
};

static const struct figure_entry entries[] = {
	{ "invocation", figure_invocation, NULL },
	{ "phases", figure_phases, NULL },
	{ "share", figure_share,
	  "The share of an invocation: that needs a record of soload repro, with "
	  "spans.csv." },
	{ "tail", figure_tail, NULL },
	{ "first", figure_first, NULL },
	{ "size", figure_size,
	  "Time against size: that needs loads of objects of one make and two or more "
	  "sizes (soload gen, soload run)." },
	{ "relocations", figure_relocations,
	  "Time against relocations and imports: run.json of these records does not "
	  "count them." },
	{ "imports", figure_imports, NULL },
	{ "exports", figure_exports, NULL },
	{ "kernel", figure_kernel, "Page faults and system calls: the records do not count them." },
	{ "calm", figure_calm, NULL },
	{ "swimlane", figure_swimlane, NULL },
	{ "forest", figure_forest, NULL },
};

/* An earlier report into the same folder may have had more figures. */
static void figures_remove(const struct plots *plots)
{
	static const char *const suffixes[] = { "dat", "set", "svg", "png" };
	char path[4200];

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		for (size_t k = 0; k < sizeof(suffixes) / sizeof(suffixes[0]); k++) {
			snprintf(path, sizeof(path), "%s/%s.%s", plots->folder, entries[i].name,
				 suffixes[k]);
			unlink(path);
		}
	}
}

int figures_make(struct data *data, struct plots *plots, struct err *err)
{
	figures_remove(plots);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		int r = entries[i].make(data, plots, err);

		if (r < 0)
			return r;
		if (r == 0 && entries[i].missing && data->loads.n) {
			const char **gap = data_push(&data->gaps);

			if (gap)
				*gap = entries[i].missing;
		}
	}
	return 0;
}
