/*
 * Measures the table by the runner that `soload run` uses: worker processes, random turns, one
 * discarded load at the head of each turn. The two modes take turns too, in passes, so that a
 * machine that changes its mind does so for both.
 */
#include "bench/speed/speed.h"

#include "bench/runner.h"
#include "bench/stats.h"
#include "device/abi.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 4
#define WARMUP 10
#define BATCH 10

static const struct {
	const char *name, *spec; /* the spec is NULL where it is made up from the options */
} rows[SPEED_ROWS] = {
	[SPEED_NULL] = { "null", "null" },
	[SPEED_FLOOR] = { "floor", "floor" },
	[SPEED_DISK] = { "disk", NULL },
	[SPEED_TMPFS] = { "tmpfs", "tmpfs" },
	[SPEED_MEMFD] = { "memfd", "memfd" },
	[SPEED_CACHED] = { "cached", "cached" },
	[SPEED_ELF] = { "elf", "elf" },
	[SPEED_DUALMAP] = { "elf:dualmap", "elf:dualmap" },
	[SPEED_PRELINKED] = { "prelinked", "prelinked" },
};

static const struct {
	const char *name, *file, *symbol;
} objects[SPEED_OBJECTS] = {
	[SPEED_16K] = { "16 KB", "gen_16k.so", SUBJECT_ENTRY },
	[SPEED_390K] = { "390 KB", "gen_390k.so", SUBJECT_ENTRY },
	[SPEED_4M] = { "4 MB", "gen_4m.so", SUBJECT_ENTRY },
	[SPEED_WORKLOAD] = { "workload", "pa_unroll_cxx_nounique.so", ABI_CONFIG_SYMBOL },
};

const char *speed_row_name(enum speed_row row)
{
	return rows[row].name;
}

const char *speed_object_name(enum speed_object object)
{
	return objects[object].name;
}

/* The values of one cell, gathered over the passes. */
struct gathered {
	double *total, *other, *minflt;
	size_t count;
};

struct measurement {
	const struct speed_options *options;
	struct record *record;
	struct subject subjects[SPEED_OBJECTS];
	char paths[SPEED_OBJECTS][PATH_MAX];
	char disk[PATH_MAX];
	int cpu, spinner_cpu;
	uint32_t per_pass;
	struct gathered cells[SPEED_CELLS];
	double *memory;
};

static const char *row_spec(const struct measurement *m, enum speed_row row)
{
	return row == SPEED_DISK ? m->disk : rows[row].spec;
}

/* Measured on the last CPU, since interrupts go to the first; the other thread on another. */
static int cpus_choose(struct measurement *m, struct err *err)
{
	cpu_set_t allowed;

	m->cpu = m->spinner_cpu = -1;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return err_sys(err, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &allowed))
			continue;
		m->spinner_cpu = m->cpu;
		m->cpu = cpu;
	}
	if (m->spinner_cpu < 0)
		return err_set(err, EINVAL,
			       "the table needs two CPUs: one to load, one for another thread");
	return 0;
}

static int subjects_open(struct measurement *m, struct err *err)
{
	for (int i = 0; i < SPEED_OBJECTS; i++) {
		const char *label;
		int r;

		snprintf(m->paths[i], sizeof(m->paths[i]), "%s/%s", m->options->objects,
			 objects[i].file);
		r = subject_open(&m->subjects[i], m->paths[i], objects[i].symbol, true, err);
		if (r < 0)
			return r;
		label = record_object(m->record, m->paths[i], m->subjects[i].file.bytes,
				      m->subjects[i].file.size);
		if (label)
			m->subjects[i].label = label;
	}
	return 0;
}

/* Absence is found out once, with its reason. */
static void rows_try(const struct measurement *m, struct speed_table *table)
{
	for (int row = 0; row < SPEED_ROWS; row++) {
		struct loader *loader = NULL;
		struct err err = { "" };

		table->absent[row][0] = '\0';
		if (loader_open(&loader, row_spec(m, (enum speed_row)row), &err) < 0)
			snprintf(table->absent[row], sizeof(table->absent[row]), "%s", err.text);
		loader_close(loader);
	}
}

static int cells_open(struct measurement *m, struct err *err)
{
	size_t room = (size_t)m->per_pass * PASSES;
	double *next;

	m->memory = calloc(room * 3 * SPEED_CELLS, sizeof(double));
	if (!m->memory)
		return err_set(err, ENOMEM, "out of memory: use fewer loads (-n)");
	next = m->memory;
	for (int i = 0; i < SPEED_CELLS; i++) {
		struct gathered *cell = &m->cells[i];

		cell->total = next;
		cell->other = next + room;
		cell->minflt = next + 2 * room;
		next += 3 * room;
	}
	return 0;
}

static struct arm *arms_make(struct measurement *m, const struct speed_table *table,
			     size_t *ret_count)
{
	struct arm *arms = calloc(SPEED_OBJECTS * SPEED_ROWS, sizeof(*arms));
	size_t count = 0;

	for (int object = 0; arms && object < SPEED_OBJECTS; object++) {
		for (int row = 0; row < SPEED_ROWS; row++) {
			if (table->absent[row][0])
				continue;
			arms[count].subject = &m->subjects[object];
			arms[count++].loader = row_spec(m, (enum speed_row)row);
		}
	}
	*ret_count = count;
	return arms;
}

/* Adds what an arm measured to its cell; an arm that failed makes its row absent. */
static void arm_gather(struct measurement *m, const struct arm *arm, enum speed_mode mode,
		       struct speed_table *table)
{
	enum speed_object object = (enum speed_object)(arm->subject - m->subjects);
	struct gathered *cell;
	int row = 0;

	while (strcmp(row_spec(m, (enum speed_row)row), arm->loader) != 0)
		row++;
	if (arm->error.text[0] || arm->stale) {
		snprintf(table->absent[row], sizeof(table->absent[row]), "%s: %.480s",
			 objects[object].name,
			 arm->error.text[0] ? arm->error.text : arm->stale_reason);
		return;
	}
	cell = &m->cells[speed_cell_index(object, mode, (enum speed_row)row)];
	for (uint32_t i = 0; i < arm->count; i++) {
		const struct arm_values *values = &arm->values[i];

		cell->total[cell->count] = values->total_ns;
		cell->other[cell->count] = values->phase_ns[PHASE_OTHER];
		cell->minflt[cell->count++] = values->minflt;
	}
}

static int pass_run(struct measurement *m, int pass, enum speed_mode mode,
		    struct speed_table *table, struct err *err)
{
	const struct runner_options options = {
		.loads = m->per_pass,
		.warmup = WARMUP,
		.batch = BATCH,
		.seed = m->options->seed + (uint64_t)pass * SPEED_MODES + mode,
		.cpu = m->cpu,
		.spinner = mode == SPEED_BESIDE,
		.spinner_cpu = m->spinner_cpu,
	};
	struct runner runner;
	struct arm *arms;
	size_t count;
	int r;

	arms = arms_make(m, table, &count);
	if (!arms || runner_open(&runner, &options, m->record, arms, count) < 0)
		return err_set(err, ENOMEM, "out of memory: use fewer loads (-n)");
	r = runner_run(&runner, err);
	for (size_t i = 0; i < count; i++)
		arm_gather(m, &runner.arms[i], mode, table);
	runner_close(&runner);
	return r;
}

static void cell_reduce(const struct gathered *from, struct speed_cell *cell)
{
	double total, other;

	*cell = (struct speed_cell){ .loads = from->count };
	stats_sort(from->total, from->count);
	stats_sort(from->other, from->count);
	total = stats_median(from->total, from->count);
	other = stats_median(from->other, from->count);
	cell->other_share = other / total;
	stats_sort(from->minflt, from->count);
	cell->min = from->count ? from->total[0] : (double)NAN;
	cell->p50 = stats_median(from->total, from->count);
	cell->p90 = stats_percentile(from->total, from->count, 90.0);
	cell->minflt = stats_median(from->minflt, from->count);
}

static int everything_run(struct measurement *m, struct speed_table *table, struct err *err)
{
	int r = cpus_choose(m, err);

	if (r == 0)
		r = subjects_open(m, err);
	if (r == 0)
		r = cells_open(m, err);
	if (r < 0)
		return r;
	rows_try(m, table);
	for (int pass = 0; pass < PASSES && r == 0; pass++) {
		for (int mode = 0; mode < SPEED_MODES && r == 0; mode++)
			r = pass_run(m, pass, (enum speed_mode)mode, table, err);
	}
	for (int i = 0; i < SPEED_CELLS; i++)
		cell_reduce(&m->cells[i], &table->cells[i]);
	return r;
}

int speed_measure(const struct speed_options *options, struct record *record,
		  struct speed_table *ret_table, struct err *err)
{
	struct measurement *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_set(err, ENOMEM, "out of memory");
	m->options = options;
	m->record = record;
	m->per_pass = (options->loads + PASSES - 1) / PASSES;
	snprintf(m->disk, sizeof(m->disk), "disk:dirs=%s", options->disk);
	r = everything_run(m, ret_table, err);
	for (int i = 0; i < SPEED_OBJECTS; i++)
		subject_close(&m->subjects[i]);
	free(m->memory);
	free(m);
	return r;
}
