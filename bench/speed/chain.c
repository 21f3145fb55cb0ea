/* Measuring, printing and judging chains. See chain.h. */
#include "bench/speed/chain.h"

#include "base/file.h"
#include "base/timeline.h"
#include "bench/command.h"
#include "bench/stats.h"
#include "bench/table.h"
#include "device/host.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY_BYTES (64ull << 20)
#define TURN 10 /* loads in a row; the first of them is discarded */

static const struct {
	const char *name, *transport, *loader; /* no loader: made up from the options */
} rows[CHAIN_ROWS] = {
	[CHAIN_SEED] = { "inline + disk", "inline", NULL },
	[CHAIN_RIGHTSIZE] = { "rightsize + disk", "rightsize", NULL },
	[CHAIN_MEMFD] = { "trimmed + memfd", "trimmed", "memfd" },
	[CHAIN_TRIMMED] = { "trimmed + elf:dualmap", "trimmed", "elf:dualmap" },
	[CHAIN_DEDUP] = { "dedup + prelinked", "dedup", "prelinked" },
};

const char *chain_row_name(enum chain_row row)
{
	return rows[row].name;
}

/* One row: its transport's states, its loader, what it measured. */
struct chain {
	const struct transport *transport;
	struct transport_host host;
	struct transport_device device;
	struct round round;
	struct loader *loader;
	struct image *image;
	double *transfer, *load, *total;
	size_t count;
};

struct machine_model {
	struct memory *memory;
	void *mapping;
	struct dma *dma;
	struct dma_totals totals;
	struct device_object object;
	struct chain chains[CHAIN_ROWS];
	uint32_t room; /* values per row */
};

static int model_open(struct machine_model *model, const struct speed_options *options,
		      struct err *err)
{
	struct file_bytes file;
	struct so so = { .fd = -1 };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/pa_unroll_cxx_nounique.so", options->objects);
	r = file_load(path, &file, err);
	if (r < 0)
		return r;
	so.bytes = file.bytes;
	so.size = file.size;
	r = device_object_register(&model->object, &so, err);
	file_unload(&file);
	if (r == 0)
		r = memory_open(&model->memory, MEMORY_BYTES, err);
	if (r == 0)
		r = memory_map(memory_fd(model->memory), MEMORY_BYTES, 0, &model->mapping, err);
	if (r < 0)
		return r;
	memory_agree(model->memory, (uintptr_t)model->mapping);
	r = dma_open(&model->dma, model->memory, &dma_models[0], err);
	if (r == 0)
		dma_account(model->dma, &model->totals);
	return r;
}

static void chain_close(struct chain *chain)
{
	image_free(chain->image);
	loader_close(chain->loader);
	if (chain->host.state && chain->transport->release)
		chain->transport->release(chain->host.state);
	free(chain->host.state);
	free(chain->host.runtime);
	free(chain->transfer);
	*chain = (struct chain){ .count = 0 };
}

static void model_close(struct machine_model *model)
{
	for (int row = 0; row < CHAIN_ROWS; row++)
		chain_close(&model->chains[row]);
	dma_close(model->dma);
	if (model->mapping)
		munmap(model->mapping, MEMORY_BYTES);
	memory_close(model->memory);
	device_object_release(&model->object);
	free(model);
}

static int chain_allocate(struct machine_model *model, struct chain *chain, struct err *err)
{
	size_t bytes = 0;
	int r = chain->transport->host_bytes(&chain->host, &bytes, err);

	if (r < 0)
		return r;
	chain->host.runtime = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	chain->host.state = calloc(1, chain->transport->host_state_size + 1);
	chain->image = image_new(chain->loader);
	chain->transfer = calloc(model->room, 3 * sizeof(double));
	if (!chain->host.runtime || !chain->host.state || !chain->image || !chain->transfer)
		return err_set(err, ENOMEM, "out of memory: use fewer loads (-n)");
	chain->load = chain->transfer + model->room;
	chain->total = chain->load + model->room;
	memset(chain->host.runtime, 0, bytes);
	return 0;
}

static int chain_open(struct machine_model *model, enum chain_row row, const char *disk,
		      struct err *err)
{
	struct chain *chain = &model->chains[row];
	int r;

	chain->transport = transport_find(rows[row].transport, err);
	if (!chain->transport)
		return -EINVAL;
	chain->round = (struct round){ .memory = model->memory, .dma = model->dma };
	chain->host = (struct transport_host){ .round = &chain->round,
					       .so = &model->object.so,
					       .workers = ABI_A2A3_WORKERS };
	chain->device = (struct transport_device){ .memory = model->mapping,
						   .memory_bytes = MEMORY_BYTES,
						   .memory_fd = memory_fd(model->memory),
						   .workers = ABI_A2A3_WORKERS };
	r = loader_open(&chain->loader, rows[row].loader ? rows[row].loader : disk, err);
	return r < 0 ? r : chain_allocate(model, chain, err);
}

static int chain_transfer(struct chain *chain, struct so *ret_so, struct err *err)
{
	int r = chain->transport->stage(&chain->host, err);

	if (r == 0)
		r = chain->transport->send(&chain->host, err);
	chain->device.runtime_address = chain->host.runtime_address;
	return r < 0 ? r : chain->transport->receive(&chain->device, ret_so, err);
}

/* As the AICPU does: three names, the first call. */
static int chain_load(struct chain *chain, const struct so *so, struct err *err)
{
	static const char *const names[] = { ABI_ENTRY_SYMBOL, ABI_BIND_SYMBOL, ABI_CONFIG_SYMBOL };
	void *address = NULL;
	int r = image_load(chain->image, so, NULL, err);

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		r = image_symbol(chain->image, names[i], &address, err);
	if (r == 0)
		((abi_config_function)(uintptr_t)address)(NULL, 0);
	image_unload(chain->image);
	return r;
}

static int chain_once(struct machine_model *model, struct chain *chain, bool keep, struct err *err)
{
	struct so so = { .fd = -1,
			 .id = model->object.so.id,
			 .generation = model->object.so.generation };
	uint64_t begin = clock_ticks(), middle, end;
	struct clock_map map;
	int r = chain_transfer(chain, &so, err);

	middle = clock_ticks();
	if (r == 0)
		r = chain_load(chain, &so, err);
	end = clock_ticks();
	round_release(&chain->round);
	if (r < 0 || !keep || chain->count == model->room)
		return r;
	map = clock_map_now();
	chain->transfer[chain->count] = (double)clock_map_span_ns(&map, middle - begin);
	chain->load[chain->count] = (double)clock_map_span_ns(&map, end - middle);
	chain->total[chain->count++] = (double)clock_map_span_ns(&map, end - begin);
	return 0;
}

/* One turn of one row. Why it cannot go on stays in its cell. */
static void chain_turn(struct machine_model *model, enum chain_row row, struct chain_cell *cell)
{
	struct err err = { "" };

	for (int i = 0; !cell->why[0] && i <= TURN; i++) {
		model->totals = (struct dma_totals){ .copies = 0 };
		if (chain_once(model, &model->chains[row], i > 0, &err) < 0)
			snprintf(cell->why, sizeof(cell->why), "%s", err.text);
		cell->bytes = model->totals.bytes;
	}
}

static double median_take(double *values, size_t count)
{
	stats_sort(values, count);
	return count ? stats_median(values, count) : (double)NAN;
}

static void cell_reduce(const struct chain *chain, struct chain_cell *cell)
{
	size_t count = cell->why[0] ? 0 : chain->count;

	cell->transfer = median_take(chain->transfer, count);
	cell->load = median_take(chain->load, count);
	cell->total = median_take(chain->total, count);
	cell->loads = count;
	cell->min = count ? chain->total[0] : (double)NAN;
}

static int everything_run(struct machine_model *model, const struct speed_options *options,
			  struct chain_table *table, struct err *err)
{
	char disk[PATH_MAX + 16];
	int r = model_open(model, options, err);

	if (r < 0)
		return r;
	snprintf(disk, sizeof(disk), "disk:dirs=%s", options->disk);
	for (int row = 0; row < CHAIN_ROWS; row++) {
		struct err why = { "" };

		if (chain_open(model, (enum chain_row)row, disk, &why) < 0)
			snprintf(table->cells[row].why, sizeof(table->cells[row].why), "%s",
				 why.text);
	}
	for (uint32_t turn = 0; turn < model->room / TURN; turn++) {
		for (int row = 0; row < CHAIN_ROWS; row++)
			chain_turn(model, (enum chain_row)((row + (int)turn) % CHAIN_ROWS),
				   &table->cells[(row + (int)turn) % CHAIN_ROWS]);
		if (command_interrupted())
			return -EINTR;
	}
	table->object_bytes = model->object.so.size;
	for (int row = 0; row < CHAIN_ROWS; row++)
		cell_reduce(&model->chains[row], &table->cells[row]);
	return 0;
}

int chain_measure(const struct speed_options *options, struct chain_table *ret_table,
		  struct err *err)
{
	struct machine_model *model = calloc(1, sizeof(*model));
	int r;

	if (!model)
		return err_set(err, ENOMEM, "out of memory");
	model->room = (options->loads + TURN - 1) / TURN * TURN;
	memset(ret_table, 0, sizeof(*ret_table));
	r = everything_run(model, options, ret_table, err);
	model_close(model);
	return r;
}

void chain_record(struct record *record, const struct chain_table *table)
{
	for (int row = 0; row < CHAIN_ROWS; row++) {
		const struct chain_cell *cell = &table->cells[row];
		struct summary summary = { .scenario = "chain",
					   .loader = rows[row].loader ? rows[row].loader : "disk",
					   .transport = rows[row].transport,
					   .so = "pa_unroll_cxx_nounique.so",
					   .so_bytes = (int64_t)table->object_bytes,
					   .phase = "chain",
					   .metric = "p50",
					   .unit = "ns",
					   .n = (int64_t)cell->loads,
					   .epochs = 1,
					   .value = cell->total,
					   .ci_low = (double)NAN,
					   .ci_high = (double)NAN };

		if (cell->why[0])
			continue;
		record_summary(record, &summary);
		summary.metric = "min";
		summary.value = cell->min;
		record_summary(record, &summary);
	}
}

void chain_print(const struct chain_table *chains, FILE *out)
{
	static const char *const headings[] = { "Bytes sent", "Transfer (us)", "Load (us)",
						"Both (us)",  "Minimum (us)",  "first /" };
	struct table *table = table_new();
	double seed = chains->cells[CHAIN_SEED].total;

	fprintf(out, "\nTransport and loader together, workload, steady state (medians; DMA as "
		     "measured here)\n");
	table_column_text(table, "Transport + loader");
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column_number(table, headings[i]);
	for (int row = 0; row < CHAIN_ROWS; row++) {
		const struct chain_cell *cell = &chains->cells[row];

		if (cell->why[0])
			continue;
		table_cell(table, "%s", rows[row].name);
		table_cell(table, "%llu", (unsigned long long)cell->bytes);
		table_cell(table, "%.2f", cell->transfer / 1e3);
		table_cell(table, "%.2f", cell->load / 1e3);
		table_cell(table, "%.2f", cell->total / 1e3);
		table_cell(table, "%.2f", cell->min / 1e3);
		table_cell(table, "%.1f", seed / cell->total);
	}
	table_print(table, out);
	table_free(table);
	for (int row = 0; row < CHAIN_ROWS; row++) {
		if (chains->cells[row].why[0])
			fprintf(out, "  %s was not measured: %s\n", rows[row].name,
				chains->cells[row].why);
	}
}

void chain_checks_collect(struct speed_checks *checks, const struct chain_table *table)
{
	static const struct {
		enum chain_row row;
		double bound;
	} ratios[] = { { CHAIN_TRIMMED, 40.0 }, { CHAIN_DEDUP, 200.0 } };
	const struct chain_cell *seed = &table->cells[CHAIN_SEED];

	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		const struct chain_cell *cell = &table->cells[ratios[i].row];
		struct speed_check check = { .unit = "x", .bound = ratios[i].bound };

		snprintf(check.name, sizeof(check.name), "%s / %s", rows[CHAIN_SEED].name,
			 rows[ratios[i].row].name);
		memcpy(check.why, seed->why[0] ? seed->why : cell->why, sizeof(check.why));
		check.measured = check.why[0] ? (double)NAN : seed->total / cell->total;
		check.by_minima = check.why[0] ? 0.0 : seed->min / cell->min;
		speed_check_add(checks, &check);
	}
}
