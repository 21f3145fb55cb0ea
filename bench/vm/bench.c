/* soload vm bench: instructions per load, every loader, on one kernel: a table that repeats. */
#include "bench/command.h"
#include "bench/table.h"
#include "bench/vm/vm.h"

#include "base/log.h"

#include <string.h>

#define LOADERS "null,floor,disk,disk:trim,tmpfs,memfd,elf,elf:dualmap,prelinked,cached,auto"

/* What a load may take at most, user and kernel together. */
static const struct {
	const char *loader;
	uint64_t most;
} ambitions[] = { { "elf", 30000 }, { "elf:dualmap", 30000 }, { "prelinked", 3000 } };

static const char doc[] =
	"Counts the instructions of a load (lookup and unloading included, no call) for every "
	"loader, in "
	"user space and in the kernel: the processor's own counters, exact in a guest that counts "
	"instructions.\v"
	"The same build gives the same table, whatever this machine does meanwhile. What it cannot "
	"see "
	"(caches, DMA) is in docs/measuring.md. Loaders: " LOADERS ".\n\n"
	"Examples:\n"
	"  soload vm bench                      both tables\n"
	"  soload vm bench -l disk,elf --out DIR    every single load of two loaders\n\n"
	"Exit codes: 0 counted; 1 a loader failed; 2 usage, or it could not be run; 77 there is no "
	"guest "
	"here (make vm); 128+N interrupted by signal N. Linux 5.10 has no counters for user space: "
	"its loads fail.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		command_usage(state, "'%s': no words but options", text);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_loads_argp, 0, NULL, 0 }, { 0 } };
static const struct argp bench_argp = { NULL, option_parse, NULL, doc, children, NULL, NULL };

/* 1234567 as "1,234,567". */
static const char *number_text(uint64_t value, char *buffer, size_t size)
{
	char text[32];
	size_t n = 0;
	int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	for (int i = 0; i < length && n + 2 < size; i++) {
		if (i && (length - i) % 3 == 0)
			buffer[n++] = ',';
		buffer[n++] = text[i];
	}
	buffer[n] = '\0';
	return buffer;
}

static void number_cell(struct table *table, uint64_t value)
{
	char text[48];

	table_cell(table, "%s", value == UINT64_MAX ? "-" : number_text(value, text, sizeof(text)));
}

/* The phases that take a tenth of the load and more: "relocate 21,787 + 0". */
static void where_cell(struct table *table, const struct counts *counts,
		       const struct counts_row *like, uint64_t both)
{
	char text[256] = "";
	size_t used = 0;

	for (int column = counts_column_next(COUNTS_TOTAL); column >= 0;
	     column = counts_column_next(column)) {
		uint64_t user = counts_median(counts, like, COUNTS_USER, column);
		uint64_t kernel = counts_median(counts, like, COUNTS_KERNEL, column);

		if (user == UINT64_MAX || kernel == UINT64_MAX || 10 * (user + kernel) < both)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.0f %%",
					 used ? ", " : "", counts_column_name(column),
					 100.0 * (double)(user + kernel) /
						 (double)(both ? both : 1));
		if (used >= sizeof(text))
			break;
	}
	table_cell(table, "%s", text);
}

static void ambition_cell(struct table *table, const char *loader, uint64_t both)
{
	for (size_t i = 0; i < sizeof(ambitions) / sizeof(ambitions[0]); i++) {
		if (strcmp(ambitions[i].loader, loader) != 0)
			continue;
		number_cell(table, ambitions[i].most);
		table_cell(table, "%s",
			   both == UINT64_MAX	       ? "-"
			   : both <= ambitions[i].most ? "yes"
						       : "no");
		return;
	}
	table_cell(table, "-");
	table_cell(table, "-");
}

/* The next loader's first row from `at` on, NULL = there is none; `at` is what comes after it. */
static const struct counts_row *loader_next(const struct counts *counts, size_t *at)
{
	while (*at < counts->count) {
		const struct counts_row *row = &counts->rows[(*at)++];

		if (counts_find(counts, row->side, row->loader, row->metric) == row &&
		    row->metric == COUNTS_TIME)
			return row;
	}
	return NULL;
}

static void table_show(const struct counts *counts, FILE *out)
{
	static const char *const headings[] = { "User", "Kernel", "Both", "Time (us)", "At most" };
	struct table *table = table_new();
	const struct counts_row *row;

	table_column_text(table, "Loader");
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column_number(table, headings[i]);
	table_column_text(table, "Met");
	table_column_text(table, "Where a tenth and more goes");
	for (size_t at = 0; (row = loader_next(counts, &at));) {
		uint64_t user = counts_median(counts, row, COUNTS_USER, COUNTS_TOTAL);
		uint64_t kernel = counts_median(counts, row, COUNTS_KERNEL, COUNTS_TOTAL);
		uint64_t time = counts_median(counts, row, COUNTS_TIME, COUNTS_TOTAL);
		uint64_t both =
			user == UINT64_MAX || kernel == UINT64_MAX ? UINT64_MAX : user + kernel;

		if (row->error[0])
			continue;
		table_cell(table, "%s", row->loader);
		number_cell(table, user);
		number_cell(table, kernel);
		number_cell(table, both);
		table_cell_us(table, (double)time);
		ambition_cell(table, row->loader, both);
		where_cell(table, counts, row, both);
	}
	table_print(table, out);
	table_free(table);
}

/* "22,298 + 0", user space and kernel; "-" for a phase the loader has not. */
static void phase_cell(struct table *table, const struct counts *counts,
		       const struct counts_row *row, int column)
{
	uint64_t user = counts_median(counts, row, COUNTS_USER, column);
	uint64_t kernel = counts_median(counts, row, COUNTS_KERNEL, column);
	char a[48], b[48];

	if (user == UINT64_MAX || kernel == UINT64_MAX || user + kernel == 0)
		table_cell(table, "-");
	else
		table_cell(table, "%s + %s", number_text(user, a, sizeof(a)),
			   number_text(kernel, b, sizeof(b)));
}

/* Whether any load was in that phase. */
static bool column_is_used(const struct counts *counts, int column)
{
	for (size_t i = 0; i < counts->count; i++) {
		if (counts->rows[i].values[column])
			return true;
	}
	return false;
}

static void phases_show(const struct counts *counts, FILE *out)
{
	struct table *table = table_new();
	const struct counts_row *row;

	table_column_text(table, "Loader");
	for (int column = counts_column_next(COUNTS_TOTAL); column >= 0;
	     column = counts_column_next(column)) {
		if (column_is_used(counts, column))
			table_column_number(table, counts_column_name(column));
	}
	for (size_t at = 0; (row = loader_next(counts, &at));) {
		if (row->error[0])
			continue;
		table_cell(table, "%s", row->loader);
		for (int column = counts_column_next(COUNTS_TOTAL); column >= 0;
		     column = counts_column_next(column)) {
			if (column_is_used(counts, column))
				phase_cell(table, counts, row, column);
		}
	}
	fputs("\nInstructions by phase, user space + kernel\n", out);
	table_print(table, out);
	table_free(table);
}

/* Whether nothing failed; what did is said. */
static bool all_counted(const struct counts *counts)
{
	bool all = counts->count > 0;

	for (size_t i = 0; i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];

		if (!row->error[0])
			continue;
		all = false;
		log_error("%s: %s: %s", row->loader, counts_metric_name(row->metric), row->error);
	}
	return all;
}

static int bench_run(struct vm_loads *loads, struct err *err)
{
	struct measure measure = vm_loads_measure(loads);
	struct measured measured;
	bool all = false;
	int r;

	measure.sides[0] = (struct measure_side){
		.name = "",
		.program = loads->vm.guest.program,
		.loaders = loads->loaders ? loads->loaders : LOADERS,
	};
	measure.side_count = 1;
	r = measure_run(&measure, &measured, err);
	if (r == 0)
		r = vm_loads_tell(loads, &measured, err);
	if (r == 0) {
		table_show(&measured.counts, stdout);
		phases_show(&measured.counts, stdout);
		all = all_counted(&measured.counts);
	}
	measured_close(&measured);
	return r < 0 ? r : all ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}

int vm_bench(int argc, char **argv)
{
	struct vm_loads loads = { .loads = 0 };
	struct err err = { "" };

	if (argp_parse(&bench_argp, argc, argv, 0, NULL, &loads))
		return EXIT_USAGE;
	command_catch_signals();
	return vm_loads_end(&loads, bench_run(&loads, &err), &err);
}
