/* soload vm bench: instructions per load, every loader, on one kernel: a table that repeats. */
#include "bench/command.h"
#include "bench/table.h"
#include "bench/vm/measure.h"
#include "bench/vm/vm.h"

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "bench/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOADERS "null,floor,disk,disk:trim,tmpfs,memfd,elf,elf:dualmap,prelinked,cached,auto"
#define OBJECT "objects/pa_unroll_cxx_nounique.so"
#define LOADERS_MAX 64

enum { KEY_SO = 256, KEY_CSV };

struct request {
	struct vm_options vm;
	const char *loaders, *object, *csv;
	char default_object[PATH_MAX];
	uint32_t loads;
};

/* What a load may take at most, user and kernel together. */
static const struct {
	const char *loader;
	uint64_t most;
} ambitions[] = { { "elf", 30000 }, { "elf:dualmap", 30000 }, { "prelinked", 3000 } };

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load, for aarch64; default the workload's C++ twin beside the program",
	  0 },
	{ "loader", 'l', "A,B", 0, "loaders NAME[:KEY[=VALUE]]..., default " LOADERS, 0 },
	{ "loads", 'n', "N", 0, "loads per loader and metric, default 41", 0 },
	{ "csv", KEY_CSV, "FILE", 0, "every single load (results/README.md, counts.csv)", 0 },
	{ 0 },
};

static const char doc[] =
	"Counts the instructions of a load (lookup and unloading included, no call) for every "
	"loader, in "
	"user space and in the kernel: the processor's own counters, exact in a guest that counts "
	"instructions.\v"
	"The same build gives the same table, whatever this machine does meanwhile. What it cannot "
	"see "
	"(caches, DMA) is in docs/measuring.md.\n\n"
	"Examples:\n"
	"  soload vm bench                      the whole table\n"
	"  soload vm bench -l disk,elf --csv FILE   every single load of two loaders\n\n"
	"Exit codes: 0 counted; 1 a loader failed; 2 usage, or it could not be run; 77 there is no "
	"guest "
	"here (make vm); 128+N interrupted by signal N. Linux 5.10 has no counters for user space: "
	"its loads fail.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;
	uint64_t number;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &request->vm;
		return 0;
	case KEY_SO:
		request->object = text;
		return 0;
	case KEY_CSV:
		request->csv = text;
		return 0;
	case 'l':
		request->loaders = text;
		return 0;
	case 'n':
		if (options_size(text, &number) < 0 || number < 1 || number > WORKER_BATCH_MAX)
			command_usage(state, "--loads '%s' is not 1 to %d", text, WORKER_BATCH_MAX);
		request->loads = (uint32_t)number;
		return 0;
	case ARGP_KEY_ARG:
		command_usage(state, "'%s': no words but options", text);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_argp, 0, "The guest:", 10 }, { 0 } };
static const struct argp bench_argp = { options, option_parse, NULL, doc, children, NULL, NULL };

static void number_cell(struct table *table, uint64_t value)
{
	char text[32], grouped[48];
	size_t n = 0;
	int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			grouped[n++] = ',';
		grouped[n++] = text[i];
	}
	grouped[n] = '\0';
	table_cell(table, "%s", value == UINT64_MAX ? "-" : grouped);
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
		table_cell(table, "%s", both <= ambitions[i].most ? "yes" : "no");
		return;
	}
	table_cell(table, "-");
	table_cell(table, "-");
}

/* Whether every loader counted something. */
static bool table_show(const struct counts *counts, FILE *out)
{
	static const char *const headings[] = { "User", "Kernel", "Both", "Time (us)", "At most" };
	struct table *table = table_new();
	const struct counts_row *seen = NULL;
	bool all = true;

	table_column_text(table, "Loader");
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column_number(table, headings[i]);
	table_column_text(table, "Met");
	table_column_text(table, "Where a tenth and more goes");
	for (size_t i = 0; i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];
		uint64_t user, kernel, time;

		if (seen && strcmp(seen->loader, row->loader) == 0)
			continue;
		seen = row;
		if (row->error[0]) {
			log_error("%s: %s", row->loader, row->error);
			all = false;
			continue;
		}
		user = counts_median(counts, row, COUNTS_USER, COUNTS_TOTAL);
		kernel = counts_median(counts, row, COUNTS_KERNEL, COUNTS_TOTAL);
		time = counts_median(counts, row, COUNTS_TIME, COUNTS_TOTAL);
		table_cell(table, "%s", row->loader);
		number_cell(table, user);
		number_cell(table, kernel);
		number_cell(table, user == UINT64_MAX ? user : user + kernel);
		table_cell_us(table, (double)time);
		ambition_cell(table, row->loader, user + kernel);
		where_cell(table, counts, row, user + kernel);
	}
	table_print(table, out);
	table_free(table);
	return all && seen;
}

static int text_write(const char *path, const char *text, struct err *err)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return err_sys(err, "%s", path);
	fputs(text, file);
	return fclose(file) != 0 ? err_sys(err, "%s", path) : 0;
}

static int bench_run(const struct request *request, struct err *err)
{
	struct measure measure = {
		.guest = request->vm.guest,
		.sides = { { .name = "",
			     .program = request->vm.guest.program,
			     .loaders = request->loaders } },
		.side_count = 1,
		.object = request->object,
		.loads = request->loads,
	};
	const char *name = strrchr(request->object, '/');
	struct counts counts;
	char *text = NULL;
	bool all = false;
	int r = measure_run(&measure, &counts, &text, err);

	if (r == 0 && request->csv)
		r = text_write(request->csv, text, err);
	if (r == 0) {
		printf("Instructions per load: load, lookup and unload of %s, Linux %s on aarch64\n"
		       "(neoverse-n1 under QEMU, one instruction is 1 ns), medians of %u loads\n",
		       name ? name + 1 : request->object, request->vm.guest.kernel, request->loads);
		all = table_show(&counts, stdout);
	}
	counts_close(&counts);
	free(text);
	return r < 0 ? r : all ? EXIT_DONE : EXIT_MEASURED_FAILURE;
}

int vm_bench(int argc, char **argv)
{
	struct request request = { .loaders = LOADERS, .loads = 41 };
	struct err err = { "" };
	char *slash;
	int r;

	if (argp_parse(&bench_argp, argc, argv, 0, NULL, &request))
		return EXIT_USAGE;
	if (!request.object) {
		snprintf(request.default_object, sizeof(request.default_object) - 64, "%s",
			 request.vm.guest.program);
		slash = strrchr(request.default_object, '/');
		strcpy(slash ? slash + 1 : request.default_object, OBJECT);
		request.object = request.default_object;
	}
	command_catch_signals();
	r = bench_run(&request, &err);
	free(request.vm.words);
	if (r >= 0)
		return r;
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	log_error("%s", err.text);
	return r == -ENOENT ? EXIT_SKIPPED : EXIT_USAGE;
}
