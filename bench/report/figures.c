/* The list of figures, in the order in which a report shows them. */
#include "bench/report/figures.h"

struct figure_entry {
	figure_make *make;
	const char *missing; /* said when the records do not hold it; NULL = goes without saying */
};

static const struct figure_entry entries[] = {
	{ figure_invocation, NULL },
	{ figure_phases, NULL },
	{ figure_share, "The share of an invocation: that needs a record of soload repro, with "
			"spans.csv." },
	{ figure_tail, NULL },
	{ figure_first, NULL },
	{ figure_size, "Time against size: that needs loads of objects of one make and two or more "
		       "sizes (soload gen, soload run)." },
	{ figure_relocations,
	  "Time against relocations and imports: run.json of these records does not "
	  "count them." },
	{ figure_imports, NULL },
	{ figure_exports, NULL },
	{ figure_kernel, "Page faults and system calls: the records do not count them." },
	{ figure_calm, NULL },
	{ figure_swimlane, NULL },
	{ figure_forest, NULL },
};

int figures_make(struct data *data, struct plots *plots, struct err *err)
{
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
